/* onnx_node.c - the nodes of an ONNX graph: operators, attributes, tensors that nodes make.  A node
 * is read in two steps, because a file may list a node before those that make its inputs: first
 * the tensors of all nodes are made, then the nodes that connect them.  Constant nodes become
 * constant tensors in the first step and are gone. */
#include <string.h>

#include "frontend/onnx_reader.h"

/* AttributeProto.AttributeType */
enum {
  FLOAT = 1, INT = 2, STRING = 3, TENSOR = 4, GRAPH = 5, FLOATS = 6, INTS = 7, STRINGS = 8,
  TENSORS = 9, GRAPHS = 10, SPARSE = 11, SPARSES = 12, TYPE = 13, TYPES = 14,
};

static const char *const kind_names[] = {
  [TENSORS] = "a list of tensors", [SPARSE] = "a sparse tensor",
  [SPARSES] = "a list of sparse tensors", [TYPE] = "a type", [TYPES] = "a list of types",
};

static const char *first_output(const OnnxNode *p) {
  for (size_t i = 0; i < p->n_output; i++)
    if (*p->output[i]) return p->output[i];
  return NULL;
}

static const char *node_name(OnnxReader *r, const OnnxNode *p, int index) {
  if (p->name && *p->name) return p->name;
  const char *output = first_output(p);
  return output ? output : arena_printf(r->arena, "#%d", index);
}

static Loc node_loc(OnnxReader *r, const OnnxNode *p, int index) {
  check_name(r->graph->loc, "node", node_name(r, p, index));
  check_name(r->graph->loc, "operator", p->op_type);
  return onnx_loc(r, "node '%s' (%s)", node_name(r, p, index), p->op_type);
}

static bool is_constant(const OnnxNode *p) {
  return strcmp(p->op_type, "Constant") == 0 && strcmp(onnx_domain(p), "ai.onnx") == 0;
}

/* ---- operators ------------------------------------------------------------------------------- */

static void check_operator(OnnxReader *r, const OnnxNode *p, Loc loc) {
  bool ours = strcmp(onnx_domain(p), "ai.onnx") == 0;
  for (size_t i = 0; i < p->n_attribute; i++)
    if (ours && (p->attribute[i]->has_g || p->attribute[i]->n_graphs))
      error_at(loc, "operator '%s' has a graph in attribute '%s'; of control flow only If, Scan and Loop are supported",
               p->op_type, p->attribute[i]->name ? p->attribute[i]->name : "");
  if (!is_constant(p)) onnx_operator(r->arena, p, loc);
}

/* ---- attributes ------------------------------------------------------------------------------ */

/* The kind that an attribute says it has; old writers leave it to be seen from the fields. */
static int attribute_kind(const OnnxAttribute *p) {
  if (p->type) return p->type;
  if (p->has_f) return FLOAT;
  if (p->has_i) return INT;
  if (p->has_s) return STRING;
  if (p->t) return TENSOR;
  if (p->n_floats) return FLOATS;
  if (p->n_strings) return STRINGS;
  return INTS;
}

static const char *string_of(Arena *a, const ProtobufCBinaryData *s) {
  return s->len ? arena_strndup(a, (const char *)s->data, s->len) : "";
}

static Tensor *attribute_tensor(OnnxReader *r, const OnnxAttribute *p, Loc loc) {
  if (!p->t) error_at(loc, "attribute '%s' has no tensor", p->name);
  Tensor *t = arena_alloc(r->arena, sizeof *t);
  *t = (Tensor){.name = p->name, .id = -1, .offset = -1, .alias = -1, .loc = loc};
  decode_tensor(r, p->t, loc, t);
  return t;
}

static void read_list(Arena *a, const OnnxAttribute *p, Attr *attr) {
  if (attr->kind == ATTR_INTS) {
    attr->n = (int)p->n_ints;
    attr->ints = p->ints;
  } else if (attr->kind == ATTR_FLOATS) {
    attr->n = (int)p->n_floats;
    attr->floats = arena_alloc(a, (attr->n + 1) * (int64_t)sizeof *attr->floats);
    for (int i = 0; i < attr->n; i++) attr->floats[i] = (double)p->floats[i];
  } else {
    attr->n = (int)p->n_strings;
    attr->strings = arena_alloc(a, (attr->n + 1) * (int64_t)sizeof *attr->strings);
    for (int i = 0; i < attr->n; i++) attr->strings[i] = string_of(a, &p->strings[i]);
  }
}

static Attr read_attribute(OnnxReader *r, const OnnxAttribute *p, Loc loc) {
  static const AttrKind kinds[] = {
    [FLOAT] = ATTR_FLOAT,   [INT] = ATTR_INT,   [STRING] = ATTR_STRING, [TENSOR] = ATTR_TENSOR,
    [FLOATS] = ATTR_FLOATS, [INTS] = ATTR_INTS, [STRINGS] = ATTR_STRINGS,
  };
  int type = attribute_kind(p);
  check_name(loc, "attribute", p->name);
  if (p->ref_attr_name && *p->ref_attr_name)
    error_at(loc, "attribute '%s' refers to a function's attribute, but is in no function",
             p->name);
  if (type < 0 || type > TYPES) error_at(loc, "attribute '%s' is of kind %d", p->name, type);
  if (type > STRINGS || type == GRAPH)
    error_at(loc, "attribute '%s' is %s, which is not supported", p->name,
             kind_names[type] ? kind_names[type] : "a graph");
  Attr attr = {.name = p->name, .kind = kinds[type], .i = p->i, .f = (double)p->f};
  if (type == STRING) attr.s = string_of(r->arena, &p->s);
  if (type == TENSOR) attr.t = attribute_tensor(r, p, loc);
  if (type == INTS || type == FLOATS || type == STRINGS) read_list(r->arena, p, &attr);
  return attr;
}

