/* interp.c - runs a graph on the host, node by node, by the operators' reference functions.
 *
 * This is the definition of what a graph means at every stage: passes and generated code are
 * compared with it.  Every tensor has memory of its own, planned offsets and aliases play no part.
 * An Interp belongs to one thread; any number of them may run the same graph. */
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

enum { ALIGN = 64 };

struct Interp {
  const Graph *g;
  const void **value;   /* [n_tensor] elements of each tensor, NULL: not known yet */
  void **own;           /* [n_tensor] memory of this interpreter, or NULL */
  int *other_end;       /* [n_node] of loops, or NULL where there are none */
  const void **in;      /* [most inputs of a node] arguments of the node that runs */
  void **out;           /* [most outputs of a node] */
};

static void *calloc_or_exit(int64_t n, size_t bytes) {
  void *p = calloc((size_t)n + 1, bytes);
  if (p == NULL) error("out of memory");
  return p;
}

/* Memory for a tensor's elements, and 64 bytes more: vector code may read past the end. */
static void *tensor_memory(const Tensor *t) {
  int64_t bytes = tensor_bytes(t);
  if (bytes < 0) {
    Arena *a = new_arena();
    error_at(t->loc, "tensor '%s' cannot be computed: its shape %s%s is not fully known", t->name,
             dtype_name(t->dtype), shape_text(a, t));
  }
  void *p;
  if (bytes > PTRDIFF_MAX - ALIGN || posix_memalign(&p, ALIGN, (size_t)bytes + ALIGN) != 0)
    error_at(t->loc, "out of memory: tensor '%s' needs %lld bytes", t->name, (long long)bytes);
  return p;
}

static void *own_memory(Interp *it, const Tensor *t) {
  if (it->own[t->id] == NULL) it->own[t->id] = tensor_memory(t);
  return it->own[t->id];
}

static void find_ends(Interp *it) {
  it->other_end = calloc_or_exit(it->g->n_node, sizeof *it->other_end);
  for (int i = 0; i < it->g->n_node; i++) it->other_end[i] = other_end(it->g, i);
}

Interp *new_interp(const Graph *g) {
  Interp *it = calloc_or_exit(1, sizeof *it);
  int most_in = 0, most_out = 0;
  it->g = g;
  it->value = calloc_or_exit(g->n_tensor, sizeof *it->value);
  it->own = calloc_or_exit(g->n_tensor, sizeof *it->own);
  for (int i = 0; i < g->n_tensor; i++) it->value[i] = g->tensor[i]->data;
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    if ((n->op->flags & OP_FLOW) && it->other_end == NULL) find_ends(it);
    if (n->n_in > most_in) most_in = n->n_in;
    if (n->n_out > most_out) most_out = n->n_out;
    for (int j = 0; j < n->n_out; j++)
      if (n->out[j] != NULL) own_memory(it, n->out[j]);
  }
  it->in = calloc_or_exit(most_in, sizeof *it->in);
  it->out = calloc_or_exit(most_out, sizeof *it->out);
  return it;
}

void free_interp(Interp *it) {
  if (it == NULL) return;
  for (int i = 0; i < it->g->n_tensor; i++) free(it->own[i]);
  free(it->own);
  free(it->value);
  free(it->other_end);
  free(it->in);
  free(it->out);
  free(it);
}

static void gather_arguments(Interp *it, const Node *n) {
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    it->in[i] = t != NULL ? it->value[t->id] : NULL;
    if (t != NULL && it->in[i] == NULL)
      bug("'%s' reads tensor '%s', which has no value yet", n->name, t->name);
  }
  for (int i = 0; i < n->n_out; i++)
    it->out[i] = n->out[i] != NULL ? own_memory(it, n->out[i]) : NULL;
}

static void observe_outputs(const Interp *it, const Node *n, Observer *observe, void *ctx) {
  for (int i = 0; observe != NULL && i < n->n_out; i++)
    if (n->out[i] != NULL) observe(ctx, n->out[i], it->value[n->out[i]->id]);
}

static void run_node(Interp *it, const Node *n, Observer *observe, void *ctx) {
  if (n->op->eval == NULL) bug("operator %s has no reference", n->op->name);
  gather_arguments(it, n);
  eval_node(n, it->in, it->out);
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] != NULL) it->value[n->out[i]->id] = it->out[i];
  observe_outputs(it, n, observe, ctx);
}

/* What a step would have made, where there is none. */
static void skip_step(Interp *it, int begin, int end) {
  for (int i = begin + 1; i < end; i++)
    for (int k = 0; k < it->g->node[i]->n_out; k++) {
      const Tensor *t = it->g->node[i]->out[k];
      if (t != NULL && it->value[t->id] == NULL) it->value[t->id] = own_memory(it, t);
    }
}

/* Returns whether there is one more. */
static bool end_step(Interp *it, const Node *end, Observer *observe, void *ctx) {
  gather_arguments(it, end);
  const LoopShape l = loop_shape(end);
  const Node *begin = loop_begin(end);
  void **in = calloc_or_exit(end->n_in, sizeof *in);
  for (int i = 0; i < end->n_in; i++)
    in[i] = i < l.trips ? it->own[end->in[i]->id] : (void *)(uintptr_t)it->in[i];
  bool go = take_step(end, in, it->out);
  free(in);
  if (go) observe_outputs(it, begin, observe, ctx);
  return go;
}

/* Runs the node at position i and says at which one to go on: in a loop of which [from, to) has both ends. */
static int run_at(Interp *it, int i, int from, int to, Observer *observe, void *ctx) {
  const Node *n = it->g->node[i];
  int other = it->other_end != NULL && (n->op->flags & OP_FLOW) ? it->other_end[i] : -1;
  bool whole = from <= other && other < to;
  bool in_step = whole && other < i && *(const uint8_t *)it->value[n->in[1]->id];
  if (in_step && end_step(it, n, observe, ctx)) return other + 1;
  run_node(it, n, observe, ctx);
  if (!whole || other < i || *(const uint8_t *)it->value[n->out[1]->id]) return i + 1;
  skip_step(it, i, other);
  return other;
}

void run_interp(Interp *it, const void *const *in, Observer *observe, void *ctx) {
  for (int i = 0; i < it->g->n_in; i++) {
    it->value[it->g->in[i]->id] = in[i];
    if (observe != NULL) observe(ctx, it->g->in[i], in[i]);
  }
  for (int i = 0; i < it->g->n_node;) i = run_at(it, i, 0, it->g->n_node, observe, ctx);
}

const void *interp_value(const Interp *it, const Tensor *t) { return it->value[t->id]; }

void set_value(Interp *it, const Tensor *t, const void *data) {
  void *own = own_memory(it, t);
  memcpy(own, data, (size_t)tensor_bytes(t));
  it->value[t->id] = own;
}

void run_chosen(Interp *it, const char *chosen, char which) {
  for (int i = 0; i < it->g->n_node;) {
    int other = it->other_end != NULL ? it->other_end[i] : -1;
    bool whole = other >= 0 && chosen[other] == which;
    if (chosen[i] != which) i++;
    else i = run_at(it, i, whole ? 0 : i, whole ? it->g->n_node : i + 1, NULL, NULL);
  }
}

void run_nodes(Interp *it, int from, int to) {
  /* From inside of a loop to its end, and on: all its steps. */
  for (int i = from; it->other_end != NULL && i < to; i++)
    if (is_op(it->g->node[i], "LoopEnd") && it->other_end[i] < from && to - from > 1) from = it->other_end[i];
  for (int i = from; i < to;) i = run_at(it, i, from, to, NULL, NULL);
}
