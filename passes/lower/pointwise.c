/* pointwise.c - Add, Sub and Mul of two tensors of codes, and tables: any chain of pointwise
 * operators of one variable between 8-bit codes and Quantize is evaluated for all 256 codes at
 * compile time.  int16 codes, for which tables are too large, become others by QRequantize. */
#include <math.h>
#include <string.h>

#include "passes/lower/lower.h"
#include "passes/simplify/simplify.h"

enum { MAX_TABLES = 16 };

/* Codes of the types that Add and Mul of two tensors know, the same for all three. */
static bool are_operands(const Tensor *a, const Tensor *b, const Tensor *y) {
  return a && b && a->dtype == b->dtype && a->dtype == y->dtype &&
         (a->dtype == DT_I8 || a->dtype == DT_I16);
}

/* By rule float. */
static bool add_reals(Graph *g, Node *n, Node *quantize, Tensor *a, Tensor *b) {
  Tensor *y = quantize->out[0];
  int32_t lo, hi;
  bool sub = is_op(n, "Sub");
  clamp_codes(n, y, &lo, &hi);
  Node *q = replace_by(g, n, quantize, "QAdd", 2, (Tensor *[]){a, b});
  set_str(g, q, "rule", "float");
  set_int(g, q, "a_zero", zero_of(a)), set_int(g, q, "b_zero", zero_of(b));
  set_float(g, q, "a_scale", scale_of(a)), set_float(g, q, "b_scale", sub ? -scale_of(b) : scale_of(b));
  set_float(g, q, "y_scale", scale_of(y));
  set_int(g, q, "y_zero", zero_of(y));
  set_int(g, q, "lo", lo), set_int(g, q, "hi", hi);
  return true;
}

bool lower_add(Graph *g, Context *cx, Node *n, Node *quantize) {
  Tensor *a = codes_of(n->in[0]), *b = codes_of(n->in[1]), *y = quantize->out[0];
  if (!are_operands(a, b, y)) return false;
  if (wants_float(cx, y)) return add_reals(g, n, quantize, a, b);
  /* Who quantized the network has seen codes that are rounded once. */
  bool fine = attr_int(quantize, "imported", 0);
  double ra = scale_of(a) / scale_of(y), rb = scale_of(b) / scale_of(y), larger = fmax(ra, rb);
  /* So that two products and c fit 32 bits. */
  int shift = 22, most = a->dtype == DT_I16 ? INT16_MAX / 2 : fine ? 1 << 21 : INT16_MAX;
  while (shift > 1 && rint(ldexp(larger, shift)) > most) shift--;
  if (rint(ldexp(larger, shift)) > most) return false;
  int64_t ma = (int64_t)rint(ldexp(ra, shift)), mb = (int64_t)rint(ldexp(rb, shift));
  if (is_op(n, "Sub")) mb = -mb;
  int64_t c =
      ((int64_t)zero_of(y) * (1 << shift)) + (1 << (shift - 1)) - zero_of(a) * ma - zero_of(b) * mb;
  int32_t lo, hi;
  clamp_codes(n, y, &lo, &hi);
  Node *q = replace_by(g, n, quantize, "QAdd", 2, (Tensor *[]){a, b});
  set_int(g, q, "a_mul", ma);
  set_int(g, q, "b_mul", mb);
  set_int(g, q, "c", c);
  set_int(g, q, "shift", shift);
  set_int(g, q, "lo", lo);
  set_int(g, q, "hi", hi);
  return true;
}

bool lower_mul(Graph *g, Context *cx, Node *n, Node *quantize) {
  Tensor *a = codes_of(n->in[0]), *b = codes_of(n->in[1]), *y = quantize->out[0];
  if (!are_operands(a, b, y)) return false;
  double scale = scale_of(a) * scale_of(b) / scale_of(y);
  int32_t m, lo, hi;
  int shift = 0;
  bool real = wants_float(cx, y);
  if (real) scale = scale_in_float(scale_of(a), scale_of(b), scale_of(y)), pick_bits(1, &scale, &m);
  if (!real && !pick_rescale(y, 1, &scale, largest_code(a) * largest_code(b), &m, &shift)) return false;
  clamp_codes(n, y, &lo, &hi);
  Node *q = replace_by(g, n, quantize, "QMul", 2, (Tensor *[]){a, b});
  set_int(g, q, "a_zero", zero_of(a));
  set_int(g, q, "b_zero", zero_of(b));
  set_int(g, q, "m", m);
  if (real) set_str(g, q, "rule", "float");
  set_rescale(g, q, shift, zero_of(y), lo, hi);
  return true;
}

