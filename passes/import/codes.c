/* codes.c - what `import` left as floats that remember their codes becomes codes behind a Dequantize
 * where an operator has kernels for them, and moves work on codes.  Stands where `quantize` does the same for
 * what we quantize ourselves; from here on both are alike.
 *
 *   y = Conv(Dequantize(q), w quant=int8(...))   ==>   y = Conv(Dequantize(q), Dequantize(w codes))
 *   y = Reshape(Dequantize(q))                   ==>   y = Dequantize(Quantize(Reshape(Dequantize(q))))
 */
#include <string.h>

#include "passes/import/import.h"
#include "passes/quant/quant.h"
#include "passes/simplify/simplify.h"

bool equal_quant(const QuantSpec *a, const QuantSpec *b) {
  return a->format == b->format && a->n == 1 && b->n == 1 && a->scale[0] == b->scale[0] &&
         a->zero[0] == b->zero[0];
}

Tensor *activation_codes(const Tensor *t) {
  Tensor *codes = t && is_op(t->def, "Dequantize") ? t->def->in[0] : NULL;
  return codes && !is_const(codes) && codes->quant->n == 1 ? codes : NULL;
}

Tensor *add_rounding(Graph *g, int at, Tensor *x, QuantSpec *q, const char *base) {
  Tensor *codes = copy_tensor(g, fresh_name(g, base), x);
  codes->dtype = q->format->dtype;
  codes->quant = q;
  codes->has_range = false;
  add_node(g, at, "Quantize", codes->name, 1, &x, 1, &codes);
  Tensor *y = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_dq", codes->name)), DT_NONE, -1, NULL);
  infer_node(g, add_node(g, at + 1, "Dequantize", y->name, 1, &codes, 1, &y));
  return y;
}

/* ---- moves */

static bool is_real(const Tensor *t) { return t && !is_const(t) && t->dtype == DT_F32; }

/* Is the tensor read by a Quantize only, of whose output it takes the quantization? */
static QuantSpec *rounded_to(const Graph *g, const Tensor *t) {
  Node *q = is_graph_output(g, t) ? NULL : only_user(g, t);
  return is_op(q, "Quantize") ? q->out[0]->quant : NULL;
}

/* Every real number that the move reads is a code of one quantization; which, or NULL. */
static QuantSpec *quant_of_inputs(const Node *n) {
  QuantSpec *q = NULL;
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i], *codes = activation_codes(t);
    if (!t || (is_const(t) && (i > 0 || t->dtype != DT_F32)) || (!is_const(t) && t->dtype != DT_F32)) continue;
    if (!codes || (q && !equal_quant(q, codes->quant))) return NULL;
    q = codes->quant;
  }
  return q;
}

/* Does the move only bring elements of its inputs, and zeros, which every quantization has? */
static bool keeps_numbers(const Node *n) {
  if (!is_op(n, "Pad") || n->n_in < 3 || !n->in[2]) return true;
  return is_float_const(n->in[2]) && floats_of(n->in[2])[0] == 0;
}

/* y = Move(Dequantize(q)), not rounded: it is rounded, which changes nothing. */
static bool round_output(Graph *g, Node *n) {
  QuantSpec *q = quant_of_inputs(n);
  Tensor *y = n->out[0];
  if (!q || n->n_out != 1 || y->dtype != DT_F32 || rounded_to(g, y) || !keeps_numbers(n)) return false;
  Tensor *inner = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_moved", y->name)), y);
  n->out[0] = inner, inner->def = n, y->def = NULL;
  int at = node_index(g, n) + 1;
  Tensor *codes = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_codes", y->name)), y);
  codes->dtype = q->format->dtype, codes->quant = q, codes->has_range = false;
  add_node(g, at, "Quantize", codes->name, 1, &inner, 1, &codes);
  add_node(g, at + 1, "Dequantize", fresh_name(g, y->name), 1, &codes, 1, &y);
  return true;
}

/* Quantize(Move(x)): x is rounded already, and so is what Concat joins.  Only where x has nobody else who
 * would read it otherwise, or is rounded already, in another way. */
static bool round_inputs(Graph *g, Node *n) {
  QuantSpec *q = n->n_out == 1 ? rounded_to(g, n->out[0]) : NULL;
  bool changed = false;
  if (!q) return false;
  for (int i = 0; i < n->n_in; i++) {
    Tensor *x = n->in[i];
    const Tensor *codes = activation_codes(x);
    if (!is_real(x) || (codes && equal_quant(codes->quant, q))) continue;
    if (!codes && only_user(g, x) != n) continue;
    int at = node_index(g, n);
    set_input(g, n, i, add_rounding(g, at, x, q, arena_printf(g->arena, "%s_codes", x->name)));
    changed = true;
  }
  return changed;
}

