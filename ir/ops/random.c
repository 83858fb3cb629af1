/* random.c - operators that make random numbers.  A seed, or without one the node's name, says which: they are the
 * same on every machine and at every call, so that they are constants (docs/numerics.md). */
#include <math.h>
#include <string.h>

#include "ir/ops/ops.h"

/* The type that attribute dtype names, or else `otherwise`. */
static DType random_type(const Node *n, DType otherwise) {
  int64_t t = attr_int(n, "dtype", otherwise);
  if (t <= DT_NONE || t >= DT_COUNT || !dtype_is_float((DType)t))
    error_at(n->loc, "%s: type %lld is not one of real numbers", op_name(n), (long long)t);
  return (DType)t;
}

void infer_random(Graph *g, Node *n) {
  (void)g;
  int64_t dim[MAX_RANK];
  int rank = attr_ints(n, "shape", dim, MAX_RANK);
  if (!find_attr(n, "shape")) error_at(n->loc, "%s: shape is missing", op_name(n));
  for (int d = 0; d < rank; d++)
    if (dim[d] < 0) error_at(n->loc, "%s: shape has the dimension %lld", op_name(n), (long long)dim[d]);
  set_type(n, 0, random_type(n, DT_F32), rank, dim, LAYOUT_NONE);
}

void infer_random_like(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  if (!has_static_shape(x)) return;
  set_type(n, 0, random_type(n, dtype_is_float(x->dtype) ? x->dtype : DT_F32), x->rank, x->dim, x->layout);
}

/* 0 to 1, without 1. */
static double next_share(uint64_t *state) { return (double)(next_bits(state) >> 11) * 0x1p-53; }

/* By the method of Box and Muller. */
static double next_normal(uint64_t *state) {
  double radius = sqrt(-2 * log(1 - next_share(state)));
  return radius * cos(6.283185307179586 * next_share(state));
}

void eval_random(const Node *n, const void *const *in, void *const *out) {
  (void)in;
  const Tensor *y = n->out[0];
  bool normal = strncmp(op_name(n), "RandomNormal", 12) == 0;
  double low = attr_float(n, "low", 0), high = attr_float(n, "high", 1);
  double mean = attr_float(n, "mean", 0), scale = attr_float(n, "scale", 1), seed = attr_float(n, "seed", 0);
  uint64_t state = find_attr(n, "seed") ? hash_bytes(HASH_START, &seed, sizeof seed)
                                        : hash_bytes(HASH_START, n->name, strlen(n->name));
  for (int64_t i = 0; i < n_elements(y); i++)
    set_real(y->dtype, out[0], i,
             normal ? mean + scale * next_normal(&state) : low + (high - low) * next_share(&state));
}
