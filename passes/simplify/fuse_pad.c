/* fuse_pad.c - a constant zero Pad over spatial dimensions becomes the padding of the
 * convolution that reads it (of an AveragePool only where it counts padding, of a MaxPool never:
 * it pads with -inf).
 *
 *   y = Conv<pads=[0,0,0,0]>(Pad(x, [0,0,1,1,0,0,1,1]), w)   ==>   y = Conv<pads=[1,1,1,1]>(x, w)
 */
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

/* The pads [2 * rank] of a Pad that writes zeros; false otherwise. */
static bool read_pads(const Node *n, int64_t *pads) {
  int rank = n->in[0]->rank;
  if (strcmp(attr_str(n, "mode", "constant"), "constant") != 0) return false;
  if (n->n_in > 3 && n->in[3]) return false;
  if (n->n_in > 2 && n->in[2] && !(is_float_const(n->in[2]) && floats_of(n->in[2])[0] == 0))
    return false;
  if (attr_float(n, "value", 0) != 0) return false;
  if (n->n_in > 1 && n->in[1]) return const_ints(n->in[1], pads, 2 * MAX_RANK) == 2 * rank;
  return attr_ints(n, "pads", pads, 2 * MAX_RANK) == 2 * rank;
}

static bool takes_padding(const Node *n) {
  if (is_op(n, "AveragePool"))
    return attr_int(n, "count_include_pad", 0) == 1 && attr_int(n, "ceil_mode", 0) == 0;
  return is_op(n, "Conv");
}

/* A pool's padding must be smaller than its window. */
static bool is_narrow(const Node *pool, int spatial, const int64_t *pads) {
  int64_t kernel[MAX_RANK];
  if (attr_ints(pool, "kernel_shape", kernel, MAX_RANK) != spatial) return false;
  for (int d = 0; d < spatial; d++)
    if (pads[d] >= kernel[d] || pads[spatial + d] >= kernel[d]) return false;
  return true;
}

static bool fuse(Graph *g, Node *n) {
  Node *user = only_user(g, n->out[0]);
  int64_t pads[2 * MAX_RANK], own[2 * MAX_RANK] = {0};
  int rank = n->in[0]->rank, spatial = rank - 2;
  if (!user || user->in[0] != n->out[0] || !takes_padding(user) || !read_pads(n, pads))
    return false;
  if (n->in[0]->layout == LAYOUT_NHWC) return false;
  if (strcmp(attr_str(user, "auto_pad", "NOTSET"), "NOTSET") != 0) return false;
  for (int d = 0; d < rank; d++) {
    if (pads[d] < 0 || pads[rank + d] < 0) return false;
    if (d < 2 && (pads[d] || pads[rank + d])) return false;
  }
  attr_ints(user, "pads", own, 2 * MAX_RANK);
  for (int d = 0; d < spatial; d++) {
    own[d] += pads[2 + d];
    own[spatial + d] += pads[rank + 2 + d];
  }
  if (is_op(user, "AveragePool") && !is_narrow(user, spatial, own)) return false;
  set_ints(g, user, "pads", 2 * spatial, own);
  set_input(g, user, 0, n->in[0]);
  return true;
}

void pass_fuse_pad(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_node; i++)
    if (is_op(g->node[i], "Pad") && n_elements(g->node[i]->in[0]) >= 0) fuse(g, g->node[i]);
}
