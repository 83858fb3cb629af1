/* op_fixture.h - one operator at a time: tensors with reproducible random elements, a node,
 * inference and its reference function. */
#ifndef QCC_OP_FIXTURE_H
#define QCC_OP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ir/ir.h"

enum { MAX_INPUTS = 8 };

/* A generator of our own, so that every machine tests the same shapes. */
static uint64_t random_state = 1;

static inline int random_int(int lo, int hi) {
  random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return lo + (int)((random_state >> 33) % (uint64_t)(hi - lo + 1));
}

static inline Tensor *random_tensor(Graph *g, DType t, int rank, const int64_t *dim) {
  Tensor *x = new_const(g, fresh_name(g, "t"), t, rank, dim, NULL);
  int64_t n = n_elements(x);
  x->data = arena_alloc(g->arena, tensor_bytes(x) + 1);
  for (int64_t i = 0; i < n; i++)
    set_real(t, x->data, i, t == DT_F32 ? random_int(-1000, 1000) / 256.0 : random_int(-128, 127));
  return x;
}

/* The same elements with dimensions in the order perm, marked channels-last. */
static inline Tensor *permuted(Graph *g, const Tensor *x, const int *perm) {
  int64_t dim[MAX_RANK], step[MAX_RANK], at[MAX_RANK] = {0}, s = 1;
  for (int d = x->rank - 1; d >= 0; d--) {
    step[d] = s;
    s *= x->dim[d];
  }
  for (int d = 0; d < x->rank; d++) dim[d] = x->dim[perm[d]];
  Tensor *y = new_const(g, fresh_name(g, "p"), x->dtype, x->rank, dim, NULL);
  y->layout = LAYOUT_NHWC;
  y->data = arena_alloc(g->arena, tensor_bytes(x) + 1);
  for (int64_t i = 0; i < s; i++) {
    int64_t from = 0;
    for (int d = 0; d < x->rank; d++) from += at[d] * step[perm[d]];
    set_real(x->dtype, y->data, i, get_real(x->dtype, x->data, from));
    for (int d = x->rank - 1; d >= 0; d--) {
      if (++at[d] < dim[d]) break;
      at[d] = 0;
    }
  }
  return y;
}

/* Channels to the end, whatever the rank. */
static inline Tensor *channels_last(Graph *g, const Tensor *x) {
  int perm[MAX_RANK];
  perm[0] = 0;
  for (int d = 1; d < x->rank - 1; d++) perm[d] = d + 1;
  perm[x->rank - 1] = 1;
  return permuted(g, x, perm);
}

static inline Tensor *channels_first(Graph *g, const Tensor *x) {
  int perm[MAX_RANK];
  perm[0] = 0;
  perm[1] = x->rank - 1;
  for (int d = 2; d < x->rank; d++) perm[d] = d - 1;
  Tensor *y = permuted(g, x, perm);
  y->layout = LAYOUT_NONE;
  return y;
}

static inline Node *make_node(Graph *g, const char *op, int n_in, Tensor *const *in) {
  Tensor *y = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  return add_node(g, -1, op, y->name, n_in, in, 1, &y);
}

/* Infers and evaluates; the output's elements become its data. */
static inline Tensor *run_node(Graph *g, Node *n) {
  const void *in[MAX_INPUTS];
  infer_node(g, n);
  Tensor *y = n->out[0];
  assert_true(n_elements(y) >= 0);
  for (int i = 0; i < n->n_in; i++) in[i] = n->in[i] ? n->in[i]->data : NULL;
  y->data = arena_alloc(g->arena, tensor_bytes(y) + 1);
  n->op->eval(n, in, &y->data);
  return y;
}

static inline void assert_same(const Tensor *a, const Tensor *b) {
  assert_true(same_shape(a, b));
  assert_int_equal(a->dtype, b->dtype);
  assert_memory_equal(a->data, b->data, (size_t)tensor_bytes(a));
}

static inline void assert_near(const Tensor *a, const Tensor *b, double tolerance) {
  assert_true(same_shape(a, b));
  for (int64_t i = 0; i < n_elements(a); i++) {
    double u = get_real(a->dtype, a->data, i), v = get_real(b->dtype, b->data, i);
    double size = u < 0 ? -u : u, difference = u < v ? v - u : u - v;
    if (difference > tolerance * (1 + size))
      fail_msg("element %lld: %g and %g", (long long)i, u, v);
  }
}

#endif
