/* onnx_loop.c - Scan and Loop become as many bodies as they have steps, where that is known when the model is read and
 * few nodes.  How many steps there are is of a Scan a size, of a Loop its trip count and its conditions.
 *
 *   s, y = Scan(s0, x) {(a, b) => (c, d)}   ==>   "s/0/c", "s/0/d" = body(s0, Gather(x, 0))
 *                                                 "s/1/c", "s/1/d" = body("s/0/c", Gather(x, 1)) ...
 *                                                 y = Concat(Unsqueeze("s/0/d"), Unsqueeze("s/1/d"), ...)
 *
 * Else the body stands there once, between LoopBegin and LoopEnd (ir/ops/flow.c):
 *
 *   s, y = Loop(n, go, s0) {(i, g, a) => (h, c, d)}   ==>   "s/step", "s/go", "s/state_0" = LoopBegin(n, go, s0)
 *                                                           "s/body/h", "s/body/c", "s/body/d" = body(...)
 *                                                           s, y = LoopEnd("s/step", "s/go", "s/state_0", n,
 *                                                                          "s/body/h", "s/body/c", "s/body/d") */
#include <string.h>

#include "frontend/onnx_expand.h"

enum { MOST_UNROLLED = 256 };  /* nodes that steps may become, unless they change the shapes of states */

/* ---- both */

/* The values of an output, one behind the other along a new dimension. */
static void append_stack(Expander *x, int64_t n, char *const *part, int64_t axis, char *name) {
  char **wide = arena_alloc(x->a, n * (int64_t)sizeof *wide);
  for (int64_t t = 0; t < n; t++) {
    wide[t] = arena_printf(x->a, "%s/wide/%lld", name, (long long)t);
    OnnxAttribute *axes = add_onnx_attribute(x, append_onnx_node(x, "Unsqueeze", 1, &part[t], wide[t]), "axes");
    axes->n_ints = 1, axes->ints = arena_alloc(x->a, (int64_t)sizeof axis);
    axes->ints[0] = axis;
  }
  OnnxAttribute *attr = add_onnx_attribute(x, append_onnx_node(x, "Concat", (size_t)n, wide, name), "axis");
  attr->has_i = 1, attr->i = axis;
}

/* What the last step leaves becomes the first outputs. */
static void append_states(Expander *x, size_t n, char *const *in, char *const *out) {
  for (size_t i = 0; i < n; i++)
    if (*out[i]) append_onnx_node(x, "Identity", 1, &in[i], out[i]);
}

/* ---- Scan */

typedef struct Scan {
  size_t n_state, n_scan, n_out;  /* inputs are states and scan inputs, outputs are states and n_out scan outputs */
  int64_t steps;
  const char *directions;         /* attribute of the scan inputs */
  const OnnxGraph *body;
} Scan;

/* -1 where it is not known. */
static int64_t known_dim(const Expander *x, const char *name, int64_t axis) {
  const Tensor *t = known_so_far(x, name);
  int64_t at = t && axis < 0 ? axis + t->rank : axis;
  return t && at >= 0 && at < t->rank ? t->dim[at] : -1;
}

static int64_t list_item(const OnnxNode *p, const char *name, size_t i) {
  const OnnxAttribute *list = find_onnx_attribute(p, name);
  return list && i < list->n_ints ? list->ints[i] : 0;
}

/* The slice of a scan input that a step sees. */
static char *append_slice(Expander *x, char *from, int64_t axis, int64_t index, char *name) {
  char *in[2] = {from, append_onnx_scalar(x, DT_I64, index, arena_printf(x->a, "%s_index", name))};
  OnnxAttribute *attr = add_onnx_attribute(x, append_onnx_node(x, "Gather", 2, in, name), "axis");
  attr->has_i = 1, attr->i = axis;
  return name;
}

