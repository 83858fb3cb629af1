/* memory_graph.h - random graphs for the tests of the schedule and of the memory plan.  Their nodes
 * compute nothing: operators and kernels are rows made for the test, only sizes and the facts about
 * memory matter. */
#ifndef QCC_MEMORY_GRAPH_H
#define QCC_MEMORY_GRAPH_H

#include "ir/ir.h"
#include "targets/kernels.h"
#include "tests/unit/unit.h"

static inline int64_t some_scratch(const Node *n) { return n->n_in * 24; }

static const OpDef relu_op = {.name = "Relu"}, add_op_row = {.name = "Add"},
                   conv_op = {.name = "Conv"}, reshape_op = {.name = "Reshape"},
                   quantize_op = {.name = "Quantize"}, pair_op = {.name = "TopK"},
                   slice_op = {.name = "Slice"}, split_op = {.name = "Split"},
                   concat_op = {.name = "Concat"};
static const Kernel relu_kernel = {.op = "Relu", .name = "relu", .in_place = 1},
                    add_kernel = {.op = "Add", .name = "add", .in_place = 3},
                    left_kernel = {.op = "Add", .name = "add_left", .in_place = 1},
                    conv_kernel = {.op = "Conv", .name = "conv"},
                    im2col_kernel = {.op = "Conv", .name = "conv", .scratch = some_scratch},
                    copy_kernel = {.op = "Concat", .name = "copy_rows"},
                    quantize_kernel = {.op = "Quantize", .name = "quantize", .in_place = 1};

static inline Tensor *new_vector(Graph *g, DType type, int64_t n) {
  return new_tensor(g, fresh_name(g, "t"), type, 1, &n);
}

static inline Node *append_node(Graph *g, const OpDef *op, const Kernel *k, int n_in, Tensor **in,
                                int n_out, Tensor **out) {
  Node *n = arena_alloc(g->arena, sizeof *n);
  *n = (Node){.op = op, .kernel = k, .n_in = n_in, .n_out = n_out};
  n->name = arena_printf(g->arena, "node%d", g->n_node);
  n->in = arena_alloc(g->arena, n_in * (int64_t)sizeof *n->in);
  n->out = arena_alloc(g->arena, n_out * (int64_t)sizeof *n->out);
  for (int i = 0; i < n_in; i++) n->in[i] = in[i];
  for (int i = 0; i < n_out; i++) n->out[i] = out[i];
  for (int i = 0; i < n_out; i++)
    if (out[i]) out[i]->def = n;
  g->node = arena_grow(g->arena, g->node, g->n_node, sizeof *g->node);
  g->node[g->n_node++] = n;
  return n;
}

/* One input, one output of `n` elements of the input's type. */
static inline Tensor *append_unary(Graph *g, const OpDef *op, const Kernel *k, Tensor *x,
                                   int64_t n) {
  Tensor *y = new_vector(g, x->dtype, n);
  append_node(g, op, k, 1, &x, 1, &y);
  return y;
}

/* Elements [from, from + n) of a vector. */
static inline Tensor *append_slice(Graph *g, Tensor *x, int64_t from, int64_t n) {
  int64_t to = from + n;
  Tensor *list[3] = {x, new_const_i64(g, fresh_name(g, "from"), 1, &from),
                     new_const_i64(g, fresh_name(g, "to"), 1, &to)};
  Tensor *y = new_vector(g, x->dtype, n);
  append_node(g, &slice_op, NULL, 3, list, 1, &y);
  return y;
}

static inline Tensor *append_concat(Graph *g, int n_in, Tensor **list) {
  int64_t n = 0;
  for (int i = 0; i < n_in; i++) n += n_elements(list[i]);
  Tensor *y = new_vector(g, list[0]->dtype, n);
  set_int(g, append_node(g, &concat_op, &copy_kernel, n_in, list, 1, &y), "axis", 0);
  return y;
}

static inline void add_graph_input(Graph *g, Tensor *t) {
  g->in = arena_grow(g->arena, g->in, g->n_in, sizeof *g->in);
  g->in[g->n_in++] = t;
}

static inline void add_graph_output(Graph *g, Tensor *t) {
  g->out = arena_grow(g->arena, g->out, g->n_out, sizeof *g->out);
  g->out[g->n_out++] = t;
}

