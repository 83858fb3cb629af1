/* float32.c - nodes on float16 or bfloat16 tensors for which the target has no kernel compute in float32: constants
 * become float32, and Casts stand around the node.  That is how such a node is defined (ir/halves.c), so the
 * numbers are the same.
 *
 *   y = GridSample(x, grid)     ==>   x_float, grid_float = Cast<to=float>(x), Cast<to=float>(grid)
 *                                     y_float = GridSample(x_float, grid_float)
 *                                     y = Cast<to=float16>(y_float)
 *
 * Where a kernel wants only the parameters in float32, as that of Gemm its bias, these alone change. */
#include "passes/passes.h"
#include "targets/kernels.h"

/* Does the node compute with such elements? */
static bool computes_halves(const Node *n) {
  bool any = false;
  for (int i = 0; i < n->n_in; i++) any |= n->in[i] && dtype_is_half(n->in[i]->dtype);
  return any && !(n->op->flags & (OP_MOVE | OP_QDQ)) && !is_op(n, "Cast") && !is_op(n, "BitCast");
}

/* Input i in float32: a constant; or what a Cast makes, which stands before node `at`. */
static Tensor *wide_input(Graph *g, int *at, Tensor *x) {
  Tensor *y = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_float", x->name)), x);
  y->dtype = DT_F32;
  y->data = NULL;
  if (!is_const(x)) {
    Node *cast = add_node(g, (*at)++, "Cast", y->name, 1, &x, 1, &y);
    set_int(g, cast, "to", DT_F32);
    infer_node(g, cast);
    return y;
  }
  int64_t n = n_elements(x);
  float *v = arena_alloc(g->arena, (n + 1) * (int64_t)sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = (float)get_real(x->dtype, x->data, i);
  y->data = v;
  set_origin(y, x);
  return y;
}

/* Nothing is chosen yet. */
static bool has_kernel(const Graph *g, const Target *t, Node *n) {
  bool found = set_kernel(g, t, n);
  n->kernel = NULL, n->n_variant = 0;
  return found;
}

/* What becomes float32, least first: constant parameters behind the weights; all constants but the first input; all but
 * the weights of a convolution or matrix product, which may stay as narrow as they are; everything. */
typedef enum Extent { BEHIND_WEIGHTS, CONSTANTS, BUT_WEIGHTS, EVERYTHING, N_EXTENT } Extent;

static Tensor *tensor_at(const Node *n, int i) { return i < n->n_in ? n->in[i] : n->out[i - n->n_in]; }

/* Does tensor i, of inputs and then outputs, become float32? */
static bool changes(const Node *n, int i, Extent e) {
  const Tensor *t = tensor_at(n, i);
  bool weighted = is_op(n, "Conv") || is_op(n, "Gemm");
  if (!t || !dtype_is_half(t->dtype)) return false;
  if (e == BUT_WEIGHTS) return weighted && (i != 1 || !is_const(t));
  return e == EVERYTHING || (i < n->n_in && is_const(t) && i >= (e == BEHIND_WEIGHTS ? 2 : 1));
}

/* Kernels are asked about a twin of the node. */
static bool has_wide_kernel(const Graph *g, const Target *t, const Node *n, Extent e) {
  int count = n->n_in + n->n_out;
  Node twin = *n;
  Tensor *own = arena_alloc(g->arena, count * (int64_t)sizeof *own);
  twin.in = arena_alloc(g->arena, count * (int64_t)sizeof *twin.in);
  twin.out = twin.in + n->n_in;
  for (int i = 0; i < count; i++) {
    twin.in[i] = tensor_at(n, i);
    if (!changes(n, i, e)) continue;
    own[i] = *twin.in[i];
    own[i].dtype = DT_F32;
    twin.in[i] = &own[i];
  }
  return set_kernel(g, t, &twin);
}

static void widen_inputs(Graph *g, int *at, Node *n, Extent e) {
  for (int i = 0; i < n->n_in; i++) {
    if (!changes(n, i, e)) continue;
    Tensor *x = n->in[i], *wide = wide_input(g, at, x);
    for (int k = i; k < n->n_in; k++)
      if (n->in[k] == x && changes(n, k, e)) n->in[k] = wide;
  }
}

static void narrow_outputs(Graph *g, int at, Node *n, Extent e) {
  for (int i = 0; i < n->n_out; i++) {
    if (!changes(n, n->n_in + i, e)) continue;
    Tensor *y = n->out[i];
    Tensor *wide = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_float", y->name)), y);
    wide->dtype = DT_F32;
    wide->def = n;
    n->out[i] = wide;
    y->def = NULL;
    Node *cast = add_node(g, at + 1, "Cast", wide->name, 1, &wide, 1, &y);
    set_int(g, cast, "to", y->dtype);
    infer_node(g, cast);
  }
}

void pass_float32(Graph *g, Context *cx) {
  for (int i = 0; cx->target && i < g->n_node; i++) {
    Node *n = g->node[i];
    if (!computes_halves(n) || has_kernel(g, cx->target, n)) continue;
    Extent e = BEHIND_WEIGHTS;
    while (e < N_EXTENT && !has_wide_kernel(g, cx->target, n, e)) e++;
    if (e == N_EXTENT) continue;
    widen_inputs(g, &i, n, e);
    narrow_outputs(g, i, n, e);
    infer_node(g, n);
  }
}
