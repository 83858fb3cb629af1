/* halves.c - operators on float16 tensors, all by one rule: an operator computes with the numbers
 * that its inputs hold, in float32 as it does on float32 tensors, and each output is rounded once,
 * behind the activation that it may carry.  Outputs are float16 where the first input is: other
 * inputs, such as weights, may be of either type.  So the families in ops/ know nothing of float16: a
 * node's tensors pose as float32 ones while its type is inferred and while it is evaluated.  What
 * only moves elements, and what changes their type by itself, needs none of this. */
#include <stdlib.h>

#include "ir/ops/ops.h"

/* Does the node compute with elements of float16? */
static bool computes_halves(const Node *n) {
  if ((n->op->flags & (OP_MOVE | OP_QDQ)) || is_op(n, "Cast")) return false;
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] != NULL && n->in[i]->dtype == DT_F16) return true;
  return false;
}

/* ---- types */

/* Gives the tensors of type `from` the type `to`; `was` [n] says which those are. */
static void retype(int n, Tensor *const *t, DType from, DType to, bool *was) {
  for (int i = 0; i < n; i++) {
    was[i] = t[i] != NULL && t[i]->dtype == from;
    if (was[i]) t[i]->dtype = to;
  }
}

void infer_op(Graph *g, Node *n) {
  if (!computes_halves(n)) {
    n->op->infer(g, n);
    return;
  }
  bool *in = arena_alloc(g->arena, n->n_in + 1), *out = arena_alloc(g->arena, n->n_out + 1);
  retype(n->n_in, n->in, DT_F16, DT_F32, in);
  retype(n->n_out, n->out, DT_F16, DT_F32, out);
  n->op->infer(g, n);
  if (in[0]) retype(n->n_out, n->out, DT_F32, DT_F16, out);
  for (int i = 0; i < n->n_in; i++)
    if (in[i]) n->in[i]->dtype = DT_F16;
}

/* ---- values */

static float *widened(const Tensor *t, const uint16_t *x) {
  int64_t n = n_elements(t);
  float *y = scratch(n, sizeof *y);
  for (int64_t i = 0; i < n; i++) y[i] = half_to_float(x[i]);
  return y;
}

static void narrow(const Tensor *t, const float *x, uint16_t *y) {
  int64_t n = n_elements(t);
  for (int64_t i = 0; i < n; i++) y[i] = float_to_half(x[i]);
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
    if (given->dtype != DT_F16) continue;
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
