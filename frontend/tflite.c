/* tflite.c - reads a TensorFlow Lite model (schema.fbs, version 3) into a Graph: its first subgraph, whose
 * operators are in execution order.  Images have channels last there, as windows have inside; quantized
 * tensors keep the scales and zero points of the file, so that nothing needs calibration. */
#include <string.h>

#include "frontend/tflite_reader.h"

/* Fields of the schema's tables. */
enum { MODEL_VERSION = 0, MODEL_OPCODES, MODEL_SUBGRAPHS, MODEL_BUFFERS = 4 };
enum { SUBGRAPH_TENSORS = 0, SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, SUBGRAPH_OPERATORS };
enum { OPCODE_OLD = 0, OPCODE_CUSTOM, OPCODE_BUILTIN = 3 };
enum { OPERATOR_OPCODE = 0, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPERATOR_OPTIONS = 4 };
enum { SCHEMA_VERSION = 3, MAX_PARTS = 1 << 16 };

typedef void ReadOp(TfliteOp *op);
static const struct { int number; const char *name, *onnx; ReadOp *read; } readers[] = {
#define TFLITE(number, name, reader, onnx) {number, #name, onnx, read_tflite_##reader},
#include "frontend/tflite_ops.def"
#undef TFLITE
};

bool is_tflite(const char *bytes, size_t len) { return len >= 8 && memcmp(bytes + 4, "TFL3", 4) == 0; }

static Tensor *graph_end(TfliteReader *r, const FlatVector *list, int64_t i, const char *noun) {
  int64_t index = flat_int_at(list, i);
  if (index < 0 || index >= r->tensors.n)
    error_at(r->graph->loc, "%s %lld is tensor %lld of %lld", noun, (long long)i, (long long)index,
             (long long)r->tensors.n);
  TfliteTensor *s = &r->tensor[index];
  if (!s->t) s->t = make_tflite_tensor(r, index);
  return s->t;
}

static void read_inputs(TfliteReader *r, const FlatTable *subgraph) {
  Graph *g = r->graph;
  FlatVector list = flat_vector(subgraph, SUBGRAPH_INPUTS, 4);
  for (int64_t i = 0; i < list.n; i++) {
    Tensor *t = graph_end(r, &list, i, "input");
    TfliteTensor *s = &r->tensor[flat_int_at(&list, i)];
    if (s->made || is_const(t)) error_at(t->loc, "input %lld is listed twice or is a constant", (long long)i);
    s->made = true;
    if (t->rank == 4) t->layout = LAYOUT_NHWC;
    g->in = arena_grow(r->arena, g->in, g->n_in, sizeof *g->in);
    g->in[g->n_in++] = t;
  }
}

static void read_outputs(TfliteReader *r, const FlatTable *subgraph) {
  Graph *g = r->graph;
  FlatVector list = flat_vector(subgraph, SUBGRAPH_OUTPUTS, 4);
  if (list.n == 0) error_at(g->loc, "the model has no outputs");
  for (int64_t i = 0; i < list.n; i++) {
    Tensor *t = graph_end(r, &list, i, "output");
    if (!t->def) error_at(t->loc, "it is output %lld, but no operator makes it", (long long)i);
    if (is_graph_output(g, t)) error_at(t->loc, "it is listed twice among the outputs");
    g->out = arena_grow(r->arena, g->out, g->n_out, sizeof *g->out);
    g->out[g->n_out++] = t;
  }
}

/* Builtins above 127 are in a field of their own, which is 0 in old files. */
static int builtin_of(TfliteReader *r, int64_t operator, const FlatTable *t, const char **custom) {
  uint64_t index = flat_unsigned(t, OPERATOR_OPCODE, 4, 0);
  if (index >= (uint64_t)r->opcodes.n)
    error_at(r->graph->loc, "operator %lld has code %llu of %lld", (long long)operator, (unsigned long long)index,
             (long long)r->opcodes.n);
  FlatTable code = flat_table_at(&r->opcodes, (int64_t)index);
  int64_t old = flat_int(&code, OPCODE_OLD, 1, 0), builtin = flat_int(&code, OPCODE_BUILTIN, 4, 0);
  *custom = flat_string(&code, OPCODE_CUSTOM);
  return (int)(builtin > old ? builtin : old);
}

