/* onnx_input.c - the inputs of an ONNX graph.  The compiler needs every dimension: those that
 * the model leaves open are bound by the user, by their name ("N") or by their place ("x:0").  All
 * that stay open are listed in one message, with the option that binds them.  An input of the same
 * name as an initializer is that constant (older models list them all). */
#include <string.h>

#include "frontend/onnx_reader.h"

/* What --dim may name, each once, and the message about what stayed open. */
typedef struct OpenDims {
  Arena *arena;
  const char **name;    /* [n] */
  int n;
  const char *list;     /* "N (input 'x' dimension 0), ..." of the unbound ones, or NULL */
  const char *options;  /* " --dim N=1 ..." */
} OpenDims;

static bool has_name(const OpenDims *d, const char *name) {
  for (int i = 0; i < d->n; i++)
    if (strcmp(d->name[i], name) == 0) return true;
  return false;
}

/* False when it was there already. */
static bool add_name(OpenDims *d, const char *name) {
  if (has_name(d, name)) return false;
  d->name = arena_grow(d->arena, d->name, d->n, sizeof *d->name);
  d->name[d->n++] = name;
  return true;
}

/* Value bound to a name, or -1. */
static int64_t bound_value(const DimBinding *bind, int n_bind, const char *name) {
  for (int i = 0; i < n_bind; i++)
    if (strcmp(bind[i].name, name) == 0) return bind[i].value;
  return -1;
}

/* An open dimension that nothing binds goes in the list for the message. */
static void list_unbound(OpenDims *d, const char *name, const char *input, int axis) {
  d->list = arena_printf(d->arena, "%s%s%s (input '%s' dimension %d)", d->list ? d->list : "",
                         d->list ? ", " : "", name, input, axis);
  d->options = arena_printf(d->arena, "%s --dim %s=1", d->options ? d->options : "", name);
}

static int64_t read_dim(OpenDims *d, const OnnxDim *p, const char *input, int axis,
                        const DimBinding *bind, int n_bind) {
  const char *place = arena_printf(d->arena, "%s:%d", input, axis);
  const char *name = p->dim_param && *p->dim_param ? p->dim_param : place;
  int64_t value = bound_value(bind, n_bind, place);
  bool seen = !add_name(d, place);
  if (p->has_dim_value) return value >= 0 ? value : p->dim_value;
  if (name != place) seen = !add_name(d, name);
  if (value < 0) value = bound_value(bind, n_bind, name);
  if (value >= 0) return value;
  if (!seen) list_unbound(d, name, input, axis);
  return 1;  /* any size will do: the message about it is on its way */
}

static const OnnxTensorType *tensor_type(const OnnxValue *p, Loc loc) {
  const OnnxType *t = p->type;
  if (t && t->has_sequence_type) error_at(loc, "sequences are not supported");
  if (t && t->has_optional_type) error_at(loc, "optional types are not supported");
  if (t && t->has_map_type) error_at(loc, "maps are not supported");
  if (t && t->has_sparse_tensor_type) error_at(loc, "sparse tensors are not supported");
  if (!t || !t->tensor_type) error_at(loc, "it has no tensor type");
  if (!t->tensor_type->shape)
    error_at(loc, "its number of dimensions is not known; export the model with input shapes");
  return t->tensor_type;
}

static DType element_type(const OnnxTensorType *p, Loc loc) {
  if (p->elem_type == DT_STRING) error_at(loc, "tensors of strings are not supported");
  if (p->elem_type <= 0 || p->elem_type >= DT_COUNT || dtype_bits((DType)p->elem_type) <= 0)
    error_at(loc, "element type %d is not supported", (int)p->elem_type);
  return (DType)p->elem_type;
}

static void read_input(OnnxReader *r, const OnnxValue *p, OpenDims *d, const DimBinding *bind,
                       int n_bind) {
  Graph *g = r->graph;
  check_name(r->graph->loc, "graph input", p->name);
  Loc loc = onnx_loc(r, "input '%s'", p->name);
  Tensor **slot = tensor_slot(r, p->name);
  if (*slot && is_const(*slot)) return;
  if (*slot) error_at(loc, "it is defined twice");
  const OnnxTensorType *type = tensor_type(p, loc);
  int64_t dim[MAX_RANK];
  if (type->shape->n_dim > MAX_RANK)
    error_at(loc, "it has %zu dimensions, at most %d are supported", type->shape->n_dim, MAX_RANK);
  int rank = (int)type->shape->n_dim;
  for (int i = 0; i < rank; i++)
    dim[i] = read_dim(d, type->shape->dim[i], p->name, i, bind, n_bind);
  check_shape(loc, rank, dim);
  Tensor *t = new_tensor(g, p->name, element_type(type, loc), rank, dim);
  t->loc = loc;
  *slot = t;
  g->in = arena_grow(r->arena, g->in, g->n_in, sizeof *g->in);
  g->in[g->n_in++] = t;
}

/* Every --dim must say something about this model. */
static void check_bindings(const OpenDims *d, Loc loc, const DimBinding *bind, int n_bind) {
  for (int i = 0; i < n_bind; i++) {
    if (bind[i].value < 1)
      error_at(loc, "--dim %s=%lld: a dimension is at least 1", bind[i].name,
               (long long)bind[i].value);
    if (has_name(d, bind[i].name)) continue;
    const char *near = nearest_name(bind[i].name, d->name, d->n);
    error_at(loc, "--dim %s=%lld: no input has a symbolic dimension '%s'%s%s%s", bind[i].name,
             (long long)bind[i].value, bind[i].name, near ? "; did you mean '" : "",
             near ? near : "", near ? "'?" : "");
  }
}

void read_onnx_inputs(OnnxReader *r, const OnnxGraph *p, const DimBinding *bind, int n_bind) {
  OpenDims d = {.arena = r->arena};
  Loc loc = r->graph->loc;
  for (size_t i = 0; i < p->n_input; i++) read_input(r, p->input[i], &d, bind, n_bind);
  check_bindings(&d, loc, bind, n_bind);
  if (d.list)
    error_at(loc, "symbolic dimensions are not bound: %s; give%s", d.list, d.options);
}