/* Are so many nodes of all steps too many, and would a loop do?  It wants states of one shape. */
static bool wants_loop(const Expander *x, int64_t nodes, size_t n_state, char *const *before, char *const *after) {
  if (nodes <= MOST_UNROLLED) return false;
  for (size_t i = 0; i < n_state; i++) {
    const Tensor *a = known_so_far(x, before[i]), *b = known_so_far(x, after[i]);
    if (a && b && !same_shape(a, b)) return false;
  }
  return true;
}

static char **new_names(const Expander *x, size_t n) {
  return arena_alloc(x->a, (int64_t)(n + 1) * (int64_t)sizeof(char *));
}

/* What a loop reads and makes, as names in the graph. */
typedef struct LoopNames {
  size_t n_state, n_row;
  char *step, *go, **state;   /* LoopBegin's */
  char *trips, **first;
  int64_t room;
} LoopNames;

/* A name, or where there is none a constant that does not end a loop. */
static char *or_endless(Expander *x, const Scope *s, char *name, DType t, const char *word) {
  if (*name) return name;
  return append_onnx_scalar(x, t, t == DT_I64 ? INT64_MAX : 1, arena_printf(x->a, "%s%s", s->prefix, word));
}

/* A loop in a side that is not taken makes no step: it might not end.  The condition under which it may begin, and of
 * being there. */
static char *append_taken(Expander *x, const Scope *s, char *condition) {
  int depth = 0;
  for (const Side *side = x->side; side; side = side->outer, depth++) {
    char *taken = side->holds ? side->condition : arena_printf(x->a, "%snot_%d", s->prefix, depth);
    if (!side->holds) append_onnx_node(x, "Not", 1, &side->condition, taken);
    char *both[2] = {condition, taken};
    if (*condition) append_onnx_node(x, "And", 2, both, taken = arena_printf(x->a, "%staken_%d", s->prefix, depth));
    condition = taken;
  }
  return condition;
}

/* Appends a LoopBegin, whose names those of c become; "": no trip count, or no condition. */
static void append_begin(Expander *x, const Scope *s, LoopNames *c, char *condition) {
  size_t n = 2 + c->n_state;
  char **in = new_names(x, n), **out = new_names(x, n);
  in[0] = c->trips = or_endless(x, s, c->trips, DT_I64, "trips");
  in[1] = or_endless(x, s, append_taken(x, s, condition), DT_BOOL, "first_condition");
  out[0] = c->step = arena_printf(x->a, "%sstep", s->prefix);
  out[1] = c->go = arena_printf(x->a, "%sgo", s->prefix);
  c->state = out + 2;
  for (size_t i = 0; i < c->n_state; i++)
    in[2 + i] = c->first[i], out[2 + i] = arena_printf(x->a, "%sstate_%zu", s->prefix, i);
  append_onnx_flow(x, "LoopBegin", n, in, n, out);
}

static void set_onnx_int(Expander *x, OnnxNode *p, const char *name, int64_t v) {
  OnnxAttribute *attr = add_onnx_attribute(x, p, name);
  attr->has_i = 1, attr->i = v;
}

/* `next`: what the states become, then the rows. */
static OnnxNode *append_end(Expander *x, const Scope *s, const LoopNames *c, char *condition, char *const *next,
                            char *const *to) {
  size_t n_in = 4 + 2 * c->n_state + c->n_row, at = 0;
  char **in = arena_alloc(x->a, (int64_t)n_in * (int64_t)sizeof *in);
  in[at++] = c->step, in[at++] = c->go;
  for (size_t i = 0; i < c->n_state; i++) in[at++] = c->state[i];
  in[at++] = c->trips, in[at++] = or_endless(x, s, condition, DT_BOOL, "condition");
  for (size_t i = 0; i < c->n_state + c->n_row; i++) in[at++] = next[i];
  OnnxNode *p = append_onnx_flow(x, "LoopEnd", n_in, in, c->n_state + c->n_row, to);
  set_onnx_int(x, p, "states", (int64_t)c->n_state);
  set_onnx_int(x, p, "room", c->room);
  return p;
}