static void read_attributes(OnnxReader *r, const OnnxNode *p, Loc loc, Node *n) {
  for (size_t i = 0; i < p->n_attribute; i++) {
    Attr attr = read_attribute(r, p->attribute[i], loc);
    if (find_attr(n, attr.name)) error_at(loc, "attribute '%s' is given twice", attr.name);
    n->attr = arena_grow(r->arena, n->attr, n->n_attr, sizeof *n->attr);
    n->attr[n->n_attr++] = attr;
  }
}

/* ---- Constant -------------------------------------------------------------------------------- */

/* The values of value_int(s) and value_float(s): ONNX says int64 and float32. */
static void list_value(Arena *a, const Attr *attr, Tensor *t) {
  bool is_list = attr->kind == ATTR_INTS || attr->kind == ATTR_FLOATS;
  bool is_int = attr->kind == ATTR_INT || attr->kind == ATTR_INTS;
  int n = is_list ? attr->n : 1;
  t->dtype = is_int ? DT_I64 : DT_F32;
  t->rank = is_list;
  t->dim[0] = n;
  t->data = arena_alloc(a, (n + 1) * (int64_t)sizeof(int64_t));
  for (int i = 0; i < n; i++) {
    if (is_int) ((int64_t *)t->data)[i] = is_list ? attr->ints[i] : attr->i;
    else ((float *)t->data)[i] = (float)(is_list ? attr->floats[i] : attr->f);
  }
}

static Tensor *read_constant(OnnxReader *r, const OnnxNode *p, const char *name, Loc loc) {
  static const struct {
    const char *name;
    AttrKind kind;
  } values[] = {
    {"value", ATTR_TENSOR},      {"value_int", ATTR_INT},   {"value_float", ATTR_FLOAT},
    {"value_ints", ATTR_INTS},   {"value_floats", ATTR_FLOATS},
  };
  enum { N_VALUES = sizeof values / sizeof *values };
  if (p->n_attribute != 1 || p->n_input != 0)
    error_at(loc, "it has %zu attributes and %zu inputs, expected 1 and 0", p->n_attribute,
             p->n_input);
  Attr attr = read_attribute(r, p->attribute[0], loc);
  Tensor t = {.rank = 0};
  int i = 0;
  while (i < N_VALUES && (strcmp(values[i].name, attr.name) || values[i].kind != attr.kind)) i++;
  if (i == N_VALUES) error_at(loc, "a constant of attribute '%s' is not supported", attr.name);
  if (attr.kind == ATTR_TENSOR) t = *attr.t;
  else list_value(r->arena, &attr, &t);
  check_finite(&t, true, loc);
  return new_const(r->graph, name, t.dtype, t.rank, t.dim, t.data);
}

/* ---- the two steps --------------------------------------------------------------------------- */

void read_onnx_outputs(OnnxReader *r, const OnnxNode *p, int index) {
  Loc loc = node_loc(r, p, index);
  check_operator(r, p, loc);
  bool constant = is_constant(p);
  if (!first_output(p)) error_at(loc, "it has no outputs");
  if (constant && p->n_output != 1) error_at(loc, "it has %zu outputs, expected 1", p->n_output);
  for (size_t i = 0; i < p->n_output; i++) {
    const char *name = p->output[i];
    if (!*name) continue;
    check_name(loc, "output", name);
    Tensor **slot = tensor_slot(r, name);
    if (*slot) error_at(loc, "output '%s' is already defined by %s", name, (*slot)->loc.what);
    *slot = constant ? read_constant(r, p, name, loc)
                     : new_tensor(r->graph, name, DT_NONE, -1, NULL);
    (*slot)->loc = loc;
  }
}

/* Tensors of a list of names, NULL for empty ones; *n becomes its length without trailing NULLs. */
static Tensor **find_tensors(OnnxReader *r, char **names, size_t count, Loc loc, int *n) {
  Tensor **list = arena_alloc(r->arena, ((int64_t)count + 1) * (int64_t)sizeof *list);
  *n = 0;
  for (size_t i = 0; i < count; i++) {
    if (!*names[i]) continue;
    list[i] = *tensor_slot(r, names[i]);
    if (!list[i])
      error_at(loc, "input '%s' is missing: it is no graph input, no initializer and no node's "
               "output", names[i]);
    *n = (int)i + 1;
  }
  return list;
}

void read_onnx_node(OnnxReader *r, const OnnxNode *p, int index) {
  if (is_constant(p)) return;
  Loc loc = node_loc(r, p, index);
  int n_in, n_out;
  Tensor **in = find_tensors(r, p->input, p->n_input, loc, &n_in);
  Tensor **out = find_tensors(r, p->output, p->n_output, loc, &n_out);
  const char *op = onnx_operator(r->arena, p, loc)->name;
  Node *n = add_node(r->graph, -1, op, node_name(r, p, index), n_in, in, n_out, out);
  n->loc = loc;
  read_attributes(r, p, loc, n);
}
