/* onnx.c - reads an ONNX model into a Graph.  Bytes become messages in onnx_wire.c; here the
 * messages become tensors and nodes, in this order: initializers, inputs, what the nodes make, the
 * nodes, the outputs.  Names are looked up in one hash table, which is also what finds a name that
 * is defined twice or not at all.
 *
 * Types that the model states for intermediates and outputs are hints and not read: shapes are
 * inferred from the inputs, whose symbolic dimensions the user has bound by then. */
#include <string.h>

#include "frontend/onnx_reader.h"

enum { MIN_OPSET = 1, MAX_OPSET = 28 };

Loc onnx_loc(OnnxReader *r, const char *fmt, ...) {
  char what[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(what, sizeof what, fmt, ap);
  va_end(ap);
  return (Loc){.src = r->src, .what = arena_strdup(r->arena, what)};
}

void check_name(Loc loc, const char *of_what, const char *name) {
  if (!name || !*name) error_at(loc, "an empty %s name", of_what);
  const char *fault = name_fault(name);
  if (fault) error_at(loc, "%s in the %s name", fault, of_what);
}

/* ---- names ----------------------------------------------------------------------------------- */

Tensor **tensor_slot(OnnxReader *r, const char *name) {
  uint64_t i = hash_bytes(HASH_START, name, strlen(name));
  for (;; i++) {
    Tensor **slot = &r->slot[i & (uint64_t)(r->n_slot - 1)];
    if (!*slot || strcmp((*slot)->name, name) == 0) return slot;
  }
}

void reserve_names(OnnxReader *r, size_t more) {
  Tensor **old = r->slot;
  int64_t n_old = r->n_slot;
  r->n_name += (int64_t)more;
  if (n_old >= 2 * r->n_name && n_old > 0) return;
  if (n_old == 0) r->n_slot = 64;
  while (r->n_slot < 2 * r->n_name) r->n_slot *= 2;
  r->slot = arena_alloc(r->arena, r->n_slot * (int64_t)sizeof *r->slot);
  for (int64_t i = 0; i < n_old; i++)
    if (old[i]) *tensor_slot(r, old[i]->name) = old[i];
}

/* ---- parts of the model ---------------------------------------------------------------------- */

static int read_opset(const OnnxModel *m, Loc loc) {
  for (size_t i = 0; i < m->n_opset_import; i++) {
    const OnnxOpset *o = m->opset_import[i];
    if (o->domain && *o->domain && strcmp(o->domain, "ai.onnx") != 0) continue;
    if (o->version < MIN_OPSET || o->version > MAX_OPSET)
      error_at(loc, "opset %lld is not supported, expected %d to %d", (long long)o->version,
               MIN_OPSET, MAX_OPSET);
    return (int)o->version;
  }
  for (size_t i = 0; i < m->graph->n_node; i++)
    if (strcmp(onnx_domain(m->graph->node[i]), "ai.onnx") == 0)
      error_at(loc, "the model names no opset of domain 'ai.onnx'");
  return MAX_OPSET;
}

static void check_model(const OnnxModel *m, Loc loc) {
  if (m->n_training_info) error_at(loc, "training information is not supported");
  if (m->graph->n_sparse_initializer) error_at(loc, "sparse initializers are not supported");
  if (m->graph->n_node == 0) error_at(loc, "the graph has no nodes");
  if (m->graph->n_output == 0) error_at(loc, "the graph has no outputs");
}

static void read_initializer(OnnxReader *r, const OnnxTensor *p) {
  check_name(r->graph->loc, "initializer", p->name);
  Loc loc = onnx_loc(r, "initializer '%s'", p->name);
  Tensor **slot = tensor_slot(r, p->name);
  if (*slot) error_at(loc, "it is defined twice");
  Tensor t = {.rank = 0};
  decode_tensor(r, p, loc, &t);
  check_finite(&t, false, loc);
  *slot = new_const(r->graph, p->name, t.dtype, t.rank, t.dim, t.data);
  (*slot)->loc = loc;
}

static void read_output(OnnxReader *r, const OnnxValue *p) {
  Graph *g = r->graph;
  check_name(g->loc, "graph output", p->name);
  Loc loc = onnx_loc(r, "output '%s'", p->name);
  if (p->type && !p->type->tensor_type) error_at(loc, "only tensors are supported");
  Tensor *t = *tensor_slot(r, p->name);
  if (!t) error_at(loc, "it is missing: no node makes it");
  for (int i = 0; i < g->n_out; i++)
    if (g->out[i] == t) error_at(loc, "it is listed twice");
  g->out = arena_grow(r->arena, g->out, g->n_out, sizeof *g->out);
  g->out[g->n_out++] = t;
}

/* "models/kws.onnx" -> "models/" */
static const char *folder_of(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? arena_strndup(a, path, (size_t)(slash - path + 1)) : "";
}

OnnxReader *open_onnx(const OnnxFile *f) {
  const OnnxGraph *p = f->model->graph;
  Loc loc = {.src = f->src};
  const char *name = p->name && *p->name ? p->name : stem_of(f->arena, f->path);
  check_name(loc, "graph", name);
  OnnxReader *r = arena_alloc(f->arena, sizeof *r);
  *r = (OnnxReader){.arena = f->arena, .graph = new_graph(f->arena, name), .src = f->src, .hash = f->hash,
                    .folder = folder_of(f->arena, f->path)};
  r->graph->loc = loc;
  r->graph->opset = read_opset(f->model, loc);
  reserve_names(r, p->n_initializer + p->n_input);
  for (size_t i = 0; i < p->n_initializer; i++) read_initializer(r, p->initializer[i]);
  read_onnx_inputs(r, p, f->given->bind, f->given->n_bind);
  fix_inputs(f->arena, r->graph, f->given);
  return r;
}

Graph *read_onnx(Arena *a, const char *path, const GivenInputs *given) {
  size_t len;
  const char *bytes = read_file(a, path, &len);
  const Source *src = new_source(a, path, NULL, 0);
  OnnxModel *m = unpack_onnx(a, src, bytes, len);
  const OnnxGraph *p = m->graph;
  check_model(m, (Loc){.src = src});
  OnnxFile file = {.arena = a, .src = src, .path = path, .model = m, .given = given,
                   .hash = hash_bytes(HASH_START, bytes, len)};
  expand_onnx(&file);

  OnnxReader *r = open_onnx(&file);
  Graph *g = r->graph;
  for (size_t i = 0; i < p->n_node; i++) reserve_names(r, p->node[i]->n_input + p->node[i]->n_output);
  for (size_t i = 0; i < p->n_node; i++) read_onnx_outputs(r, p->node[i], (int)i);
  for (size_t i = 0; i < p->n_node; i++) read_onnx_node(r, p->node[i], (int)i);
  for (size_t i = 0; i < p->n_output; i++) read_output(r, p->output[i]);
  sort_nodes(g);
  g->hash = r->hash;
  infer_shapes(g);
  return g;
}
