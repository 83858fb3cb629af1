/* integers.c - what a model quantized with scales of run time has between real numbers is a layer on such codes:
 * DynamicQuantizeLinear becomes DynamicQuantize and DynamicDequantize, of codes of int8, and a product of its codes
 * that is scaled back becomes a product of real numbers, whose weights `import` folds and remembers the codes of.  From
 * there on it is the layer that `activations: {mode: dynamic}` makes, but for its zero points (lower/dynamic.c).
 *
 *   q, s, z = DynamicQuantizeLinear(x)
 *   y = Mul(Cast(MatMulInteger(q, w, z, w_zero)), Mul(s, w_scale))
 *   ==>  codes, scale, zero = DynamicQuantize(x)
 *        y = MatMul(DynamicDequantize(codes, scale, zero), DequantizeLinear(w, w_scale, w_zero))
 *
 * Factors may come one by one and in any order, moves between them or in front of the product.  So does
 * DequantizeLinear(q, s, z), which com.microsoft's products have.  Products that are used as integers, or whose sums
 * might need more than 32 bits, stay what they are (ir/ops/integer.c). */
#include <math.h>
#include <string.h>

#include "passes/quant/quant.h"
#include "passes/simplify/simplify.h"

static Tensor *input(const Node *n, int i) { return i < n->n_in ? n->in[i] : NULL; }

/* A move of one tensor, its first input; the others say how. */
static bool is_plain_move(const Node *n) {
  return n && is_move(n) && n->n_out == 1 && !is_op(n, "Concat") && !is_op(n, "Pad");
}

/* ---- activations */

/* The real numbers of the codes that d, a DynamicQuantizeLinear, makes; computed once. */
static Tensor *reals_of(Graph *g, const Node *d) {
  Tensor *x = d->in[0];
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    if (is_op(n, "DynamicDequantize") && n->n_in > 2 && n->in[0]->def->in[0] == x) return n->out[0];
  }
  static const char *const part[] = {"codes", "scale", "zero"};
  const char *name = fresh_name(g, arena_printf(g->arena, "%s_dq", x->name));
  Tensor *out[3], *y = new_tensor(g, name, DT_NONE, -1, NULL);
  for (int i = 0; i < 3; i++)
    out[i] = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_%s", x->name, part[i])), DT_NONE, -1, NULL);
  int at = node_index(g, d);
  Node *q = add_node(g, at, "DynamicQuantize", out[0]->name, 1, &x, 3, out);
  infer_node(g, q);
  Node *decode = add_node(g, at + 1, "DynamicDequantize", y->name, 3, out, 1, &y);
  infer_node(g, decode);
  q->loc = decode->loc = d->loc;
  return y;
}

/* The DynamicQuantizeLinear whose codes t is, behind moves perhaps, or NULL. */
static Node *coded_by(const Tensor *t) {
  while (t && is_plain_move(t->def)) t = t->def->in[0];
  return t && is_op(t->def, "DynamicQuantizeLinear") && t == t->def->out[0] ? t->def : NULL;
}

/* Real numbers of such codes, behind the same moves, in front of node n. */
static Tensor *decoded(Graph *g, const Tensor *codes, const Node *n) {
  Node *move = codes->def;
  if (!is_plain_move(move)) return reals_of(g, move);
  Tensor *in[8] = {decoded(g, move->in[0], n)};
  int n_in = move->n_in < 8 ? move->n_in : 8;
  for (int i = 1; i < n_in; i++) in[i] = move->in[i];
  Tensor *y = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_dq", codes->name)), DT_NONE, -1, NULL);
  Node *same = add_node(g, node_index(g, n), move->op->name, y->name, n_in, in, 1, &y);
  same->loc = move->loc;
  for (int i = 0; i < move->n_attr; i++) set_attr(g, same, &move->attr[i]);
  infer_node(g, same);
  return y;
}

/* y = DequantizeLinear(q, s, z) */
static bool take_decoded(Graph *g, Node *n) {
  const Node *d = is_op(n, "DequantizeLinear") ? coded_by(n->in[0]) : NULL;
  if (!d || n->in[1] != d->out[1] || input(n, 2) != d->out[2] || n->out[0]->dtype != DT_F32) return false;
  Tensor *x = decoded(g, n->in[0], n);
  if (is_graph_output(g, n->out[0])) {
    Tensor *y = n->out[0];
    int at = node_index(g, n);
    y->def = NULL, n->out[0] = NULL;
    remove_node(g, n);
    add_node(g, at, "Identity", fresh_name(g, y->name), 1, &x, 1, &y);
    return true;
  }
  bypass(g, n, x);
  return true;
}

/* ---- weights */

/* Dimension of a product's weights, and of its output, that counts output channels. */
static int weight_axis(const Node *n) { return is_op(n, "ConvInteger") || is_op(n, "Conv") ? 0 : 1; }
static int output_axis(const Node *n) { return weight_axis(n) == 0 ? 1 : n->out[0]->rank - 1; }