/* Rows lie in front: puts them where a Scan wants them. */
static void append_transpose(Expander *x, const OnnxNode *p, char *from, int64_t axis, char *to) {
  const Tensor *t = known_so_far(x, from);
  if (!t || t->rank < 1) fail_expanding(x, p, arena_printf(x->a, "the shape of its output '%s' is not known", to));
  if (axis < 0) axis += t->rank;
  OnnxAttribute *perm = add_onnx_attribute(x, append_onnx_node(x, "Transpose", 1, &from, to), "perm");
  perm->n_ints = (size_t)t->rank, perm->ints = arena_alloc(x->a, t->rank * (int64_t)sizeof *perm->ints);
  for (int64_t i = 0; i < t->rank; i++) perm->ints[i] = i < axis ? i + 1 : i == axis ? 0 : i;
}

/* The step from the last one on. */
static char *append_back(Expander *x, const Scope *s, const LoopNames *l) {
  char *both[2] = {append_onnx_scalar(x, DT_I64, l->room - 1, arena_printf(x->a, "%slast", s->prefix)), l->step};
  char *back = arena_printf(x->a, "%sback", s->prefix);
  append_onnx_node(x, "Sub", 2, both, back);
  return back;
}

/* States, and slices of the scan inputs. */
static char **append_scan_inputs(Expander *x, const Scope *s, const OnnxNode *p, const Scan *c, const LoopNames *l,
                                 char *const *from) {
  char **in = new_names(x, c->n_state + c->n_scan), *back = NULL;
  for (size_t i = 0; i < c->n_state; i++) in[i] = l->state[i];
  for (size_t i = 0; i < c->n_scan; i++) {
    bool reverse = list_item(p, c->directions, i) != 0;
    if (reverse && !back) back = append_back(x, s, l);
    char *slice[2] = {from[c->n_state + i], reverse ? back : l->step};
    char *name = in[c->n_state + i] = arena_printf(x->a, "%sslice_%zu", s->prefix, i);
    set_onnx_int(x, append_onnx_node(x, "Gather", 2, slice, name), "axis", list_item(p, "scan_input_axes", i));
  }
  return in;
}

static void append_scan_loop(Expander *x, const Scope *s, const OnnxNode *p, const Scan *c, char *const *from,
                             char *const *to) {
  LoopNames l = {.n_state = c->n_state, .n_row = c->n_out, .room = c->steps};
  l.first = new_names(x, c->n_state);
  for (size_t i = 0; i < c->n_state; i++) l.first[i] = from[i];
  l.trips = append_onnx_scalar(x, DT_I64, c->steps, arena_printf(x->a, "%strips", s->prefix));
  append_begin(x, s, &l, arena_strdup(x->a, ""));
  char **out = expand_branch(x, s, c->body, "body", append_scan_inputs(x, s, p, c, &l, from));
  char **rows = new_names(x, p->n_output);
  for (size_t i = 0; i < p->n_output; i++) {
    bool moves = i >= c->n_state && *to[i] && list_item(p, "scan_output_axes", i - c->n_state);
    rows[i] = moves ? arena_printf(x->a, "%srows_%zu", s->prefix, i) : to[i];
  }
  OnnxNode *end = append_end(x, s, &l, arena_strdup(x->a, ""), out, rows);
  OnnxAttribute *backwards = add_onnx_attribute(x, end, "backwards");
  backwards->n_ints = c->n_out;
  backwards->ints = arena_alloc(x->a, (int64_t)(c->n_out + 1) * (int64_t)sizeof *backwards->ints);
  for (size_t i = 0; i < c->n_out; i++) backwards->ints[i] = list_item(p, "scan_output_directions", i) != 0;
  for (size_t i = c->n_state; i < p->n_output; i++)
    if (rows[i] != to[i]) append_transpose(x, p, rows[i], list_item(p, "scan_output_axes", i - c->n_state), to[i]);
}

