/* fold_bn.c - BatchNormalization (inference) after a Conv, ConvTranspose or Gemm with constant
 * weights goes into those weights (Jacob et al. 2018, section 3.2); any other one with constant
 * parameters becomes Mul and Add per channel.  A constant Mul per channel after a weighted node
 * is folded in the same way.  Exact up to float rounding.  `transforms: []` in the policy keeps
 * weights as they are.
 *
 *   y = BatchNormalization(Conv(x, w, b), gamma, beta, mean, var)   ==>   y = Conv(x, w', b')
 */
#include <math.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

bool read_norm(Graph *g, const Node *n, float **scale, float **shift) {
  for (int i = 1; i < 5; i++)
    if (!is_float_const(n->in[i])) return false;
  int64_t c = n_elements(n->in[1]);
  double eps = attr_float(n, "epsilon", 1e-5);
  *scale = arena_alloc(g->arena, c * (int64_t)sizeof **scale);
  *shift = arena_alloc(g->arena, c * (int64_t)sizeof **shift);
  for (int64_t i = 0; i < c; i++) {
    double s = floats_of(n->in[1])[i] / sqrt(floats_of(n->in[4])[i] + eps);
    (*scale)[i] = (float)s;
    (*shift)[i] = (float)(floats_of(n->in[2])[i] - s * floats_of(n->in[3])[i]);
  }
  return true;
}

static Node *weighted_before(const Graph *g, const Tensor *x) {
  Node *p = x->def;
  return p && weighted_channels(p) > 0 && (p->n_in < 3 || !p->in[2] || is_float_const(p->in[2])) &&
                 only_user(g, x) && !is_graph_output(g, x)
             ? p : NULL;
}

/* y = x * scale + shift as two nodes in front of n, which is removed. */
static void to_mul_add(Graph *g, Node *n, float *scale, float *shift) {
  Tensor *x = n->in[0];
  int64_t dim[MAX_RANK];
  for (int i = 0; i < x->rank; i++) dim[i] = i == 1 ? x->dim[1] : 1;
  Tensor *s =
      new_floats(g, arena_printf(g->arena, "%s_scale", n->name), x->rank - 1, dim + 1, scale);
  Tensor *b =
      new_floats(g, arena_printf(g->arena, "%s_shift", n->name), x->rank - 1, dim + 1, shift);
  Tensor *m = add_op(g, node_index(g, n), "Mul", fresh_name(g, n->name), 2, (Tensor *[]){x, s});
  Tensor *y = n->out[0];
  n->out[0]->def = NULL, n->out[0] = NULL;
  int at = node_index(g, n);
  remove_node(g, n);
  add_node(g, at, "Add", n->name, 2, (Tensor *[]){m, b}, 1, &y);
}

static void fold_mul(Graph *g, Node *n) {
  for (int i = 0; i < 2; i++) {
    Tensor *x = n->in[i];
    Node *p = weighted_before(g, x);
    int64_t c = p ? weighted_channels(p) : 0;
    const float *scale = p ? per_channel(g, n->in[1 - i], x->rank, 1, c) : NULL;
    if (!scale || !same_shape(x, n->out[0])) continue;
    scale_channels(g, p, scale, arena_alloc(g->arena, c * (int64_t)sizeof(float)));
    bypass(g, n, x);
    return;
  }
}

void pass_fold_bn(Graph *g, Context *cx) {
  bool into_weights = policy_has(cx->policy, "transforms", "fold_bn");
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    float *scale, *shift;
    if (is_op(n, "BatchNormalization") && read_norm(g, n, &scale, &shift)) {
      Node *p = into_weights ? weighted_before(g, n->in[0]) : NULL;
      if (p) {
        scale_channels(g, p, scale, shift);
        bypass(g, n, n->in[0]);
      } else if (n->in[0]->rank >= 2) {
        to_mul_add(g, n, scale, shift);
      }
      i = -1;
    } else if (is_op(n, "Mul") && into_weights) {
      int before = g->n_node;
      fold_mul(g, n);
      if (g->n_node != before) i = -1;
    }
  }
}