/* Constant codes of 8 bits with constant zero points: a matrix, or those of a convolution of one or two dimensions. */
static bool has_coded_weights(const Node *n, const Tensor *w, const Tensor *zero) {
  bool conv = weight_axis(n) == 0, codes = is_const(w) && (w->dtype == DT_I8 || w->dtype == DT_U8);
  if (!codes || n_elements(w) < 1 || (conv ? w->rank != 3 && w->rank != 4 : w->rank != 2)) return false;
  if (!conv && n->in[0]->rank < 2) return false;
  if (!zero) return true;
  bool fits = n_elements(zero) == 1 || n_elements(zero) == w->dim[weight_axis(n)];
  return is_const(zero) && zero->dtype == w->dtype && fits;
}

static int64_t zero_at(const Tensor *zero, int64_t channel) {
  return zero ? get_int(zero->dtype, zero->data, n_elements(zero) > 1 ? channel : 0) : 0;
}

/* Do the sums of the layer, and what kernels make of them, fit int32?  As largest_shifted_sum() of lower.h. */
static bool sums_fit(const Node *n, const Tensor *w, const Tensor *zero) {
  int axis = weight_axis(n);
  int64_t channels = w->dim[axis], depth = n_elements(w) / channels, inner = axis == 0 ? depth : 1;
  for (int64_t c = 0; c < channels; c++) {
    double sum = 128.0 * 128 * (double)depth;
    for (int64_t i = 0; i < depth; i++) {
      int64_t at = axis == 0 ? c * inner + i : i * channels + c;
      sum += 255 * fabs((double)(get_int(w->dtype, w->data, at) - zero_at(zero, c)));
    }
    if (sum > INT32_MAX) return false;
  }
  return true;
}

/* w decoded by scale[channels], in front of node n. */
static Tensor *decoded_weights(Graph *g, const Node *n, Tensor *w, const Tensor *zero, const float *scale) {
  int64_t channels = w->dim[weight_axis(n)], one = 1;
  bool same = !zero || n_elements(zero) == 1;
  for (int64_t c = 0; c < channels; c++) same = same && scale[c] == scale[0];
  int64_t count = same ? one : channels;
  float *s = arena_alloc(g->arena, count * (int64_t)sizeof *s);
  int8_t *z = arena_alloc(g->arena, count);
  for (int64_t c = 0; c < count; c++) s[c] = scale[c], z[c] = (int8_t)zero_at(zero, c);
  int rank = same ? 0 : 1;
  Tensor *in[3] = {w, new_const(g, fresh_name(g, arena_printf(g->arena, "%s_scale", w->name)), DT_F32, rank, &count, s),
                   new_const(g, fresh_name(g, arena_printf(g->arena, "%s_zero", w->name)), w->dtype, rank, &count, z)};
  Tensor *y = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_dq", w->name)), DT_NONE, -1, NULL);
  Node *d = add_node(g, node_index(g, n), "DequantizeLinear", y->name, 3, in, 1, &y);
  d->loc = n->loc;
  set_int(g, d, "axis", weight_axis(n));
  set_int(g, d, "keep_zero", 1);
  infer_node(g, d);
  return y;
}

/* A product of real numbers that somebody else has made of codes: its weights may keep their zero points. */
static void keep_zero_points(Graph *g, const Node *n) {
  if (!is_op(n, "MatMul") && !is_op(n, "Conv") && !is_op(n, "Gemm")) return;
  const Tensor *x = n->in[0];
  Node *d = n->in[1]->def;
  while (is_plain_move(x->def)) x = x->def->in[0];
  if (!is_op(x->def, "DynamicDequantize") || x->def->n_in < 3 || !is_op(d, "DequantizeLinear")) return;
  if (is_op(n, "Gemm") && (attr_int(n, "transB", 0) || attr_int(n, "transA", 0))) return;
  const Tensor *zero = input(d, 2);
  if (has_coded_weights(n, d->in[0], zero) && sums_fit(n, d->in[0], zero)) set_int(g, d, "keep_zero", 1);
}

/* ---- factors */

static Tensor *reshaped(Graph *g, const Tensor *c, const Tensor *like) {
  return new_const(g, fresh_name(g, c->name), DT_F32, like->rank, like->dim, c->data);
}

/* t = scale * c, the scale of activations times a constant: sets *c, NULL for 1. */
static bool read_factor(Graph *g, const Tensor *t, const Tensor *scale, const Tensor **c) {
  *c = NULL;
  if (t == scale) return true;
  Node *n = t->def;
  if (is_op(n, "Identity")) return read_factor(g, n->in[0], scale, c);
  if (is_op(n, "Reshape") || is_op(n, "Unsqueeze") || is_op(n, "Squeeze")) {
    if (!read_factor(g, n->in[0], scale, c)) return false;
    if (*c) *c = reshaped(g, *c, t);
    return true;
  }
  if (!is_op(n, "Mul")) return false;
  for (int i = 0; i < 2; i++) {
    if (!is_float_const(n->in[i]) || !read_factor(g, n->in[1 - i], scale, c)) continue;
    if (*c) return false; /* as many factors as that are nobody's */
    *c = n->in[i];
    return true;
  }
  return false;
}