static void append_steps(Expander *x, const Scope *s, const OnnxNode *p, const Scan *c, char *const *from,
                         char *const *to) {
  size_t n_in = c->n_state + c->n_scan;
  int first = x->n;
  char **in = arena_alloc(x->a, (int64_t)n_in * (int64_t)sizeof *in);
  char **part = arena_alloc(x->a, (int64_t)(c->n_out + 1) * c->steps * (int64_t)sizeof *part); /* [n_out][steps] */
  for (size_t i = 0; i < c->n_state; i++) in[i] = from[i];
  for (int64_t t = 0; t < c->steps; t++) {
    char *word = arena_printf(x->a, "%lld", (long long)t);
    for (size_t i = 0; i < c->n_scan; i++) {
      bool reverse = list_item(p, c->directions, i) != 0;
      in[c->n_state + i] = append_slice(x, from[c->n_state + i], list_item(p, "scan_input_axes", i),
                                        reverse ? c->steps - 1 - t : t,
                                        arena_printf(x->a, "%s%s/slice_%zu", s->prefix, word, i));
    }
    char **out = expand_branch(x, s, c->body, word, in);
    if (t == 0 && wants_loop(x, (x->n - first) * c->steps, c->n_state, from, out)) {
      forget_nodes(x, first);
      append_scan_loop(x, s, p, c, from, to);
      return;
    }
    for (size_t i = 0; i < c->n_out; i++) {
      bool reverse = list_item(p, "scan_output_directions", i) != 0;
      part[(int64_t)i * c->steps + (reverse ? c->steps - 1 - t : t)] = out[c->n_state + i];
    }
    in = arena_alloc(x->a, (int64_t)n_in * (int64_t)sizeof *in);
    for (size_t i = 0; i < c->n_state; i++) in[i] = out[i];
  }
  append_states(x, c->n_state, in, to);
  for (size_t i = 0; i < c->n_out; i++)
    if (*to[c->n_state + i])
      append_stack(x, c->steps, part + (int64_t)i * c->steps, list_item(p, "scan_output_axes", i), to[c->n_state + i]);
}

/* Before opset 9, inputs and outputs have the batch in front, and each sample of it is scanned. */
static void append_batch(Expander *x, const Scope *s, const OnnxNode *p, const Scan *c, int64_t batch,
                         char *const *from) {
  size_t n_in = c->n_state + c->n_scan;
  char **part = arena_alloc(x->a, (int64_t)p->n_output * batch * (int64_t)sizeof *part); /* [n_output][batch] */
  for (int64_t b = 0; b < batch; b++) {
    Scope sample = *s;
    sample.prefix = arena_printf(x->a, "%s%lld/", s->prefix, (long long)b);
    char **in = arena_alloc(x->a, (int64_t)n_in * (int64_t)sizeof *in);
    char **out = arena_alloc(x->a, (int64_t)(p->n_output + 1) * (int64_t)sizeof *out);
    for (size_t i = 0; i < n_in; i++)
      in[i] = append_slice(x, from[i], 0, b, arena_printf(x->a, "%sinput_%zu", sample.prefix, i));
    for (size_t i = 0; i < p->n_output; i++) {
      out[i] = *p->output[i] ? arena_printf(x->a, "%soutput_%zu", sample.prefix, i) : p->output[i];
      part[(int64_t)i * batch + b] = out[i];
    }
    append_steps(x, &sample, p, c, in, out);
  }
  for (size_t i = 0; i < p->n_output; i++)
    if (*p->output[i]) append_stack(x, batch, part + (int64_t)i * batch, 0, p->output[i]);
}

