/* onnx_expand.c - what an ONNX graph calls is put in its place, before tensors and nodes are made of it: functions
 * of the model, the branches of If, the steps of Scan.  Inside, every name gets the name of the call's first output in front of it.
 *
 *   y = double(x), where double(a) => (b) { b = Add(a, a) }   ==>   "y/b" = Add(x, x); y = Identity("y/b")
 *   y = If(c) {then: t} {else: e}   ==>   the branch itself where c is a constant, else the nodes of both and
 *                                         y = Where<branches=1>(Squeeze(c), "y/then/t", "y/else/e")
 *
 * ONNX's nodes have no effects, so a branch that is not taken may be computed. */
#include <string.h>

#include "frontend/onnx_reader.h"

enum { MOST_DEPTH = 32, MOST_NODES = 1 << 17 };

typedef struct Scope Scope;
struct Scope {
  const Scope *outer;         /* NULL: the graph itself */
  const char *prefix;         /* of the names that are defined in it */
  const OnnxNode *call;       /* of a function, its names and attributes are resolved; else NULL */
  const OnnxFunction *function;
  const OnnxGraph *branch;    /* of an If, body of a Scan */
  size_t n_formal, n_actual;
  char **formal, **actual;    /* [n_formal] its inputs; [n_actual] names in the graph of what they are */
  int depth;
};

typedef struct Expander {
  Arena *a;
  const Source *src;
  OnnxModel *m;
  size_t n_function;
  OnnxFunction **function;    /* [n_function] */
  int n;
  OnnxNode **node;            /* [n] what the graph becomes */
  bool old_scan;              /* before opset 9, with a batch */
} Expander;

_Noreturn static void fail(const Expander *x, const OnnxNode *p, const char *what) {
  const char *name = p->name ? p->name : p->n_output > 0 ? p->output[0] : "";
  Loc loc = {.src = x->src, .what = arena_printf(x->a, "node '%s' (%s)", name, p->op_type)};
  error_at(loc, "%s", what);
}

