/* state.c - values that live from call to call: what a recurrent layer, a stream or a cache leaves for the
 * next step.  A state is an input of the graph and the output that is its next value.  To passes both are
 * inputs and outputs like any others; they stand behind all of those, so that input n_inputs() + i goes with
 * output n_outputs() + i.  Before the first step every state is 0, or has its own start.
 *
 *   net (float[1,8] x, float[1,4] h) => (float[1,4] y, float[1,4] next)  and the state next=h
 *   ==>  a network of one input x and one output y */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

int n_inputs(const Graph *g) { return g->n_in - g->n_state; }

int n_outputs(const Graph *g) { return g->n_out - g->n_state; }

/* Moves the tensor of that name to the end of a list whose last n_state ones are states already. */
static Tensor *take(const Graph *g, Loc loc, const char *kind, const char *name, int n, Tensor **list) {
  int free = n - g->n_state, k = 0;
  while (k < n && strcmp(list[k]->name, name) != 0) k++;
  if (k == n) {
    const char **names = arena_alloc(g->arena, (n + 1) * (int64_t)sizeof *names);
    for (int i = 0; i < free; i++) names[i] = list[i]->name;
    const char *near = nearest_name(name, names, free);
    error_at(loc, "state: the model has no %s '%s'%s%s%s", kind, name, near ? ", did you mean '" : "",
             near ? near : "", near ? "'?" : "");
  }
  if (k >= free) error_at(loc, "state: %s '%s' is part of another state", kind, name);
  Tensor *t = list[k];
  memmove(list + k, list + k + 1, (size_t)(n - k - 1) * sizeof *list);
  return list[n - 1] = t;
}

void add_state(Graph *g, Loc loc, const char *out, const char *in) {
  const Tensor *from = take(g, loc, "input", in, g->n_in, g->in);
  const Tensor *next = take(g, loc, "output", out, g->n_out, g->out);
  if (from == next) error_at(loc, "state: '%s' is an input as it stands, and would never change", in);
  g->n_state++;
  if (n_outputs(g) == 0) error_at(loc, "state: the model has no output besides its states");
}

void check_states(const Graph *g) {
  for (int i = 0; i < g->n_state; i++) {
    const Tensor *in = g->in[n_inputs(g) + i], *out = g->out[n_outputs(g) + i];
    if (in->dtype != out->dtype || !same_shape(in, out))
      error_at(in->loc, "state '%s' is %s%s, but its next value '%s' is %s%s", in->name,
               dtype_name(in->dtype), shape_text(g->arena, in), out->name, dtype_name(out->dtype),
               shape_text(g->arena, out));
  }
}

/* ---- values */

/* Passes may have made codes of a state, or a narrower type. */
static void put_start(const Tensor *t, void *data) {
  const QuantSpec *from = t->start->quant, *to = t->quant;
  for (int64_t i = 0; i < n_elements(t); i++) {
    double v = get_real(t->start->dtype, t->start->data, i);
    if (from) v = (v - from->zero[0]) * (double)from->scale[0];
    if (to) v = rint(v / (double)to->scale[0]) + to->zero[0];
    set_real(t->dtype, data, i, v);
  }
}

void reset_state(const Tensor *t, void *data) {
  if (t->start && t->start->dtype == t->dtype && same_meaning(t->start->quant, t->quant)) {
    memcpy(data, t->start->data, (size_t)tensor_bytes(t));
    return;
  }
  if (t->start) {
    put_start(t, data);
    return;
  }
  memset(data, 0, (size_t)tensor_bytes(t));
  for (int64_t i = 0; t->quant && i < n_elements(t); i++)
    set_real(t->dtype, data, i, t->quant->zero[0]);
}

void reset_states(const Graph *g, void **value) {
  for (int i = 0; i < g->n_state; i++) {
    const Tensor *t = g->in[n_inputs(g) + i];
    value[i] = arena_alloc(g->arena, tensor_bytes(t) + 1);
    reset_state(t, value[i]);
  }
}

void keep_states(const Graph *g, const Interp *it, void *const *value) {
  for (int i = 0; i < g->n_state; i++) {
    const Tensor *t = g->out[n_outputs(g) + i];
    memcpy(value[i], interp_value(it, t), (size_t)tensor_bytes(t));
  }
}

void record_states(Arena *a, const Graph *g, Samples *s) {
  if (g->n_state == 0 || s->n_in == g->n_in) return;
  int given = n_inputs(g);
  void **data = arena_alloc(a, (g->n_in + 1) * (int64_t)sizeof *data);
  void **value = arena_alloc(a, g->n_state * (int64_t)sizeof *value);
  const void **in = arena_alloc(a, (g->n_in + 1) * (int64_t)sizeof *in);
  memcpy(data, s->data, (size_t)given * sizeof *data);
  for (int i = given; i < g->n_in; i++) data[i] = sample_room(a, s->n, tensor_bytes(g->in[i]));
  s->data = data;
  s->n_in = g->n_in;
  reset_states(g, value);
  Interp *it = new_interp(g);
  for (int64_t k = 0; k < s->n; k++) {
    for (int i = given; i < g->n_in; i++) {
      int64_t bytes = tensor_bytes(g->in[i]);
      memcpy((char *)data[i] + k * bytes, value[i - given], (size_t)bytes);
    }
    for (int i = 0; i < g->n_in; i++) in[i] = sample_at(g, s, i, k);
    run_interp(it, in, NULL, NULL);
    keep_states(g, it, value);
  }
  free_interp(it);
}