/* y = Move(DynamicDequantize(q)) of one scale ==> y = DynamicDequantize(Move(q)) */
static bool move_dynamic(Graph *g, Node *n) {
  Node *d = is_move(n) && n->n_in > 0 && n->n_out == 1 && n->in[0] ? n->in[0]->def : NULL;
  if (!is_op(d, "DynamicDequantize") || d->n_in < 3 || is_op(n, "Concat") || is_op(n, "Pad")) return false;
  Tensor *y = n->out[0], *codes = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_codes", y->name)), y);
  codes->dtype = DT_I8;
  y->def = NULL, n->out[0] = codes, codes->def = n;
  set_input(g, n, 0, d->in[0]);
  add_node(g, node_index(g, n) + 1, "DynamicDequantize", fresh_name(g, y->name), 3,
           (Tensor *[]){codes, d->in[1], d->in[2]}, 1, &y)->loc = d->loc;
  return true;
}

static void round_all_inputs(Graph *g) {
  for (int i = g->n_node - 1; i >= 0; i--) {
    Node *n = g->node[i];
    if (is_move(n) && round_inputs(g, n)) i = node_index(g, n);
  }
}

static void round_moves(Graph *g) {
  for (int i = 0; i < g->n_node; i++)
    if (is_move(g->node[i]) && round_output(g, g->node[i])) i++;
  round_all_inputs(g);
}

void free_moves(Graph *g) {
  round_all_inputs(g);
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    QuantSpec *q = is_move(n) && n->n_out == 1 ? rounded_to(g, n->out[0]) : NULL, *own = q ? quant_of_inputs(n) : NULL;
    if (!own || !equal_quant(own, q) || !keeps_numbers(n)) continue;
    Node *d = only_user(g, only_user(g, n->out[0])->out[0]);
    if (is_op(d, "Dequantize") && !is_graph_output(g, d->in[0])) bypass(g, d, n->out[0]);
  }
  remove_dead(g);
}

/* ---- constants */

/* May operand i of the node be codes? */
static bool takes_codes(const Node *n, int i) {
  const Tensor *w = n->in[i];
  if (has_zero_points(w->quant) && !is_op(n->in[0]->def, "DynamicDequantize")) return false;
  if (is_op(n, "Conv")) return i == 1 && n->in[0]->layout == LAYOUT_NHWC && n->in[0]->rank <= 4;
  if (is_op(n, "Gemm"))
    return i == 1 && attr_int(n, "transB", 0) && !attr_int(n, "transA", 0) &&
           attr_float(n, "alpha", 1) == 1 && attr_float(n, "beta", 1) == 1 &&
           (n->n_in < 3 || !n->in[2] || n->in[2]->rank == 1);
  if (w->quant->n != 1 || w->quant->format->mantissa_bits || n_elements(w) < 2) return false;
  if (is_op(n, "Add") || is_op(n, "Mul") || is_op(n, "MatMul")) return activation_codes(n->in[1 - i]) != NULL;
  return is_op(n, "Gather") && i == 0;
}

/* The axis is that of output channels, where kernels have their scales. */
static bool has_channel_scales(const Tensor *w) { return w->quant->axis <= 0; }

/* Only layers read codes that are narrower than a byte. */
static QuantSpec *wide_quant(Graph *g, QuantSpec *q) {
  QuantSpec *w = new_quant(g, format_of(DT_I8), q->axis, q->group, q->n);
  memcpy(w->scale, q->scale, (size_t)q->n * sizeof *w->scale);
  return w;
}

static void restore_codes(Graph *g, Node *n, int i) {
  Tensor *w = n->in[i];
  if (!is_op(n, "Conv") && !is_op(n, "Gemm")) w->quant = wide_quant(g, w->quant);
  Tensor *codes = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_codes", w->name)),
                            w->quant->format->dtype, w->rank, w->dim, arena_alloc(g->arena, n_elements(w) + 1));
  codes->layout = w->layout;
  codes->quant = w->quant;
  set_origin(codes, w);
  quantize_reals(codes, w->data, codes->data);
  Tensor *y = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_dq", codes->name)), DT_NONE, -1, NULL);
  infer_node(g, add_node(g, node_index(g, n), "Dequantize", y->name, 1, &codes, 1, &y));
  set_input(g, n, i, y);
}

void pass_codes(Graph *g, Context *cx) {
  bool any = false;
  for (int i = 0; i < g->n_node; i++) move_dynamic(g, g->node[i]);
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    any |= is_op(n, "Dequantize");
    for (int k = 0; k < n->n_in; k++) {
      const Tensor *w = n->in[k];
      if (!is_float_const(w) || !w->quant) continue;
      any = true;
      if (takes_codes(n, k) && has_channel_scales(w)) restore_codes(g, n, k), i++;
      else if (is_op(n, "Conv") || is_op(n, "Gemm"))
        add_note(cx, n->name, "the codes of its weights are decoded: no kernel reads them as they lie");
    }
  }
  for (int i = 0; i < g->n_tensor; i++)
    if (is_float_const(g->tensor[i])) g->tensor[i]->quant = NULL;
  if (any) round_moves(g);
}
