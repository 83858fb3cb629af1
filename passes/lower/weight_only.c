/* weight_only.c - a Conv or Gemm on real activations that reads decoded constant codes becomes
 * WConv or WGemm, which keeps the codes and decodes them in the kernel.  Runs after integer
 * lowering took its share.
 *
 *   y = Conv(x, Dequantize(w codes), b)   ==>   y = WConv(x, w codes, b)
 */
#include "passes/passes.h"

void pass_weight_only(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    bool conv = is_op(n, "Conv");
    Node *d = (conv || is_op(n, "Gemm")) && n->in[1] ? n->in[1]->def : NULL;
    if (!is_op(d, "Dequantize") || !is_const(d->in[0]) || has_zero_points(d->in[0]->quant)) continue;
    if (!conv && (attr_int(n, "transA", 0) || !attr_int(n, "transB", 0))) continue;
    Tensor *in[6] = {n->in[0], d->in[0], n->n_in > 2 ? n->in[2] : NULL}, *y = n->out[0];
    int beside = outlier_input(d) ? 3 : 0;
    for (int k = 0; k < beside; k++) in[3 + k] = d->in[1 + k];
    n->out[0]->def = NULL, n->out[0] = NULL;
    Node *w = add_node(g, i, conv ? "WConv" : "WGemm", n->name, 3 + beside, in, 1, &y);
    w->loc = n->loc;
    for (int k = 0; k < n->n_attr; k++) set_attr(g, w, &n->attr[k]);
    remove_node(g, n);
  }
}