/* A Mul behind a product, and its constant part, NULL for 1. */
typedef struct Factor {
  Node *mul;
  Tensor *by;          /* what the product is multiplied with, `from` being the other operand */
  const Tensor *rest;
  const float *scale;  /* of the channels, or NULL: the constant stays a factor */
} Factor;

enum { MAX_FACTORS = 4 };

/* Those behind t, real numbers of product n; 0 where none of them is the scale. */
static int find_factors(Graph *g, const Node *n, Tensor *t, const Tensor *scale, Factor *f) {
  int count = 0;
  bool found = false, moved = false;
  int64_t channels = n->in[1]->dim[weight_axis(n)];
  for (Node *u; count < MAX_FACTORS && (u = only_user(g, t)) != NULL; t = u->out[0]) {
    if (is_plain_move(u) && u->in[0] == t) {
      moved = true;
      continue;
    }
    if (!is_op(u, "Mul")) break;
    Tensor *by = u->in[u->in[0] == t];
    const Tensor *rest = NULL;
    if (!found && read_factor(g, by, scale, &rest)) found = true;
    else if (is_float_const(by)) rest = by;
    else break;
    Factor *last = &f[count++];
    *last = (Factor){.mul = u, .by = by, .rest = rest};
    bool single = !rest || n_elements(rest) == 1;
    if (!same_shape(t, u->out[0]) || (moved && !single)) continue;
    float *ones = arena_alloc(g->arena, channels * (int64_t)sizeof *ones);
    for (int64_t i = 0; i < channels; i++) ones[i] = 1;
    int axis = single ? t->rank - 1 : output_axis(n);
    last->scale = rest ? per_channel(g, (Tensor *)rest, t->rank, axis, channels) : ones;
  }
  return found ? count : 0;
}

/* The constant part in the shape of the whole factor. */
static Tensor *constant_part(Graph *g, const Factor *f) {
  int64_t n = n_elements(f->by);
  float *v = arena_alloc(g->arena, n * (int64_t)sizeof *v + 1);
  for (int64_t i = 0; i < n; i++) v[i] = f->rest ? floats_of(f->rest)[n_elements(f->rest) == 1 ? 0 : i] : 1;
  return new_const(g, fresh_name(g, f->by->name), DT_F32, f->by->rank, f->by->dim, v);
}

/* Multiplies what goes into the weights' scales; the rest stays. */
static void apply_factors(Graph *g, int n, Factor *f, int64_t channels, float *scale) {
  for (int i = 0; i < n; i++) {
    Node *mul = f[i].mul;
    int at = mul->in[1] == f[i].by;
    if (f[i].scale) {
      for (int64_t c = 0; c < channels; c++) scale[c] *= f[i].scale[c];
      bypass(g, mul, mul->in[1 - at]);
    } else {
      set_input(g, mul, at, constant_part(g, &f[i]));
    }
  }
}

/* y = Mul(Cast(product of codes), ...) */
static bool take_product(Graph *g, Node *n) {
  bool conv = is_op(n, "ConvInteger");
  if (!conv && !is_op(n, "MatMulInteger")) return false;
  const Node *d = coded_by(n->in[0]);
  Tensor *w = n->in[1], *zero = input(n, 3);
  Node *cast = only_user(g, n->out[0]);
  if (!d || input(n, 2) != d->out[2] || !is_op(cast, "Cast") || cast->out[0]->dtype != DT_F32) return false;
  if (!has_coded_weights(n, w, zero) || !sums_fit(n, w, zero)) return false;
  Factor f[MAX_FACTORS];
  int count = find_factors(g, n, cast->out[0], d->out[1], f);
  if (count == 0) return false;
  int64_t channels = w->dim[weight_axis(n)];
  float *scale = arena_alloc(g->arena, channels * (int64_t)sizeof *scale);
  for (int64_t i = 0; i < channels; i++) scale[i] = 1;
  apply_factors(g, count, f, channels, scale);
  Tensor *x = decoded(g, n->in[0], n), *reals = decoded_weights(g, n, w, zero, scale), *y = cast->out[0];
  y->def = NULL, cast->out[0] = NULL;
  remove_node(g, cast);
  Node *product = add_node(g, node_index(g, n), conv ? "Conv" : "MatMul", n->name, 2, (Tensor *[]){x, reals}, 1, &y);
  product->loc = n->loc;
  for (int i = 0; i < n->n_attr; i++) set_attr(g, product, &n->attr[i]);
  infer_node(g, product);
  remove_node(g, n);
  return true;
}

void pass_integers(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_node; i++)
    if (take_decoded(g, g->node[i]) || take_product(g, g->node[i])) i = -1;
  for (int i = 0; i < g->n_node; i++) keep_zero_points(g, g->node[i]);
}
