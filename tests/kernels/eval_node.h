/* eval_node.h - one node of an integer operator, evaluated by the compiler's own reference:
 * kernels are compared with the very functions that `qcc run` and `qcc verify` use. */
#ifndef TESTS_KERNELS_EVAL_NODE_H
#define TESTS_KERNELS_EVAL_NODE_H

#include "ir/ir.h"
#include "tests/kernels/guard.h"

typedef struct EvalNode {
  Arena *arena;
  Graph *g;
  int n_in;
  Tensor *in[8];
  const void *data[8];
  Tensor *out;
  Node *node;
} EvalNode;

/* Begin, then one add_eval_input per input, then place_eval_node, attributes, run_eval_node. */
static inline void begin_eval(EvalNode *e) {
  memset(e, 0, sizeof *e);
  e->arena = new_arena();
  e->g = new_graph(e->arena, "test");
}

/* data NULL: the optional input is absent. */
static inline void add_eval_input(EvalNode *e, DType type, int rank, const int64_t *dim,
                                  const void *data) {
  const char *name = arena_printf(e->arena, "in%d", e->n_in);
  e->in[e->n_in] = data ? new_tensor(e->g, name, type, rank, dim) : NULL;
  e->data[e->n_in++] = data;
}

static inline void add_eval_vector(EvalNode *e, DType type, int64_t n, const void *data) {
  add_eval_input(e, type, 1, &n, data);
}

static inline void place_eval_node(EvalNode *e, const char *op) {
  while (!e->in[e->n_in - 1]) e->n_in--;
  e->out = new_tensor(e->g, "y", DT_NONE, -1, NULL);
  e->node = add_node(e->g, -1, op, "node", e->n_in, e->in, 1, &e->out);
}

static inline void set_eval_output(EvalNode *e, int shift, int zero, int lo, int hi) {
  set_int(e->g, e->node, "shift", shift);
  set_int(e->g, e->node, "y_zero", zero);
  set_int(e->g, e->node, "lo", lo);
  set_int(e->g, e->node, "hi", hi);
}

/* Checks that the node's n output codes are `want`. */
static inline void run_eval_node(EvalNode *e, const int8_t *want, int64_t n) {
  e->node->op->infer(e->g, e->node);
  assert_int_equal(n_elements(e->out), n);
  int8_t *y = malloc((size_t)n);
  assert_non_null(y);
  void *out[1] = {y};
  e->node->op->eval(e->node, e->data, out);
  for (int64_t i = 0; i < n; i++)
    if (y[i] != want[i])
      fail_msg("eval of %s: code %lld is %d, expected %d", e->node->op->name, (long long)i, y[i],
               want[i]);
  free(y);
  free_arena(e->arena);
}

#endif
