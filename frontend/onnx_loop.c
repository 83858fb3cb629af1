/* onnx_loop.c - Scan and Loop become as many bodies as they have steps.  How many has to be known when the model is
 * read: of a Scan a size, of a Loop its trip count and its conditions.
 *
 *   s, y = Scan(s0, x) {(a, b) => (c, d)}   ==>   "s/0/c", "s/0/d" = body(s0, Gather(x, 0))
 *                                                 "s/1/c", "s/1/d" = body("s/0/c", Gather(x, 1)) ...
 *                                                 y = Concat(Unsqueeze("s/0/d"), Unsqueeze("s/1/d"), ...) */
#include <string.h>

#include "frontend/onnx_expand.h"

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

static void append_steps(Expander *x, const Scope *s, const OnnxNode *p, const Scan *c, char *const *from,
                         char *const *to) {
  size_t n_in = c->n_state + c->n_scan;
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
    fail_expanding(x, p, arena_printf(x->a, "it has no steps, and its body does not say of what shape output '%s' is", name));
  OnnxTensor *t = arena_alloc(x->a, sizeof *t);
  onnx_tensor__init(t);
  t->has_data_type = 1, t->data_type = type->elem_type;
  t->n_dims = rank + 1;
  t->dims = arena_alloc(x->a, (int64_t)t->n_dims * (int64_t)sizeof *t->dims);
  for (size_t i = 0; i < rank; i++) t->dims[i + 1] = type->shape->dim[i]->dim_value;
  append_onnx_constant(x, t, name);
}

/* Trip count or condition; `otherwise` where there is none. */
static int64_t loop_scalar(const Expander *x, const OnnxNode *p, const char *name, DType t, int64_t otherwise) {
  int64_t value = otherwise;
  if (*name && !known_scalar(x, name, t, &value))
    fail_expanding(x, p, arena_printf(x->a, "its %s '%s' is not known when the model is read: it does not follow from "
                                      "constants (--fix makes an input one)",
                                      t == DT_I64 ? "trip count" : "condition", name));
  return value;
}

void expand_loop(Expander *x, const Scope *s, const OnnxNode *p) {
  if (p->n_input < 2 || p->n_input - 2 > p->n_output)
    fail_expanding(x, p, arena_printf(x->a, "it has %zu inputs and %zu outputs, expected a trip count, a condition and a "
                                      "value for each of the first outputs", p->n_input, p->n_output));
  size_t n_state = p->n_input - 2, n_out = p->n_output - n_state;
  const OnnxGraph *body = onnx_branch(x, p, "body", p->n_input, p->n_output + 1);
  int64_t trips = loop_scalar(x, p, p->input[0], DT_I64, INT64_MAX), steps = 0;
  char ***part = arena_alloc(x->a, (int64_t)(n_out + 1) * (int64_t)sizeof *part);  /* [n_out][steps] */
  char *condition = p->input[1], **state = p->input + 2;
  while (steps < trips && loop_scalar(x, p, condition, DT_BOOL, 1)) {
    char *word = arena_printf(x->a, "%lld", (long long)steps);
    char **in = arena_alloc(x->a, (int64_t)p->n_input * (int64_t)sizeof *in);
    in[0] = append_onnx_scalar(x, DT_I64, steps, arena_printf(x->a, "%s%s/step", s->prefix, word));
    in[1] = *condition ? condition
                       : append_onnx_scalar(x, DT_BOOL, 1, arena_printf(x->a, "%s%s/condition", s->prefix, word));
    for (size_t i = 0; i < n_state; i++) in[2 + i] = state[i];
    char **out = expand_branch(x, s, body, word, in);
    condition = out[0], state = out + 1;
    for (size_t i = 0; i < n_out; i++) {
      part[i] = arena_grow(x->a, part[i], (int)steps, sizeof *part[i]);
      part[i][steps] = out[1 + n_state + i];
    }
    steps++;
  }
  append_states(x, n_state, state, p->output);
  for (size_t i = 0; i < n_out; i++) {
    char *name = p->output[n_state + i];
    if (!*name) continue;
    if (steps > 0) append_stack(x, steps, part[i], 0, name);
    else append_nothing(x, p, body->output[1 + n_state + i], name);
  }
}