/* The one input of a pointwise node that is not constant; -1 when there is none or several, or
 * when a constant varies along more than the last dimension.  *channels is raised to the
 * constants' size. */
static int variable_input(const Node *n, int64_t *channels) {
  int at = -1;
  if (!(n->op->flags & OP_POINTWISE) || (n->op->flags & OP_QDQ) || n->n_out != 1) return -1;
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    if (!t) continue;
    if (!is_const(t)) {
      if (at >= 0) return -1;
      at = i;
    } else if (n_elements(t) > 1) {
      if (t->rank == 0 || t->dim[t->rank - 1] != n_elements(t)) return -1;
      *channels = n_elements(t);
    }
  }
  return at;
}

/* Copies a node of the chain into the small graph t, reading x. */
static Tensor *copy_node(Graph *t, const Node *n, int at, Tensor *x) {
  Tensor **in = arena_alloc(t->arena, (n->n_in + 1) * (int64_t)sizeof *in);
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *c = n->in[i];
    in[i] = i == at ? x
            : c     ? new_const(t, fresh_name(t, c->name), c->dtype, c->rank, c->dim, c->data)
                    : NULL;
    if (in[i] && i != at) in[i]->quant = c->quant;
  }
  Tensor *y = new_tensor(t, fresh_name(t, n->out[0]->name), DT_NONE, -1, NULL);
  if (n->op->flags & OP_QDQ)
    y->quant = n->out[0]->quant, y->dtype = n->out[0]->quant ? n->out[0]->dtype : DT_NONE;
  Node *copy = add_node(t, -1, n->op->name, fresh_name(t, n->name), n->n_in, in, 1, &y);
  for (int i = 0; i < n->n_attr; i++) set_attr(t, copy, &n->attr[i]);
  infer_node(t, copy);
  return y;
}

/* Runs the chain over all codes: y's, [code][channel]. */
static const void *run_chain(Graph *g, Node *const *chain, const int *at, int n, const Tensor *x,
                               int64_t channels) {
  Graph *t = new_graph(g->arena, "table");
  t->opset = g->opset;
  int rank = x->rank < 2 ? 2 : x->rank;
  int64_t dim[MAX_RANK];
  for (int i = 0; i < rank; i++) dim[i] = i == rank - 2 ? 256 : i == rank - 1 ? channels : 1;
  Tensor *in = new_tensor(t, "codes", x->dtype, rank, dim), *y = in;
  in->quant = x->quant;
  t->in = arena_alloc(g->arena, sizeof *t->in);
  t->in[t->n_in++] = in;
  for (int i = n - 1; i >= 0; i--) y = copy_node(t, chain[i], at[i], y);
  t->out = arena_alloc(g->arena, sizeof *t->out);
  t->out[t->n_out++] = y;
  int8_t *codes = arena_alloc(g->arena, 256 * channels);
  void *out = arena_alloc(g->arena, tensor_bytes(y));
  for (int i = 0; i < 256; i++)
    for (int64_t c = 0; c < channels; c++)
      codes[i * channels + c] = (int8_t)(x->dtype == DT_U8 ? i : i - 128);
  Interp *it = new_interp(t);
  run_interp(it, (const void *const[]){codes}, NULL, NULL);
  memcpy(out, interp_value(it, y), (size_t)tensor_bytes(y));
  free_interp(it);
  return out;
}

