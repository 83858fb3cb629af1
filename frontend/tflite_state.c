/* tflite_state.c - what a model keeps from call to call: tensors marked as variable.  Each is a state of the graph
 * (ir/state.c): an input that the first reader gets, and the output that is its next value. */
#include "frontend/tflite_reader.h"

enum { TENSOR_IS_VARIABLE = 5 };

static TfliteState *find_state(TfliteReader *r, const Tensor *in) {
  for (int i = 0; i < r->n_state; i++)
    if (r->state[i].in == in) return &r->state[i];
  return NULL;
}

static TfliteState *state_of(TfliteOp *op, int i) {
  TfliteReader *r = op->r;
  int64_t index = i < op->in.n ? flat_int_at(&op->in, i) : -1;
  if (index < 0 || index >= r->tensors.n) error_at(op->loc, "input %d, a state, is absent", i);
  TfliteTensor *s = &r->tensor[index];
  if (!s->t) s->t = make_tflite_tensor(r, index);
  FlatTable t = flat_table_at(&r->tensors, index);
  if (!flat_int(&t, TENSOR_IS_VARIABLE, 1, 0) || is_const(s->t) || s->t->def)
    error_at(op->loc, "input %d, '%s', is no variable tensor", i, s->t->name);
  TfliteState *state = find_state(r, s->t);
  if (state) return state;
  if (s->made) error_at(op->loc, "input %d, '%s', is an input of the model", i, s->t->name);
  s->made = true;
  r->state = arena_grow(r->arena, r->state, r->n_state, sizeof *r->state);
  r->state[r->n_state] = (TfliteState){.in = s->t, .now = s->t};
  return &r->state[r->n_state++];
}

Tensor *tflite_state(TfliteOp *op, int i) { return state_of(op, i)->now; }

void tflite_keep(TfliteOp *op, int i, Tensor *next) { state_of(op, i)->now = next; }

void finish_tflite_states(TfliteReader *r) {
  Graph *g = r->graph;
  for (int i = 0; i < r->n_state; i++) {
    TfliteState *s = &r->state[i];
    if (!s->now->def || is_graph_output(g, s->now)) {
      Tensor *copy = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_next", s->in->name)), s->now);
      infer_node(g, add_node(g, -1, "Identity", copy->name, 1, &s->now, 1, &copy));
      s->now = copy;
    }
    g->in = arena_grow(r->arena, g->in, g->n_in, sizeof *g->in);
    g->in[g->n_in++] = s->in;
    g->out = arena_grow(r->arena, g->out, g->n_out, sizeof *g->out);
    g->out[g->n_out++] = s->now;
    g->n_state++;
  }
}
