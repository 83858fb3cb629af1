/* dynamic.c - Conv and Gemm on codes whose scales are found at run time become DConv and DGemm, which
 * multiply the codes.  Where a sum might not fit 32 bits they stay as they are.
 *
 *   y = Gemm(DynamicDequantize(x codes, x scale), Dequantize(w codes), b)
 *   ==>  y = DGemm(x codes, w codes, b, w scale, w multiple, x scale)
 */
#include "passes/lower/lower.h"

static bool fits(const Tensor *x, const Tensor *w) {
  int64_t row = n_elements(w) / w->dim[0];
  for (int64_t c = 0; c < w->dim[0]; c++)
    if (largest_sum(x, w, c, row) > INT32_MAX) return false;
  return true;
}

/* Scales of the output channels. */
static Tensor *channel_scales(Graph *g, const char *name, const Tensor *w) {
  int64_t channels = w->dim[0];
  float *v = arena_alloc(g->arena, channels * (int64_t)sizeof *v);
  for (int64_t c = 0; c < channels; c++) v[c] = (float)weight_scale(w->quant, c);
  return new_const(g, fresh_name(g, arena_printf(g->arena, "%s_s", name)), DT_F32, 1, &channels, v);
}

static void lower_layer(Graph *g, Context *cx, Node *n) {
  bool conv = is_op(n, "Conv");
  Tensor *w = codes_of(n->in[1]), *y = n->out[0];
  const Node *d = n->in[0]->def;
  Tensor *codes = d->in[0], *b = n->n_in > 2 ? n->in[2] : NULL;
  if (!w || !is_const(w) || n->in[1]->def->n_in > 1) return;
  if (!fits(codes, w)) {
    add_note(cx, n->name, "%s multiplies in float: its sums do not fit 32 bits", n->op->name);
    return;
  }
  int64_t size = attr_int(d, "size", 0), last = codes->dim[codes->rank - 1];
  Tensor *multiple = weight_multiples(g, n->name, w);
  Tensor *in[6] = {codes, w, b, channel_scales(g, n->name, w), multiple, d->in[1]};
  n->out[0]->def = NULL, n->out[0] = NULL;
  Node *q = add_node(g, node_index(g, n), conv ? "DConv" : "DGemm", n->name, 6, in, 1, &y);
  q->loc = n->loc;
  for (int k = 0; k < n->n_attr; k++) set_attr(g, q, &n->attr[k]);
  if (multiple) set_int(g, q, "group_size", w->quant->group);
  if (!conv && size < last) set_int(g, q, "x_size", size);
  infer_node(g, q);
  remove_node(g, n);
}

void pass_dynamic(Graph *g, Context *cx) {
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    if ((is_op(n, "Conv") || is_op(n, "Gemm")) && is_op(n->in[0]->def, "DynamicDequantize"))
      lower_layer(g, cx, n);
  }
}