static void read_operator(TfliteReader *r, const FlatVector *operators, int64_t i) {
  enum { CUSTOM = 32 };
  FlatTable t = flat_table_at(operators, i);
  const char *custom;
  int builtin = builtin_of(r, i, &t, &custom);
  size_t k = 0, n = sizeof readers / sizeof *readers;
  while (k < n && readers[k].number != builtin) k++;
  const char *kind = k < n               ? readers[k].name
                     : builtin == CUSTOM ? arena_printf(r->arena, "custom '%s'", custom)
                                         : arena_printf(r->arena, "builtin %d of schema.fbs", builtin);
  Loc loc = {.src = r->file.src, .what = arena_printf(r->arena, "operator %lld (%s)", (long long)i, kind)};
  if (k == n) error_at(loc, "it is not supported");
  if (r->once && readers[k].read != read_tflite_variable && readers[k].read != read_tflite_assign)
    error_at(loc, "it is not supported in a subgraph that is called once");
  TfliteOp op = {.r = r, .builtin = builtin, .kind = kind, .onnx = readers[k].onnx, .loc = loc};
  op.in = flat_vector(&t, OPERATOR_INPUTS, 4);
  op.out = flat_vector(&t, OPERATOR_OUTPUTS, 4);
  op.options = flat_table(&t, OPERATOR_OPTIONS);
  readers[k].read(&op);
}

/* Its tensors and operators. */
static FlatVector open_subgraph(TfliteReader *r, const FlatTable *subgraph) {
  r->tensors = flat_vector(subgraph, SUBGRAPH_TENSORS, 4);
  FlatVector operators = flat_vector(subgraph, SUBGRAPH_OPERATORS, 4);
  if (r->tensors.n > MAX_PARTS || operators.n > MAX_PARTS)
    error_at(r->graph->loc, "the model has %lld tensors and %lld operators, at most %d of each are possible",
             (long long)r->tensors.n, (long long)operators.n, MAX_PARTS);
  r->tensor = arena_alloc(r->arena, (r->tensors.n + 1) * (int64_t)sizeof *r->tensor);
  return operators;
}

void read_tflite_once(TfliteReader *r, Loc loc, int64_t subgraph) {
  if (subgraph < 1 || subgraph >= r->subgraphs.n)
    error_at(loc, "it calls subgraph %lld of %lld", (long long)subgraph, (long long)r->subgraphs.n);
  TfliteReader once = *r;
  FlatTable table = flat_table_at(&r->subgraphs, subgraph);
  once.once = true;
  once.graph = new_graph(r->arena, "once");
  once.graph->loc = r->graph->loc;
  FlatVector operators = open_subgraph(&once, &table);
  for (int64_t i = 0; i < operators.n; i++) read_operator(&once, &operators, i);
  r->n_state = once.n_state, r->state = once.state, r->constant_bytes = once.constant_bytes;
}

Graph *read_tflite(Arena *a, const char *path) {
  enum { OPSET = 13 };  /* of the operators that are made */
  size_t len;
  const char *bytes = read_file(a, path, &len);
  Loc loc = {.src = new_source(a, path, NULL, 0)};
  if (!is_tflite(bytes, len)) error_at(loc, "not a TensorFlow Lite model: bytes 4 to 7 are not TFL3");
  TfliteReader r = {.arena = a, .file = {(const uint8_t *)bytes, len, loc.src}};
  FlatTable model = flat_root(&r.file);
  int64_t version = flat_int(&model, MODEL_VERSION, 4, 0);
  if (version != SCHEMA_VERSION)
    error_at(loc, "schema version %lld is not supported, expected %d", (long long)version, SCHEMA_VERSION);
  r.subgraphs = flat_vector(&model, MODEL_SUBGRAPHS, 4);
  if (r.subgraphs.n == 0) error_at(loc, "the model has no subgraph");
  FlatTable subgraph = flat_table_at(&r.subgraphs, 0);
  r.opcodes = flat_vector(&model, MODEL_OPCODES, 4);
  r.buffers = flat_vector(&model, MODEL_BUFFERS, 4);
  Graph *g = r.graph = new_graph(a, stem_of(a, path));
  g->loc = loc;
  g->opset = OPSET;
  g->hash = hash_bytes(HASH_START, bytes, len);
  FlatVector operators = open_subgraph(&r, &subgraph);
  if (operators.n == 0) error_at(loc, "the model has no operators");
  read_inputs(&r, &subgraph);
  for (int64_t i = 0; i < operators.n; i++) read_operator(&r, &operators, i);
  read_outputs(&r, &subgraph);
  finish_tflite_states(&r);
  remove_dead(g);
  infer_shapes(g);
  return g;
}