/* Is every node on the way read by the next one only? The Dequantize may have other readers. */
static int find_chain(const Graph *g, Node *quantize, Node **chain, int *at, int max,
                      int64_t *channels) {
  int n = 0;
  for (Node *p = quantize; n < max;) {
    chain[n] = p;
    if (is_op(p, "Dequantize")) return at[n] = 0, n + 1;
    if (is_op(p, "Cast") && (p->in[0]->dtype == DT_U8 || p->in[0]->dtype == DT_I8))
      return at[n] = 0, n + 1;
    if (attr_int(p, "keep_float", 0)) return 0;
    at[n] = p == quantize ? 0 : variable_input(p, channels);
    if (at[n] < 0 || (p != quantize && only_user(g, p->out[0]) == NULL)) return 0;
    if (p != quantize && is_graph_output(g, p->out[0])) return 0;
    Tensor *x = p->in[at[n++]];
    if (!x->def) return 0;
    p = x->def;
  }
  return 0;
}

/* By rule tflite each function of codes rounds by itself; where there is none between the codes, their scale
 * changes. */
static bool has_rule(const Context *cx, Node *const *chain, int n, const Tensor *x, const Tensor *y, void *table) {
  return n <= 3 && is_op(chain[n - 1], "Dequantize") && wants_tflite(cx, chain[n - 2]) &&
         tflite_table(chain[n == 3 ? 1 : n - 1], x, y, table);
}

bool lower_lookup(Graph *g, Context *cx, Node *quantize) {
  enum { MAX_CHAIN = 16 };
  Node *chain[MAX_CHAIN];
  int at[MAX_CHAIN];
  int64_t channels = 1;
  int n = find_chain(g, quantize, chain, at, MAX_CHAIN, &channels);
  if (n < 2) return false;
  Tensor *x = chain[n - 1]->in[0], *y = quantize->out[0];
  if ((x->dtype != DT_I8 && x->dtype != DT_U8) || is_const(x) || channels > MAX_TABLES ||
      (y->dtype != DT_I8 && y->dtype != DT_I16))
    return false;
  if (channels > 1 && x->dim[x->rank - 1] != channels) return false;
  const void *out = run_chain(g, chain, at, n, x, channels);
  if (n == 2 && x->dtype == DT_I8 && x->dtype == y->dtype && x->quant && x->quant->scale[0] == y->quant->scale[0] &&
      x->quant->zero[0] == y->quant->zero[0] && !is_graph_output(g, y)) {
    replace_uses(g, y, x);
    remove_node(g, quantize);
    return true;
  }
  void *table = arena_alloc(g->arena, 256 * channels * dtype_bytes(y->dtype));
  for (int i = 0; i < 256; i++)
    for (int64_t c = 0; c < channels; c++)
      set_real(y->dtype, table, c * 256 + i, get_real(y->dtype, out, i * channels + c));
  if (channels == 1) has_rule(cx, chain, n, x, y, table);
  int64_t dim[2] = {channels, 256};
  const char *name = n > 2 ? chain[1]->name : quantize->name;
  Tensor *t = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_table", name)), y->dtype,
                        channels > 1 ? 2 : 1, channels > 1 ? dim : dim + 1, table);
  replace_quantize(g, quantize, "QLookup", fresh_name(g, name), 2, (Tensor *[]){x, t});
  return true;
}

bool lower_requantize(Graph *g, Node *quantize) {
  Node *n = quantize->in[0]->def;
  double low = -INFINITY, high = INFINITY;
  bool clamp = read_clamp(n, &low, &high);
  if (clamp && only_user(g, n->out[0]) != quantize) return false;
  Tensor *x = codes_of(clamp ? n->in[0] : n->out[0]), *y = quantize->out[0];
  if (!x || x->dtype != DT_I16 || is_const(x) || (y->dtype != DT_I8 && y->dtype != DT_I16))
    return false;
  if (!clamp && x->dtype == y->dtype && scale_of(x) == scale_of(y) && !is_graph_output(g, y)) {
    replace_uses(g, y, x);
    remove_node(g, quantize);
    return true;
  }
  double scale = scale_of(x) / scale_of(y);
  int32_t m;
  int shift;
  if (!pick_rescale(y, 1, &scale, largest_code(x), &m, &shift)) return false;
  const char *name = fresh_name(g, clamp ? n->name : quantize->name);
  Node *q = replace_quantize(g, quantize, "QRequantize", name, 1, &x);
  set_int(g, q, "m", m);
  set_rescale(g, q, shift, zero_of(y), code_of(y, low), code_of(y, high));
  return true;
}
