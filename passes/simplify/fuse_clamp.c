/* fuse_clamp.c - Relu and Clip with constant bounds become attributes of the operator before them.
 * These activations cost nothing in integer code: they only narrow the clamp.  All others are fused
 * after quantization (fuse_activation.c), when the range before them is known.
 *
 *   y = Relu(Conv(x, w))   ==>   y = Conv<activation="Clip", activation_min=0.0>(x, w)
 */
#include <math.h>
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static const char *const takers[] = {"Conv", "Gemm", "Add", "Mul", "ConvTranspose", "MatMul"};

static bool takes_activation(const Node *n) {
  for (size_t i = 0; i < sizeof takers / sizeof *takers; i++)
    if (is_op(n, takers[i])) return n->out[0]->dtype == DT_F32;
  return false;
}

/* Bound i of a Clip (1 min, 2 max); false when it is not constant. */
static bool read_bound(const Node *n, int i, const char *attr, double *v) {
  *v = attr_float(n, attr, *v);
  if (n->n_in <= i || !n->in[i]) return true;
  if (!is_float_const(n->in[i])) return false;
  *v = floats_of(n->in[i])[0];
  return true;
}

bool read_clamp(const Node *n, double *lo, double *hi) {
  *lo = -INFINITY, *hi = INFINITY;
  if (is_op(n, "Relu")) return *lo = 0, true;
  return is_op(n, "Clip") && read_bound(n, 1, "min", lo) && read_bound(n, 2, "max", hi);
}

void pass_fuse_clamp(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i], *p = n->n_in ? n->in[0]->def : NULL;
    double lo, hi;
    if (!p || !takes_activation(p) || !read_clamp(n, &lo, &hi)) continue;
    if (only_user(g, n->in[0]) != n || is_graph_output(g, n->in[0])) continue;
    if (find_attr(p, "activation")) {
      /* Clamping twice is clamping once to the intersection, as long as it is not empty. */
      lo = fmax(lo, attr_float(p, "activation_min", -INFINITY));
      hi = fmin(hi, attr_float(p, "activation_max", INFINITY));
      if (lo > hi) continue;
    }
    set_str(g, p, "activation", "Clip");
    if (lo > -INFINITY) set_float(g, p, "activation_min", lo);
    if (hi < INFINITY) set_float(g, p, "activation_max", hi);
    bypass(g, n, n->in[0]);
    i = -1;
  }
}