/* A tensor with values, of a type (DT_NONE: any); the later ones more often. */
static inline Tensor *pick(Graph *g, uint32_t *seed, DType type) {
  for (int tries = 0; tries < 64; tries++) {
    int back = (int)(next_random(seed) % (next_random(seed) % 2 ? 3 : 100));
    Tensor *t = g->tensor[back < g->n_tensor ? g->n_tensor - 1 - back : 0];
    if (!is_const(t) && (type == DT_NONE || t->dtype == type)) return t;
  }
  return g->in[0];
}

/* Adds one random node; `all`: also those whose memory order.c knows only roughly, with outputs
 * over a larger input, runs of the input and joined inputs. */
static inline void append_random_node(Graph *g, uint32_t *seed, bool all) {
  Tensor *x = pick(g, seed, DT_NONE), *list[3] = {x, pick(g, seed, DT_NONE), NULL}, *y[2];
  int64_t size = 16 * (1 + (int64_t)(next_random(seed) % 20)), n = n_elements(x);
  switch (next_random(seed) % (all ? 11 : 6)) {
  case 0: append_unary(g, &relu_op, &relu_kernel, x, n); return;
  case 1: append_unary(g, &reshape_op, NULL, x, n); return;
  case 2:  /* both inputs may be overwritten, or the left one only; sometimes they are one tensor */
    if (n_elements(list[1]) != n || list[1]->dtype != x->dtype) list[1] = x;
    y[0] = new_vector(g, x->dtype, n);
    append_node(g, &add_op_row, next_random(seed) % 2 ? &add_kernel : &left_kernel, 2, list, 1, y);
    return;
  case 3:
    if (!all || x->dtype != DT_F32) break;
    y[0] = new_vector(g, DT_I8, n);
    append_node(g, &quantize_op, &quantize_kernel, 1, &x, 1, y);
    return;
  case 4:  /* two outputs, one of them perhaps without a reader */
    y[0] = new_vector(g, DT_I8, size);
    y[1] = new_vector(g, DT_I8, size / 2);
    append_node(g, &pair_op, &conv_kernel, 1, &x, 2, y);
    return;
  case 5:
    append_unary(g, &conv_op, &im2col_kernel, x, size);
    return;
  case 6:
    if (n > 1) append_slice(g, x, (int64_t)next_random(seed) % (n / 2), n / 2);
    else append_unary(g, &relu_op, &relu_kernel, x, n);
    return;
  case 7:  /* the rest of what the first half leaves */
    y[0] = new_vector(g, x->dtype, n / 3);
    y[1] = new_vector(g, x->dtype, n - n / 3);
    append_node(g, &split_op, NULL, 1, &x, 2, y);
    return;
  case 8:
    list[2] = pick(g, seed, x->dtype);
    for (int i = 1; i < 3; i++)
      if (list[i]->dtype != x->dtype) list[i] = x;
    if (n + n_elements(list[1]) + n_elements(list[2]) > 1000) break;
    append_concat(g, 3, list);
    return;
  default: break;
  }
  y[0] = new_vector(g, next_random(seed) % 4 ? DT_I8 : DT_F32, size);
  append_node(g, &conv_op, &conv_kernel, (int)(1 + next_random(seed) % 2), list, 1, y);
}

static inline Graph *random_graph(Arena *a, uint32_t *seed, int n_node, bool all) {
  Graph *g = new_graph(a, "random");
  int n_in = (int)(1 + next_random(seed) % 2);
  for (int i = 0; i < n_in; i++)
    add_graph_input(g, new_vector(g, i ? DT_I8 : DT_F32, 16 * (1 + next_random(seed) % 20)));
  while (g->n_node < n_node) append_random_node(g, seed, all);
  add_graph_output(g, g->node[n_node - 1]->out[0]);
  if (next_random(seed) % 3 == 0 && g->out[0] != g->tensor[0]) add_graph_output(g, g->tensor[0]);
  for (int i = 0; i < g->n_node; i++)  /* a second output somewhere */
    if (next_random(seed) % 16 == 0 && !is_graph_output(g, g->node[i]->out[0]))
      add_graph_output(g, g->node[i]->out[0]);
  return g;
}

#endif
