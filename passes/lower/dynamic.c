/* dynamic.c - Conv and Gemm on codes whose scales are found at run time become DConv and DGemm, which
 * multiply the codes.  Where a sum might not fit 32 bits they stay as they are.
 *
 *   y = Gemm(DynamicDequantize(x codes, x scale), Dequantize(w codes), b)
 *   ==>  y = DGemm(x codes, w codes, b, w scale, w multiple, x scale)
 *
 * and the zero point of x, where it has one, as a seventh input.  Those on codes that are floats of 8 bits become
 * FConv and FGemm, whether their scale is known or not,
 * MatMul of two FMatMul.  A Quantize that reads them alone goes into them:
 *
 *   q = Quantize(Gemm(Dequantize(x codes), Dequantize(w codes), b))
 *   ==>  q = FGemm(x codes, w codes, b, w scale, w multiple, x scale)
 */
#include <math.h>

#include "passes/lower/lower.h"

static bool fits(const Tensor *x, const Tensor *w, bool has_zero) {
  int64_t row = n_elements(w) / w->dim[0];
  for (int64_t c = 0; c < w->dim[0]; c++)
    if ((has_zero ? largest_shifted_sum(w, c) : largest_sum(x, w, c, row)) > INT32_MAX) return false;
  return true;
}

/* In units of 2^-9 an E4M3 activation is at most so large; sums of products must be exact in a double,
 * in which eval makes them. */
static const double largest_fp8 = 448 * 512, exact_sum = 0x1p53;

static bool fits_exactly(const Tensor *w) {
  const QuantSpec *q = w->quant;
  int64_t row = n_elements(w) / w->dim[0], groups = q->group ? (row + q->group - 1) / q->group : 1;
  double unit = has_floats(q->format) ? 512 : 1;
  for (int64_t c = 0; c < w->dim[0]; c++) {
    double sum = 0;
    for (int64_t i = 0; i < row; i++) {
      double size = fabs(code_value(q->format, ((const int8_t *)w->data)[c * row + i])) * unit;
      sum += size * (q->multiple ? q->multiple[c * groups + i / q->group] : 1);
    }
    if (sum * largest_fp8 > exact_sum) return false;
  }
  return true;
}

/* Scales of the output channels. */
static Tensor *channel_scales(Graph *g, const char *name, const Tensor *w) {
  int64_t channels = w->dim[0];
  float *v = arena_alloc(g->arena, channels * (int64_t)sizeof *v);
  for (int64_t c = 0; c < channels; c++) v[c] = (float)weight_scale(w->quant, c);
  return new_const(g, fresh_name(g, arena_printf(g->arena, "%s_s", name)), DT_F32, 1, &channels, v);
}

/* Activations that have one scale and are floats of 8 bits, as codes, or NULL. */
static Tensor *fp8_of(const Tensor *t) {
  Tensor *codes = codes_of(t);
  return codes && !is_const(codes) && has_floats(codes->quant->format) ? codes : NULL;
}

/* The scale of x, which d decodes, as a tensor. */
static Tensor *x_scale_of(Graph *g, const Node *d) {
  if (is_op(d, "DynamicDequantize")) return d->in[1];
  const char *name = fresh_name(g, arena_printf(g->arena, "%s_scale", d->in[0]->name));
  return new_const(g, name, DT_F32, 1, (int64_t[]){1}, d->in[0]->quant->scale);
}

/* n's output, for the operator that takes its place; or with `to_codes`, where a Quantize to floats of 8 bits
 * alone reads it, the codes. */
static Tensor *take_output(Graph *g, Node *n, bool to_codes) {
  Tensor *y = n->out[0];
  Node *quantize = is_graph_output(g, y) ? NULL : only_user(g, y);
  n->out[0]->def = NULL, n->out[0] = NULL;
  if (!to_codes || !is_op(quantize, "Quantize") || !has_floats(quantize->out[0]->quant->format))
    return y;
  Tensor *codes = quantize->out[0];
  quantize->out[0]->def = NULL, quantize->out[0] = NULL;
  remove_node(g, quantize);
  return codes;
}

static void replace(Graph *g, Node *n, const char *op, int n_in, Tensor *const *in, Tensor *y) {
  Node *q = add_node(g, node_index(g, n), op, n->name, n_in, in, 1, &y);
  q->loc = n->loc;
  for (int k = 0; k < n->n_attr; k++) set_attr(g, q, &n->attr[k]);
  remove_node(g, n);
}

static void lower_layer(Graph *g, Context *cx, Node *n) {
  bool conv = is_op(n, "Conv");
  Tensor *w = codes_of(n->in[1]);
  const Node *d = n->in[0]->def;
  Tensor *codes = d->in[0], *b = n->n_in > 2 ? n->in[2] : NULL;
  bool floats = fp8_of(n->in[0]) || has_floats(find_format(attr_str(d, "format", "int8")));
  if (!w || !is_const(w) || n->in[1]->def->n_in > 1) return;
  if (!(floats ? fits_exactly(w) : fits(codes, w, d->n_in > 2))) {
    add_note(cx, n->name, "%s multiplies in float: its sums do not fit %d bits", n->op->name,
             floats ? 53 : 32);
    return;
  }
  int64_t last = codes->dim[codes->rank - 1], size = attr_int(d, "size", last);
  Tensor *multiple = weight_multiples(g, n->name, w);
  Tensor *in[7] = {codes, w, b, channel_scales(g, n->name, w), multiple, x_scale_of(g, d)};
  int n_in = d->n_in > 2 ? 7 : 6;
  if (n_in > 6) in[6] = d->in[2];
  if (multiple) set_int(g, n, "group_size", w->quant->group);
  if (!conv && size < last) set_int(g, n, "x_size", size);
  Tensor *y = take_output(g, n, floats);
  replace(g, n, floats ? conv ? "FConv" : "FGemm" : conv ? "DConv" : "DGemm", n_in, in, y);
}

static void lower_product(Graph *g, Node *n) {
  Tensor *in[2] = {fp8_of(n->in[0]), fp8_of(n->in[1])};
  int64_t depth = n->in[0]->dim[n->in[0]->rank - 1];
  if (!in[0] || !in[1] || (double)depth * largest_fp8 * largest_fp8 > exact_sum) return;
  set_float(g, n, "scale", in[0]->quant->scale[0] * in[1]->quant->scale[0]);
  replace(g, n, "FMatMul", 2, in, take_output(g, n, true));
}

void pass_dynamic(Graph *g, Context *cx) {
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    if (is_op(n, "MatMul") && n->in[0]->rank > 1 && n->in[1]->rank > 1) lower_product(g, n);
    if (!is_op(n, "Conv") && !is_op(n, "Gemm")) continue;
    if (is_op(n->in[0]->def, "DynamicDequantize") || fp8_of(n->in[0])) lower_layer(g, cx, n);
  }
}