static bool same_text(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

static const OnnxFunction *find_function(const Expander *x, const OnnxNode *p) {
  const char *domain = onnx_domain(p);
  for (size_t i = 0; i < x->n_function; i++) {
    const OnnxFunction *f = x->function[i];
    OnnxNode as_node = {.domain = f->domain};
    if (same_text(f->name, p->op_type) && same_text(onnx_domain(&as_node), domain)) return f;
  }
  return NULL;
}

static OnnxAttribute *find_attribute(size_t n, OnnxAttribute **list, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (same_text(list[i]->name, name)) return list[i];
  return NULL;
}

/* ---- names */

static bool is_defined(const OnnxGraph *g, const char *name) {
  for (size_t i = 0; i < g->n_initializer; i++)
    if (same_text(g->initializer[i]->name, name)) return true;
  for (size_t i = 0; i < g->n_node; i++)
    for (size_t k = 0; k < g->node[i]->n_output; k++)
      if (same_text(g->node[i]->output[k], name)) return true;
  return false;
}

/* What a name in a scope is called in the graph. */
static char *resolve(const Expander *x, const Scope *s, char *name) {
  if (!s || !*name) return name;
  for (size_t i = 0; i < s->n_formal; i++)
    if (same_text(s->formal[i], name)) return i < s->n_actual ? s->actual[i] : arena_strdup(x->a, "");
  if (s->branch && !is_defined(s->branch, name)) return resolve(x, s->outer, name);
  return arena_printf(x->a, "%s%s", s->prefix, name);
}

static char **resolve_all(const Expander *x, const Scope *s, size_t n, char **names) {
  char **list = arena_alloc(x->a, ((int64_t)n + 1) * (int64_t)sizeof *list);
  for (size_t i = 0; i < n; i++) list[i] = resolve(x, s, names[i]);
  return list;
}

/* An attribute that stands for one of the function around it; NULL where the call does not give it. */
static OnnxAttribute *resolve_attribute(const Expander *x, const Scope *s, OnnxAttribute *p) {
  if (!p->ref_attr_name || !*p->ref_attr_name) return p;
  while (s && !s->function) s = s->outer;
  if (!s) return p;
  const OnnxAttribute *given = find_attribute(s->call->n_attribute, s->call->attribute, p->ref_attr_name);
  if (!given) given = find_attribute(s->function->n_attribute_proto, s->function->attribute_proto, p->ref_attr_name);
  if (!given) return NULL;
  OnnxAttribute *copy = arena_alloc(x->a, sizeof *copy);
  *copy = *given;
  copy->name = p->name;
  return copy;
}

/* ---- nodes */

static void append(Expander *x, OnnxNode *p) {
  if (x->n >= MOST_NODES) fail(x, p, "functions and branches make too many nodes of the model");
  x->node = arena_grow(x->a, x->node, x->n, sizeof *x->node);
  x->node[x->n++] = p;
}

static OnnxNode *append_node(Expander *x, const char *op, size_t n_in, char *const *in, char *out) {
  OnnxNode *p = arena_alloc(x->a, sizeof *p);
  onnx_node__init(p);
  p->op_type = arena_strdup(x->a, op);
  p->name = arena_strdup(x->a, out);
  p->n_input = n_in;
  p->input = arena_alloc(x->a, (int64_t)(n_in + 1) * (int64_t)sizeof *p->input);
  for (size_t i = 0; i < n_in; i++) p->input[i] = in[i];
  p->n_output = 1;
  p->output = arena_alloc(x->a, (int64_t)sizeof *p->output);
  p->output[0] = out;
  append(x, p);
  return p;
}

static OnnxAttribute *add_attribute(Expander *x, OnnxNode *p, const char *name) {
  OnnxAttribute *attr = arena_alloc(x->a, sizeof *attr);
  onnx_attribute__init(attr);
  attr->name = arena_strdup(x->a, name);
  p->attribute = arena_alloc(x->a, (int64_t)sizeof *p->attribute);
  p->attribute[p->n_attribute++] = attr;
  return attr;
}

static void append_constant(Expander *x, OnnxTensor *value, char *name) {
  add_attribute(x, append_node(x, "Constant", 0, NULL, name), "value")->t = value;
}

static void expand_node(Expander *x, const Scope *s, OnnxNode *p);

static void expand_nodes(Expander *x, const Scope *s, size_t n, OnnxNode **node) {
  for (size_t i = 0; i < n; i++) expand_node(x, s, node[i]);
}

static void check_opset(const Expander *x, const OnnxNode *p, const OnnxFunction *f) {
  for (size_t i = 0; i < f->n_opset_import; i++)
    for (size_t k = 0; k < x->m->n_opset_import; k++) {
      const OnnxOpset *a = f->opset_import[i], *b = x->m->opset_import[k];
      if (same_text(a->domain, b->domain) && a->version != b->version)
        fail(x, p, arena_printf(x->a, "its function is of opset %lld, but the model of %lld", (long long)a->version,
                                (long long)b->version));
    }
}

static void expand_call(Expander *x, Scope *s, const OnnxFunction *f) {
  const OnnxNode *p = s->call;
  s->function = f;
  s->n_formal = f->n_input, s->formal = f->input;
  s->n_actual = p->n_input, s->actual = p->input;
  check_opset(x, p, f);
  if (p->n_input > f->n_input || p->n_output > f->n_output)
    fail(x, p, arena_printf(x->a, "%zu inputs and %zu outputs, but its function has %zu and %zu", p->n_input,
                            p->n_output, f->n_input, f->n_output));
  expand_nodes(x, s, f->n_node, f->node);
  for (size_t i = 0; i < p->n_output; i++) {
    char *from = resolve(x, s, f->output[i]);
    if (*p->output[i]) append_node(x, "Identity", 1, &from, p->output[i]);
  }
}

/* ---- If */

/* 0 or 1; -1: not known. */
static int constant_condition(const Expander *x, const char *name) {
  const OnnxTensor *t = NULL;
  const OnnxGraph *g = x->m->graph;
  for (size_t i = 0; i < g->n_initializer; i++)
    if (same_text(g->initializer[i]->name, name)) t = g->initializer[i];
  for (int i = 0; i < x->n; i++) {
    const OnnxNode *p = x->node[i];
    bool makes = p->n_output == 1 && same_text(p->output[0], name) && same_text(p->op_type, "Constant");
    const OnnxAttribute *value = makes ? find_attribute(p->n_attribute, p->attribute, "value") : NULL;
    if (value) t = value->t;
  }
  if (!t || t->data_type != DT_BOOL) return -1;
  if (t->has_raw_data && t->raw_data.len == 1) return t->raw_data.data[0] != 0;
  return t->n_int32_data == 1 ? t->int32_data[0] != 0 : -1;
}

/* Appends a branch or a body whose inputs are so many names in the graph; its outputs likewise. */
static char **expand_branch(Expander *x, const Scope *outer, const OnnxNode *p, const char *attribute, const char *word,
                            size_t n_in, char **in) {
  const OnnxAttribute *attr = find_attribute(p->n_attribute, p->attribute, attribute);
  const OnnxGraph *g = attr && attr->has_g ? unpack_onnx_graph(x->a, attr->g.data, attr->g.len) : NULL;
  if (!g) fail(x, p, arena_printf(x->a, "attribute '%s' is not a graph", attribute));
  if (g->n_input != n_in || g->n_output != p->n_output)
    fail(x, p, arena_printf(x->a, "its %s has %zu inputs and %zu outputs, expected %zu and %zu", attribute, g->n_input,
                            g->n_output, n_in, p->n_output));
  Scope s = {.outer = outer, .branch = g, .depth = outer->depth + 1,
             .prefix = arena_printf(x->a, "%s%s/", outer->prefix, word), .n_formal = n_in, .n_actual = n_in,
             .actual = in};
  s.formal = arena_alloc(x->a, (int64_t)(n_in + 1) * (int64_t)sizeof *s.formal);
  for (size_t i = 0; i < n_in; i++) s.formal[i] = g->input[i]->name;
  char **out = arena_alloc(x->a, (int64_t)(g->n_output + 1) * (int64_t)sizeof *out);
  for (size_t i = 0; i < g->n_initializer; i++)
    append_constant(x, g->initializer[i], resolve(x, &s, g->initializer[i]->name));
  expand_nodes(x, &s, g->n_node, g->node);
  for (size_t i = 0; i < g->n_output; i++) out[i] = resolve(x, &s, g->output[i]->name);
  return out;
}

static void expand_if(Expander *x, const Scope *s, const OnnxNode *p) {
  if (p->n_input != 1) fail(x, p, arena_printf(x->a, "it has %zu inputs, expected 1", p->n_input));
  int known = constant_condition(x, p->input[0]);
  char **then = known != 0 ? expand_branch(x, s, p, "then_branch", "then", 0, NULL) : NULL;
  char **other = known != 1 ? expand_branch(x, s, p, "else_branch", "else", 0, NULL) : NULL;
  char *scalar = arena_printf(x->a, "%scondition", s->prefix);
  if (then && other) append_node(x, "Squeeze", 1, p->input, scalar);
  for (size_t i = 0; i < p->n_output; i++) {
    if (!*p->output[i]) continue;
    if (then && other) {
      char *in[3] = {scalar, then[i], other[i]};
      OnnxAttribute *attr = add_attribute(x, append_node(x, "Where", 3, in, p->output[i]), "branches");
      attr->has_i = 1, attr->i = 1;
    } else {
      append_node(x, "Identity", 1, then ? &then[i] : &other[i], p->output[i]);
    }
  }
}

/* ---- Scan: as many bodies as there are steps */

/* Dimensions of a graph input or an initializer; -1 where they are not known. */
static int64_t known_dim(const Expander *x, const char *name, int64_t axis) {
  const OnnxGraph *g = x->m->graph;
  for (size_t i = 0; i < g->n_initializer; i++) {
    int64_t rank = (int64_t)g->initializer[i]->n_dims, at = axis < 0 ? axis + rank : axis;
    if (same_text(g->initializer[i]->name, name)) return at >= 0 && at < rank ? g->initializer[i]->dims[at] : -1;
  }
  for (size_t i = 0; i < g->n_input; i++) {
    const OnnxType *type = same_text(g->input[i]->name, name) ? g->input[i]->type : NULL;
    const OnnxShape *shape = type && type->tensor_type ? type->tensor_type->shape : NULL;
    int64_t rank = shape ? (int64_t)shape->n_dim : 0, at = axis < 0 ? axis + rank : axis;
    if (at >= 0 && at < rank) return shape->dim[at]->has_dim_value ? shape->dim[at]->dim_value : -1;
  }
  return -1;
}

static int64_t list_item(const OnnxNode *p, const char *name, size_t i) {
  const OnnxAttribute *list = find_attribute(p->n_attribute, p->attribute, name);
  return list && i < list->n_ints ? list->ints[i] : 0;
}

/* The slice of a scan input that a step sees. */
static char *append_slice(Expander *x, char *from, int64_t axis, int64_t index, char *name) {
  OnnxTensor *t = arena_alloc(x->a, sizeof *t);
  onnx_tensor__init(t);
  t->has_data_type = 1, t->data_type = DT_I64;
  t->n_int64_data = 1, t->int64_data = arena_alloc(x->a, (int64_t)sizeof index);
  t->int64_data[0] = index;
  char *in[2] = {from, arena_printf(x->a, "%s_index", name)};
  append_constant(x, t, in[1]);
  OnnxAttribute *attr = add_attribute(x, append_node(x, "Gather", 2, in, name), "axis");
  attr->has_i = 1, attr->i = axis;
  return name;
}

/* The values of a scan output, one behind the other. */
static void append_stack(Expander *x, size_t steps, char **part, int64_t axis, char *name) {
  for (size_t t = 0; t < steps; t++) {
    char *wide = arena_printf(x->a, "%s_wide", part[t]);
    OnnxAttribute *axes = add_attribute(x, append_node(x, "Unsqueeze", 1, &part[t], wide), "axes");
    axes->n_ints = 1, axes->ints = arena_alloc(x->a, (int64_t)sizeof axis);
    axes->ints[0] = axis;
    part[t] = wide;
  }
  OnnxAttribute *attr = add_attribute(x, append_node(x, "Concat", steps, part, name), "axis");
  attr->has_i = 1, attr->i = axis;
}

static void expand_scan(Expander *x, const Scope *s, const OnnxNode *p) {
  const OnnxAttribute *count = find_attribute(p->n_attribute, p->attribute, "num_scan_inputs");
  if (!count || count->i < 1 || (uint64_t)count->i > p->n_input || p->n_input - (size_t)count->i > p->n_output)
    fail(x, p, "num_scan_inputs does not fit its inputs and outputs");
  size_t n_scan = (size_t)count->i, n_state = p->n_input - n_scan, n_out = p->n_output - n_state;
  int64_t steps = known_dim(x, p->input[n_state], list_item(p, "scan_input_axes", 0));
  if (steps < 1) fail(x, p, "the number of its steps is not known when the model is read: no size of a graph input");
  if (steps > MOST_NODES) fail(x, p, "functions and branches make too many nodes of the model");
  char **in = arena_alloc(x->a, (int64_t)p->n_input * (int64_t)sizeof *in);
  char **part = arena_alloc(x->a, (int64_t)(n_out + 1) * steps * (int64_t)sizeof *part); /* [n_out][steps] */
  for (size_t i = 0; i < n_state; i++) in[i] = p->input[i];
  for (int64_t t = 0; t < steps; t++) {
    char *word = arena_printf(x->a, "%lld", (long long)t);
    for (size_t i = 0; i < n_scan; i++) {
      bool reverse = list_item(p, "scan_input_directions", i) != 0;
      in[n_state + i] = append_slice(x, p->input[n_state + i], list_item(p, "scan_input_axes", i),
                                     reverse ? steps - 1 - t : t,
                                     arena_printf(x->a, "%s%s/slice_%zu", s->prefix, word, i));
    }
    char **out = expand_branch(x, s, p, "body", word, p->n_input, in);
    for (size_t i = 0; i < n_out; i++) {
      bool reverse = list_item(p, "scan_output_directions", i) != 0;
      part[(int64_t)i * steps + (reverse ? steps - 1 - t : t)] = out[n_state + i];
    }
    in = arena_alloc(x->a, (int64_t)p->n_input * (int64_t)sizeof *in);
    for (size_t i = 0; i < n_state; i++) in[i] = out[i];
  }
  for (size_t i = 0; i < n_state; i++)
    if (*p->output[i]) append_node(x, "Identity", 1, &in[i], p->output[i]);
  for (size_t i = 0; i < n_out; i++)
    if (*p->output[n_state + i])
      append_stack(x, (size_t)steps, part + (int64_t)i * steps, list_item(p, "scan_output_axes", i),
                   p->output[n_state + i]);
}

/* ---- any node */

static void expand_node(Expander *x, const Scope *s, OnnxNode *from) {
  OnnxNode *p = arena_alloc(x->a, sizeof *p);
  *p = *from;
  if (s) {
    p->input = resolve_all(x, s, from->n_input, from->input);
    p->output = resolve_all(x, s, from->n_output, from->output);
    p->name = arena_printf(x->a, "%s%s", s->prefix, from->name ? from->name : "");
    if (!from->name || !*from->name) p->name = NULL;
    p->n_attribute = 0;
    p->attribute = arena_alloc(x->a, (int64_t)(from->n_attribute + 1) * (int64_t)sizeof *p->attribute);
    for (size_t i = 0; i < from->n_attribute; i++) {
      OnnxAttribute *attr = resolve_attribute(x, s, from->attribute[i]);
      if (attr) p->attribute[p->n_attribute++] = attr;
    }
  }
  const OnnxFunction *f = find_function(x, p);
  bool is_if = same_text(p->op_type, "If") && same_text(onnx_domain(p), "ai.onnx");
  bool is_scan = same_text(p->op_type, "Scan") && same_text(onnx_domain(p), "ai.onnx") && !x->old_scan;
  if (!f && !is_if && !is_scan) {
    append(x, p);
    return;
  }
  const char *first = "";
  for (size_t i = p->n_output; i-- > 0;)
    if (*p->output[i]) first = p->output[i];
  Scope inner = {.outer = s, .prefix = arena_printf(x->a, "%s/", first), .depth = s ? s->depth + 1 : 1};
  if (inner.depth > MOST_DEPTH)
    fail(x, p, arena_printf(x->a, "functions and branches are more than %d deep, or call each other in a circle", MOST_DEPTH));
  if (!*first) fail(x, p, "it has no outputs");
  if (f) {
    inner.call = p;
    expand_call(x, &inner, f);
  } else {
    const OnnxGraph none = {.n_node = 0};
    /* Names in branches are resolved in the scope around the node. */
    Scope around = {.outer = s, .prefix = inner.prefix, .branch = &none, .depth = inner.depth};
    if (is_if) expand_if(x, &around, p);
    else expand_scan(x, &around, p);
  }
}

void expand_onnx(Arena *a, const Source *src, OnnxModel *m) {
  Expander x = {.a = a, .src = src, .m = m, .n_function = m->n_functions};
  bool any = m->n_functions > 0;
  for (size_t i = 0; i < m->graph->n_node; i++) any |= same_text(m->graph->node[i]->op_type, "If") || same_text(m->graph->node[i]->op_type, "Scan");
  if (!any) return;
  for (size_t i = 0; i < m->n_opset_import; i++)
    x.old_scan |= same_text(m->opset_import[i]->domain, "") && m->opset_import[i]->version < 9;
  x.function = arena_alloc(a, (int64_t)(x.n_function + 1) * (int64_t)sizeof *x.function);
  for (size_t i = 0; i < x.n_function; i++) {
    x.function[i] = unpack_onnx_function(a, m->functions[i].data, m->functions[i].len);
    if (!x.function[i]) error_at((Loc){.src = src}, "function %zu of the model is not one", i);
  }
  expand_nodes(&x, NULL, m->graph->n_node, m->graph->node);
  m->graph->node = x.node;
  m->graph->n_node = (size_t)x.n;
}
