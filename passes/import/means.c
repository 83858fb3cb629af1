/* means.c - a mean of codes over neighbouring dimensions becomes an average pool, which has integer kernels; the mean
 * over an image's height and width is one already (canonicalize.c).
 *
 *   y = ReduceMean<axes=[1]>(x[N,T,C])
 *   ==>  y = Reshape(AveragePool<kernel_shape=[T]>(Reshape<[N,T,C], layout="NHWC">(x)))
 */
#include "ir/ops/ops.h"
#include "passes/import/import.h"
#include "passes/simplify/simplify.h"

/* The first and last dimension that the mean is over; false where others lie between them, or the spatial ones are
 * just these. */
static bool find_span(const Node *n, int *first, int *last) {
  const Tensor *x = n->in[0];
  bool reduced[MAX_RANK];
  int count = 0;
  if (!get_reduced(n, NULL, reduced)) return false;
  *first = -1;
  for (int d = 0; d < x->rank; d++) {
    if (!reduced[d]) continue;
    if (*first < 0) *first = d;
    *last = d, count++;
  }
  bool spatial = x->rank >= 3 && x->rank <= 5 && *first == 2 && *last == x->rank - 1;
  return count > 0 && *last - *first + 1 == count && !spatial;
}

static bool pool_mean(Graph *g, Node *n) {
  int first, last;
  if (!is_op(n, "ReduceMean") || !activation_codes(n->in[0])) return false;
  if (!is_op(only_user(g, n->out[0]), "Quantize")) return false;
  if (n->in[0]->layout != LAYOUT_NONE || !has_static_shape(n->in[0]) || !find_span(n, &first, &last)) return false;
  Tensor *x = n->in[0], *y = n->out[0];
  int64_t outer = dims_product(x->dim, 0, first), size = dims_product(x->dim, first, last + 1),
          inner = dims_product(x->dim, last + 1, x->rank), apart[3] = {outer, size, inner};
  int at = node_index(g, n);
  y->def = NULL, n->out[0] = NULL;
  const char *name = arena_printf(g->arena, "%s_shape", n->name);
  Tensor *in[2] = {x, new_const_i64(g, fresh_name(g, name), 3, apart)};
  x = add_op(g, at, "Reshape", fresh_name(g, arena_printf(g->arena, "%s_rows", n->name)), 2, in);
  set_str(g, g->node[at], "layout", "NHWC");
  infer_node(g, g->node[at++]);
  Tensor *mean = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_mean", n->name)), DT_NONE, -1, NULL);
  Node *pool = add_node(g, at++, "AveragePool", n->name, 1, &x, 1, &mean);
  set_ints(g, pool, "kernel_shape", 1, &size);
  infer_node(g, pool);
  in[0] = mean, in[1] = new_const_i64(g, fresh_name(g, name), y->rank, y->dim);
  add_node(g, at, "Reshape", fresh_name(g, y->name), 2, in, 1, &y);
  pool->loc = n->loc;
  remove_node(g, n);
  return true;
}

void pool_means(Graph *g) {
  for (int i = 0; i < g->n_node; i++)
    if (pool_mean(g, g->node[i])) i = -1;
}
