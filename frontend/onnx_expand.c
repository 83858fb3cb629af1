/* onnx_expand.c - what an ONNX graph calls is put in its place, before tensors and nodes are made of it: functions
 * of the model, the branches of If, the steps of Scan and Loop (onnx_loop.c).  Inside, every name gets the name of the
 * call's first output in front of it.
 *
 *   y = double(x), where double(a) => (b) { b = Add(a, a) }   ==>   "y/b" = Add(x, x); y = Identity("y/b")
 *   y = If(c) {then: t} {else: e}   ==>   the branch itself where c is known, else the nodes of both and
 *                                         y = Where<branches=1>(Squeeze(c), "y/then/t", "y/else/e")
 *
 * ONNX's nodes have no effects, so a branch that is not taken may be computed. */
#include <string.h>

#include "frontend/onnx_expand.h"

enum { MOST_DEPTH = 32 };

_Noreturn void fail_expanding(const Expander *x, const OnnxNode *p, const char *what) {
  const char *name = p->name ? p->name : p->n_output > 0 ? p->output[0] : "";
  Loc loc = {.src = x->src, .what = arena_printf(x->a, "node '%s' (%s)", name, p->op_type)};
  error_at(loc, "%s", what);
}

_Noreturn void fail_many_nodes(const Expander *x, const OnnxNode *p) {
  fail_expanding(x, p, "functions, branches and steps make too many nodes of the model");
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

OnnxAttribute *find_onnx_attribute(const OnnxNode *p, const char *name) {
  return find_attribute(p->n_attribute, p->attribute, name);
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
  if (x->n >= MOST_NODES || ++x->appended > 16 * MOST_NODES) fail_many_nodes(x, p);
  x->node = arena_grow(x->a, x->node, x->n, sizeof *x->node);
  x->node[x->n++] = p;
}

void forget_nodes(Expander *x, int from) {
  x->n = from;
  x->known = new_onnx_known(x->file);
}

static OnnxNode *append_new(Expander *x, const char *op, size_t n_in, char *const *in, size_t n_out, char *const *out) {
  OnnxNode *p = arena_alloc(x->a, sizeof *p);
  onnx_node__init(p);
  p->op_type = arena_strdup(x->a, op);
  p->name = arena_strdup(x->a, out[0]);
  p->n_input = n_in, p->n_output = n_out;
  p->input = arena_alloc(x->a, (int64_t)(n_in + 1) * (int64_t)sizeof *p->input);
  for (size_t i = 0; i < n_in; i++) p->input[i] = in[i];
  p->output = arena_alloc(x->a, (int64_t)n_out * (int64_t)sizeof *p->output);
  for (size_t i = 0; i < n_out; i++) p->output[i] = out[i];
  append(x, p);
  return p;
}

OnnxNode *append_onnx_node(Expander *x, const char *op, size_t n_in, char *const *in, char *out) {
  return append_new(x, op, n_in, in, 1, &out);
}

OnnxNode *append_onnx_flow(Expander *x, const char *op, size_t n_in, char *const *in, size_t n_out, char *const *out) {
  OnnxNode *p = append_new(x, op, n_in, in, n_out, out);
  p->domain = arena_strdup(x->a, "qcc");
  return p;
}

OnnxAttribute *add_onnx_attribute(Expander *x, OnnxNode *p, const char *name) {
  OnnxAttribute *attr = arena_alloc(x->a, sizeof *attr);
  onnx_attribute__init(attr);
  attr->name = arena_strdup(x->a, name);
  p->attribute = arena_grow(x->a, p->attribute, (int)p->n_attribute, sizeof *p->attribute);
  p->attribute[p->n_attribute++] = attr;
  return attr;
}

void append_onnx_constant(Expander *x, OnnxTensor *value, char *name) {
  add_onnx_attribute(x, append_onnx_node(x, "Constant", 0, NULL, name), "value")->t = value;
}

char *append_onnx_scalar(Expander *x, DType type, int64_t value, char *name) {
  OnnxTensor *t = arena_alloc(x->a, sizeof *t);
  onnx_tensor__init(t);
  t->has_data_type = 1, t->data_type = type;
  if (type == DT_I64) {
    t->n_int64_data = 1, t->int64_data = arena_alloc(x->a, (int64_t)sizeof *t->int64_data);
    t->int64_data[0] = value;
  } else {
    t->n_int32_data = 1, t->int32_data = arena_alloc(x->a, (int64_t)sizeof *t->int32_data);
    t->int32_data[0] = (int32_t)value;
  }
  append_onnx_constant(x, t, name);
  return name;
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
        fail_expanding(x, p, arena_printf(x->a, "its function is of opset %lld, but the model of %lld", (long long)a->version,
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
    fail_expanding(x, p, arena_printf(x->a, "%zu inputs and %zu outputs, but its function has %zu and %zu", p->n_input,
                            p->n_output, f->n_input, f->n_output));
  expand_nodes(x, s, f->n_node, f->node);
  for (size_t i = 0; i < p->n_output; i++) {
    char *from = resolve(x, s, f->output[i]);
    if (*p->output[i]) append_onnx_node(x, "Identity", 1, &from, p->output[i]);
  }
}

/* ---- If */

const Tensor *known_so_far(const Expander *x, const char *name) {
  return known_tensor(x->known, x->n, x->node, name);
}

bool known_scalar(const Expander *x, const char *name, DType type, int64_t *value) {
  const Tensor *t = known_so_far(x, name);
  if (!is_const(t) || t->dtype != type || n_elements(t) != 1) return false;
  *value = get_int(type, t->data, 0);
  return true;
}

const OnnxGraph *onnx_branch(const Expander *x, const OnnxNode *p, const char *attribute, size_t n_in, size_t n_out) {
  const OnnxAttribute *attr = find_onnx_attribute(p, attribute);
  const OnnxGraph *g = attr && attr->has_g ? unpack_onnx_graph(x->a, attr->g.data, attr->g.len) : NULL;
  if (!g) fail_expanding(x, p, arena_printf(x->a, "attribute '%s' is not a graph", attribute));
  if (g->n_input != n_in || g->n_output != n_out)
    fail_expanding(x, p, arena_printf(x->a, "its %s has %zu inputs and %zu outputs, expected %zu and %zu", attribute,
                                      g->n_input, g->n_output, n_in, n_out));
  return g;
}

char **expand_branch(Expander *x, const Scope *outer, const OnnxGraph *g, const char *word, char **in) {
  Scope s = {.outer = outer, .branch = g, .depth = outer->depth + 1,
             .prefix = arena_printf(x->a, "%s%s/", outer->prefix, word), .n_formal = g->n_input,
             .n_actual = g->n_input, .actual = in};
  s.formal = arena_alloc(x->a, (int64_t)(g->n_input + 1) * (int64_t)sizeof *s.formal);
  for (size_t i = 0; i < g->n_input; i++) s.formal[i] = g->input[i]->name;
  char **out = arena_alloc(x->a, (int64_t)(g->n_output + 1) * (int64_t)sizeof *out);
  for (size_t i = 0; i < g->n_initializer; i++)
    append_onnx_constant(x, g->initializer[i], resolve(x, &s, g->initializer[i]->name));
  expand_nodes(x, &s, g->n_node, g->node);
  for (size_t i = 0; i < g->n_output; i++) out[i] = resolve(x, &s, g->output[i]->name);
  return out;
}

static void expand_if(Expander *x, const Scope *s, const OnnxNode *p) {
  if (p->n_input != 1) fail_expanding(x, p, arena_printf(x->a, "it has %zu inputs, expected 1", p->n_input));
  int64_t taken;
  bool known = known_scalar(x, p->input[0], DT_BOOL, &taken);
  char **then = NULL, **other = NULL, *scalar = arena_printf(x->a, "%scondition", s->prefix);
  const Side *outer = x->side, sides[2] = {{outer, scalar, false}, {outer, scalar, true}};
  if (!known) append_onnx_node(x, "Squeeze", 1, p->input, scalar);
  if (!known) x->side = &sides[1];
  if (!known || taken) then = expand_branch(x, s, onnx_branch(x, p, "then_branch", 0, p->n_output), "then", NULL);
  if (!known) x->side = &sides[0];
  if (!known || !taken) other = expand_branch(x, s, onnx_branch(x, p, "else_branch", 0, p->n_output), "else", NULL);
  x->side = outer;
  for (size_t i = 0; i < p->n_output; i++) {
    if (!*p->output[i]) continue;
    if (then && other) {
      char *in[3] = {scalar, then[i], other[i]};
      OnnxAttribute *attr = add_onnx_attribute(x, append_onnx_node(x, "Where", 3, in, p->output[i]), "branches");
      attr->has_i = 1, attr->i = 1;
    } else {
      append_onnx_node(x, "Identity", 1, then ? &then[i] : &other[i], p->output[i]);
    }
  }
}

/* ---- any node */

typedef void Expand(Expander *x, const Scope *s, const OnnxNode *p);

/* What expands it; NULL where it is an operator like any other. */
static Expand *find_control_flow(const OnnxNode *p) {
  static const struct {
    const char *op;
    Expand *expand;
  } flow[] = {{"If", expand_if}, {"Scan", expand_scan}, {"Loop", expand_loop}};
  for (size_t i = 0; i < sizeof flow / sizeof *flow; i++)
    if (same_text(p->op_type, flow[i].op) && same_text(onnx_domain(p), "ai.onnx")) return flow[i].expand;
  return NULL;
}

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
  Expand *expand = f ? NULL : find_control_flow(p);
  if (!f && !expand) {
    append(x, p);
    return;
  }
  const char *first = "";
  for (size_t i = p->n_output; i-- > 0;)
    if (*p->output[i]) first = p->output[i];
  Scope inner = {.outer = s, .prefix = arena_printf(x->a, "%s/", first), .depth = s ? s->depth + 1 : 1};
  if (inner.depth > MOST_DEPTH)
    fail_expanding(x, p, arena_printf(x->a, "functions and branches are more than %d deep, or call each other in a circle", MOST_DEPTH));
  if (!*first) fail_expanding(x, p, "it has no outputs");
  if (f) {
    inner.call = p;
    expand_call(x, &inner, f);
  } else {
    const OnnxGraph none = {.n_node = 0};
    /* Names in branches are resolved in the scope around the node. */
    Scope around = {.outer = s, .prefix = inner.prefix, .branch = &none, .depth = inner.depth};
    expand(x, &around, p);
  }
}

void expand_onnx(const OnnxFile *f) {
  OnnxModel *m = f->model;
  Expander x = {.a = f->arena, .file = f, .src = f->src, .m = m, .n_function = m->n_functions};
  bool any = m->n_functions > 0;
  for (size_t i = 0; i < m->graph->n_node; i++) any |= find_control_flow(m->graph->node[i]) != NULL;
  if (!any) return;
  x.known = new_onnx_known(f);
  for (size_t i = 0; i < m->n_opset_import; i++)
    x.old_scan |= same_text(m->opset_import[i]->domain, "") && m->opset_import[i]->version < 9;
  x.function = arena_alloc(x.a, (int64_t)(x.n_function + 1) * (int64_t)sizeof *x.function);
  for (size_t i = 0; i < x.n_function; i++) {
    x.function[i] = unpack_onnx_function(x.a, m->functions[i].data, m->functions[i].len);
    if (!x.function[i]) error_at((Loc){.src = f->src}, "function %zu of the model is not one", i);
  }
  expand_nodes(&x, NULL, m->graph->n_node, m->graph->node);
  m->graph->node = x.node;
  m->graph->n_node = (size_t)x.n;
}
