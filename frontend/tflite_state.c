/* tflite_state.c - what a model keeps from call to call: tensors marked as variable, and variables that operators read
 * and assign.  Each is a state of the graph (ir/state.c): an input that the first reader gets, and the output that
 * is its next value.  What a subgraph assigns that is called once is where it starts.
 *
 *   CALL_ONCE(subgraph 1: ASSIGN_VARIABLE(v, constant)); x = READ_VARIABLE(v); ...; ASSIGN_VARIABLE(v, y)
 *   ==>  an input x and the state y=x */
#include <string.h>

#include "frontend/tflite_reader.h"

enum { TENSOR_IS_VARIABLE = 5 };
enum { HANDLE_CONTAINER = 0, HANDLE_NAME, ONCE_SUBGRAPH = 0 };

static TfliteState *add_state_of(TfliteReader *r, TfliteState s) {
  r->state = arena_grow(r->arena, r->state, r->n_state, sizeof *r->state);
  r->state[r->n_state] = s;
  return &r->state[r->n_state++];
}

/* ---- variable tensors */

static TfliteState *state_of(TfliteOp *op, int i) {
  TfliteReader *r = op->r;
  int64_t index = i < op->in.n ? flat_int_at(&op->in, i) : -1;
  if (index < 0 || index >= r->tensors.n) error_at(op->loc, "input %d, a state, is absent", i);
  TfliteTensor *s = &r->tensor[index];
  if (!s->t) s->t = make_tflite_tensor(r, index);
  FlatTable t = flat_table_at(&r->tensors, index);
  if (!flat_int(&t, TENSOR_IS_VARIABLE, 1, 0) || is_const(s->t) || s->t->def)
    error_at(op->loc, "input %d, '%s', is no variable tensor", i, s->t->name);
  for (int k = 0; k < r->n_state; k++)
    if (r->state[k].in == s->t) return &r->state[k];
  if (s->made) error_at(op->loc, "input %d, '%s', is an input of the model", i, s->t->name);
  s->made = true;
  return add_state_of(r, (TfliteState){.loc = op->loc, .in = s->t, .now = s->t});
}

Tensor *tflite_state(TfliteOp *op, int i) { return state_of(op, i)->now; }

void tflite_keep(TfliteOp *op, int i, Tensor *next) { state_of(op, i)->now = next; }

/* ---- variables */

void read_tflite_variable(TfliteOp *op) {
  TfliteReader *r = op->r;
  int64_t index = op->out.n == 1 ? flat_int_at(&op->out, 0) : -1;
  if (index < 0 || index >= r->tensors.n) error_at(op->loc, "output 0 is absent");
  const char *name = flat_string(&op->options, HANDLE_NAME), *box = flat_string(&op->options, HANDLE_CONTAINER);
  const char *fault = name_fault(name);
  if (fault) error_at(op->loc, "%s in its name", fault);
  if (*box) name = arena_printf(r->arena, "%s/%s", box, name);
  int k = 0;
  while (k < r->n_state && (!r->state[k].name || strcmp(r->state[k].name, name) != 0)) k++;
  if (k == r->n_state) add_state_of(r, (TfliteState){.name = name, .loc = op->loc});
  r->tensor[index].handle = k + 1;
}

/* The variable that input 0 stands for. */
static TfliteState *variable_of(TfliteOp *op) {
  TfliteReader *r = op->r;
  int64_t index = op->in.n > 0 ? flat_int_at(&op->in, 0) : -1;
  int handle = index >= 0 && index < r->tensors.n ? r->tensor[index].handle : 0;
  if (!handle) error_at(op->loc, "input 0 stands for no variable");
  return &r->state[handle - 1];
}

/* error_at unless values of a and b may be the same variable's. */
static void check_value(const TfliteReader *r, Loc loc, const TfliteState *s, const Tensor *a, const Tensor *b) {
  if (a->dtype != b->dtype || !same_shape(a, b))
    error_at(loc, "variable '%s' is %s%s here, but %s%s elsewhere", s->name, dtype_name(a->dtype),
             shape_text(r->arena, a), dtype_name(b->dtype), shape_text(r->arena, b));
  if (!same_meaning(a->quant, b->quant)) error_at(loc, "variable '%s' has codes of different scales", s->name);
}

void read_tflite_read(TfliteOp *op) {
  Graph *g = op->r->graph;
  TfliteState *s = variable_of(op);
  const Tensor *t = tflite_output(op, 0);
  if (!s->now) {
    s->in = s->now = copy_tensor(g, fresh_name(g, *s->name ? s->name : "variable"), t);
    if (t->rank == 4) s->in->layout = LAYOUT_NHWC;
  }
  check_value(op->r, op->loc, s, t, s->now);
  Node *n = tflite_node(op, "Identity", 1, &s->now);
  n->out[0]->quant = s->now->quant;
  infer_node(g, n);
  tflite_give(op, 0, n->out[0], 0);
}

void read_tflite_assign(TfliteOp *op) {
  TfliteState *s = variable_of(op);
  Tensor *value = tflite_needed(op, 1);
  if (op->r->once != is_const(value))
    error_at(op->loc, "input 1, '%s', is %s constant", value->name, op->r->once ? "no" : "a");
  if (op->r->once) s->start = value;
  else s->now = value;
}

void read_tflite_call_once(TfliteOp *op) {
  read_tflite_once(op->r, op->loc, flat_int(&op->options, ONCE_SUBGRAPH, 4, 0));
}

/* ---- states of the graph */

/* The next value of a state is something that only it is. */
static Tensor *next_value(Graph *g, const TfliteState *s) {
  Tensor *now = s->now;
  if (now->def && !is_graph_output(g, now)) return now;
  Tensor *copy = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_next", s->in->name)), now);
  infer_node(g, add_node(g, -1, "Identity", copy->name, 1, &now, 1, &copy));
  return copy;
}

void finish_tflite_states(TfliteReader *r) {
  Graph *g = r->graph;
  for (int i = 0; i < r->n_state; i++) {
    TfliteState *s = &r->state[i];
    if (!s->in) continue; /* nobody sees the value of the call before */
    if (s->start) check_value(r, s->loc, s, s->in, s->start);
    if (s->name) check_value(r, s->loc, s, s->in, s->now);
    s->in->start = s->start;
    g->out = arena_grow(r->arena, g->out, g->n_out, sizeof *g->out);
    g->out[g->n_out] = next_value(g, s);
    g->n_out++;
    g->in = arena_grow(r->arena, g->in, g->n_in, sizeof *g->in);
    g->in[g->n_in++] = s->in;
    g->n_state++;
  }
}