void expand_scan(Expander *x, const Scope *s, const OnnxNode *p) {
  size_t first = x->old_scan;  /* then input 0 is sequence_lens */
  const OnnxAttribute *count = find_onnx_attribute(p, "num_scan_inputs");
  size_t n_in = p->n_input > first ? p->n_input - first : 0;
  if (!count || count->i < 1 || (uint64_t)count->i > n_in || n_in - (size_t)count->i > p->n_output)
    fail_expanding(x, p, "num_scan_inputs does not fit its inputs and outputs");
  if (x->old_scan && *p->input[0]) fail_expanding(x, p, "its input sequence_lens is not supported");
  Scan c = {.n_scan = (size_t)count->i, .n_state = n_in - (size_t)count->i,
            .directions = x->old_scan ? "directions" : "scan_input_directions"};
  c.n_out = p->n_output - c.n_state;
  char **in = p->input + first;
  c.steps = known_dim(x, in[c.n_state], x->old_scan ? 1 : list_item(p, "scan_input_axes", 0));
  int64_t batch = x->old_scan ? known_dim(x, in[c.n_state], 0) : 1;
  if (c.steps < 1 || batch < 1)
    fail_expanding(x, p, "the number of its steps is not known when the model is read, or 0: it does not follow from "
                         "sizes of inputs and from constants (--fix makes an input one)");
  if (c.steps > MOST_NODES || batch > MOST_NODES) fail_many_nodes(x, p);
  c.body = onnx_branch(x, p, "body", n_in, p->n_output);
  if (x->old_scan) append_batch(x, s, p, &c, batch, in);
  else append_steps(x, s, p, &c, in, p->output);
}

/* ---- Loop */

/* An output of no steps has no elements, of the shape that the body says. */
static void append_nothing(Expander *x, const OnnxNode *p, const OnnxValue *value, char *name) {
  const OnnxTensorType *type = value->type ? value->type->tensor_type : NULL;
  bool known = type && type->shape;
  size_t rank = known ? type->shape->n_dim : 0;
  for (size_t i = 0; i < rank; i++) known &= type->shape->dim[i]->has_dim_value;
  if (!known)
    fail_expanding(x, p, arena_printf(x->a, "it has no steps, and its body does not say of what shape output '%s' is",
                                      name));
  OnnxTensor *t = arena_alloc(x->a, sizeof *t);
  onnx_tensor__init(t);
  t->has_data_type = 1, t->data_type = type->elem_type;
  t->n_dims = rank + 1;
  t->dims = arena_alloc(x->a, (int64_t)t->n_dims * (int64_t)sizeof *t->dims);
  for (size_t i = 0; i < rank; i++) t->dims[i + 1] = type->shape->dim[i]->dim_value;
  append_onnx_constant(x, t, name);
}

/* Trip count or condition, `otherwise` where there is none; false where it is not known. */
static bool known_or_none(const Expander *x, const char *name, DType t, int64_t otherwise, int64_t *value) {
  *value = otherwise;
  return !*name || known_scalar(x, name, t, value);
}

