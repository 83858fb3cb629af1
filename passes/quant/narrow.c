/* narrow.c - where activations of format int4 have four bits: in what layers with constant weights
 * multiply.  Sums, products and tables, which cost little and lose most, keep eight.
 *
 *   x ── Add, int4 ──► 8 bits ──► 4 bits ──► Gemm, int4 */
#include "passes/quant/quant.h"
#include "passes/simplify/simplify.h"

static bool is_int4(const Format *f) { return f && f->dtype == DT_I4; }

const Format *format_read(const Node *n, const Format *f) {
  return !is_int4(f) ? f : find_format(has_real_weights(n) ? "nibble" : "int8");
}

/* Codes that only such layers read are made with four bits at once, with a range for so many. */
const Format *format_kept(const Graph *g, const Context *cx, const Tensor *t, const Format *f) {
  if (!is_int4(f) && (!f || f->dtype != DT_I8 || has_floats(f))) return f;
  bool narrow = t->def && !is_graph_output(g, t), read = false;
  for (int i = 0; i < g->n_node && narrow; i++)
    for (int k = 0; k < g->node[i]->n_in; k++) {
      if (g->node[i]->in[k] != t) continue;
      ActChoice a = act_choice(g, cx, g->node[i]);
      narrow &= has_real_weights(g->node[i]) && is_int4(a.format) && !a.dynamic;
      read = true;
    }
  return find_format(narrow && read ? "nibble" : "int8");
}
