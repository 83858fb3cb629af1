/* halves.c - operators on tensors of float16 or bfloat16, all by one rule: an operator computes with the
 * numbers that its inputs hold, in float32 as it does on float32 tensors, and each output is rounded
 * once, behind the activation that it may carry.  Outputs are of the type of the first input that is of real
 * numbers: other inputs, such as weights, may be of another.  So the families in ops/ know nothing of these types: a node's
 * tensors pose as float32 ones while its type is inferred and while it is evaluated.  What only moves
 * elements, and what changes their type by itself, needs none of this. */
#include <stdlib.h>

#include "ir/ops/ops.h"

/* Does the node compute with such elements?  Those of which Shape and Size are asked may not even be there. */
static bool computes_halves(const Node *n) {
  static const char *const others[] = {"Cast", "CastLike", "BitCast", "Shape", "Size"};
  if (n->op->flags & (OP_MOVE | OP_QDQ | OP_FLOW)) return false;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (is_op(n, others[i])) return false;
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] != NULL && dtype_is_half(n->in[i]->dtype)) return true;
  return false;
}

/* ---- types */

typedef struct Pose {
  DType dtype;
  void *data;
} Pose;

static float *widened(const Tensor *t, const void *x) {
  int64_t n = n_elements(t);
  float *y = scratch(n, sizeof *y);
  for (int64_t i = 0; i < n; i++) y[i] = (float)get_real(t->dtype, x, i);
  return y;
}

/* Makes them float32, with the elements where these are so few that a shape may depend on them; `was` [n] is
 * what they were. */
static void pose(int n, Tensor *const *t, Pose *was) {
  for (int i = 0; i < n; i++) {
    was[i] = t[i] != NULL ? (Pose){t[i]->dtype, t[i]->data} : (Pose){DT_NONE, NULL};
    if (!dtype_is_half(was[i].dtype)) continue;
    if (t[i]->data != NULL && n_elements(t[i]) <= MAX_RANK) t[i]->data = widened(t[i], t[i]->data);
    t[i]->dtype = DT_F32;
  }
}

static void stop_posing(Tensor *t, const Pose *was) {
  if (t->data != was->data) free(t->data);
  t->dtype = was->dtype;
  t->data = was->data;
}

void infer_op(Graph *g, Node *n) {
  if (!computes_halves(n)) {
    n->op->infer(g, n);
    return;
  }
  Pose *was = arena_alloc(g->arena, (n->n_in + n->n_out + 1) * (int64_t)sizeof *was);
  pose(n->n_in, n->in, was);
  pose(n->n_out, n->out, was + n->n_in);
  n->op->infer(g, n);
  int first = 0;
  while (!dtype_is_float(was[first].dtype)) first++;
  for (int i = 0; i < n->n_out; i++)
    if (dtype_is_half(was[first].dtype) && n->out[i] != NULL && n->out[i]->dtype == DT_F32)
      n->out[i]->dtype = was[first].dtype;
  for (int i = 0; i < n->n_in; i++)
    if (dtype_is_half(was[i].dtype) && n->in[i]->dtype == DT_F32) stop_posing(n->in[i], &was[i]);
}

/* ---- values */

static void narrow(const Tensor *t, const float *x, void *y) {
  int64_t n = n_elements(t);
  for (int64_t i = 0; i < n; i++) set_real(t->dtype, y, i, (double)x[i]);
}

static void eval_op(const Node *n, const void *const *in, void *const *out) {
  n->op->eval(n, in, out);
  if (n->n_out > 0 && n->out[0] != NULL) apply_fused_activation(n, out[0]);
}

void eval_node(const Node *n, const void *const *in, void *const *out) {
  if (!computes_halves(n)) {
    eval_op(n, in, out);
    return;
  }
  int count = n->n_in + n->n_out;
  Tensor *twin = scratch(count, sizeof *twin), **t = scratch(count, sizeof(Tensor *));
  void **value = scratch(count, sizeof *value), **own = scratch(count, sizeof *own);
  for (int i = 0; i < count; i++) {
    bool is_input = i < n->n_in;
    const Tensor *given = is_input ? n->in[i] : n->out[i - n->n_in];
    value[i] = is_input ? (void *)in[i] : out[i - n->n_in];
    if (given == NULL) continue;
    twin[i] = *given;
    t[i] = &twin[i];
    if (!dtype_is_half(given->dtype)) continue;
    twin[i].dtype = DT_F32;
    value[i] = own[i] = is_input ? widened(given, in[i])
                                 : scratch(n_elements(given), sizeof(float));
    if (given->data != NULL) twin[i].data = own[i];
  }
  Node as_float = *n;
  as_float.in = t;
  as_float.out = t + n->n_in;
  eval_op(&as_float, (const void *const *)value, value + n->n_in);
  for (int i = 0; i < n->n_out; i++)
    if (own[n->n_in + i] != NULL) narrow(n->out[i], own[n->n_in + i], out[i]);
  for (int i = 0; i < count; i++) free(own[i]);
  free(own);
  free(value);
  free(t);
  free(twin);
}

void eval_constants(const Node *n, void *const *out) {
  static const char nothing[1]; /* the elements of a tensor that has none */
  const void **in = scratch(n->n_in, sizeof *in);
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    in[i] = !t ? NULL : t->data ? t->data : nothing;
  }
  eval_node(n, in, out);
  free(in);
}