/* Steps one behind the other; false where they are too many, or how many is not known. */
static bool unroll_loop(Expander *x, const Scope *s, const OnnxNode *p, const OnnxGraph *body, int64_t trips) {
  size_t n_state = p->n_input - 2, n_out = p->n_output - n_state;
  int64_t steps = 0, go;
  int first = x->n;
  char ***part = arena_alloc(x->a, (int64_t)(n_out + 1) * (int64_t)sizeof *part);  /* [n_out][steps] */
  char *condition = p->input[1], **state = p->input + 2;
  for (; steps < trips; steps++) {
    if (!known_or_none(x, condition, DT_BOOL, 1, &go)) return false;
    if (!go) break;
    char *word = arena_printf(x->a, "%lld", (long long)steps);
    char **in = arena_alloc(x->a, (int64_t)p->n_input * (int64_t)sizeof *in);
    in[0] = append_onnx_scalar(x, DT_I64, steps, arena_printf(x->a, "%s%s/step", s->prefix, word));
    in[1] = *condition ? condition
                       : append_onnx_scalar(x, DT_BOOL, 1, arena_printf(x->a, "%s%s/condition", s->prefix, word));
    for (size_t i = 0; i < n_state; i++) in[2 + i] = state[i];
    char **out = expand_branch(x, s, body, word, in);
    int64_t per_step = (x->n - first) / (steps + 1);
    if (wants_loop(x, per_step * (trips > MOST_NODES ? steps + 1 : trips), n_state, state, out + 1)) return false;
    condition = out[0], state = out + 1;
    for (size_t i = 0; i < n_out; i++) {
      part[i] = arena_grow(x->a, part[i], (int)steps, sizeof *part[i]);
      part[i][steps] = out[1 + n_state + i];
    }
  }
  append_states(x, n_state, state, p->output);
  for (size_t i = 0; i < n_out; i++) {
    char *name = p->output[n_state + i];
    if (!*name) continue;
    if (steps > 0) append_stack(x, steps, part[i], 0, name);
    else append_nothing(x, p, body->output[1 + n_state + i], name);
  }
  return true;
}

/* A condition that is known to hold, or the one under which the step runs, is none. */
static char *drop_condition(const Expander *x, const LoopNames *l, char *name) {
  int64_t go;
  const char *from = name;
  for (int i = x->n - 1; i >= 0; i--)
    if (strcmp(x->node[i]->op_type, "Identity") == 0 && strcmp(x->node[i]->output[0], from) == 0)
      from = x->node[i]->input[0];
  bool same = l->go && strcmp(from, l->go) == 0;
  return same || (known_or_none(x, name, DT_BOOL, 1, &go) && go) ? arena_strdup(x->a, "") : name;
}

static void append_loop(Expander *x, const Scope *s, const OnnxNode *p, const OnnxGraph *body, int64_t trips) {
  LoopNames l = {.n_state = p->n_input - 2, .trips = p->input[0], .first = p->input + 2};
  l.n_row = p->n_output - l.n_state;
  append_begin(x, s, &l, drop_condition(x, &l, p->input[1]));
  char **in = arena_alloc(x->a, (int64_t)p->n_input * (int64_t)sizeof *in);
  in[0] = l.step, in[1] = l.go;
  for (size_t i = 0; i < l.n_state; i++) in[2 + i] = l.state[i];
  char **out = expand_branch(x, s, body, "body", in), *condition = drop_condition(x, &l, out[0]);
  if (!*condition && !*p->input[0])
    fail_expanding(x, p, "it never ends: it has no trip count, and its condition always holds");
  for (size_t i = l.n_state; i < p->n_output; i++)
    if (*p->output[i] && trips < 0)
      fail_expanding(x, p, arena_printf(x->a, "its output '%s' has a row for each step, of which there may be any "
                                        "number: its trip count is not known when the model is read (--fix makes an input a "
                                        "constant)", p->output[i]));
  l.room = trips < 0 ? 0 : trips;
  OnnxNode *end = append_end(x, s, &l, condition, out + 1, p->output);
  if (*condition && l.n_row) set_onnx_int(x, end, "early", 1);
}

void expand_loop(Expander *x, const Scope *s, const OnnxNode *p) {
  if (p->n_input < 2 || p->n_input - 2 > p->n_output)
    fail_expanding(x, p, arena_printf(x->a, "it has %zu inputs and %zu outputs, expected a trip count, a condition and "
                                      "a value for each of the first outputs", p->n_input, p->n_output));
  const OnnxGraph *body = onnx_branch(x, p, "body", p->n_input, p->n_output + 1);
  int first = x->n;
  int64_t trips;
  bool known = known_or_none(x, p->input[0], DT_I64, INT64_MAX, &trips);
  if (known && unroll_loop(x, s, p, body, trips)) return;
  forget_nodes(x, first);
  append_loop(x, s, p, body, known && *p->input[0] ? trips : -1);
}
