/* random_onnx.c - random networks as ONNX models, for runtimes that are not ours:
 *
 *     random_onnx FOLDER SEED COUNT
 *     random_onnx NETWORK.graph NETWORK.onnx
 *
 * writes FOLDER/SEED.onnx and so on, but for networks with operators that onnxruntime does not compute as ONNX
 * describes them; or a network in the text form of graphs, of ONNX's operators. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "onnx.pb-c.h"
#include "tests/passes/random_net.h"

enum { IR_VERSION = 8, FLOAT = 1, INT = 2, STRING = 3, FLOATS = 6, INTS = 7 }; /* AttributeType */

/* A new message: TYPE *p, initialized. */
#define NEW_MESSAGE(a, p, type, init) \
  type *p = arena_alloc(a, sizeof *p); \
  init(p)

static char *text_of(Arena *a, const char *s) { return arena_strdup(a, s); }

static char **names_of(Arena *a, int n, Tensor *const *t) {
  char **names = arena_alloc(a, (n + 1) * (int64_t)sizeof *names);
  for (int i = 0; i < n; i++) names[i] = text_of(a, t[i] ? t[i]->name : "");
  return names;
}

static OnnxAttribute *attribute_of(Arena *a, const Attr *from) {
  NEW_MESSAGE(a, p, OnnxAttribute, onnx_attribute__init);
  p->name = text_of(a, from->name);
  p->has_type = 1;
  switch (from->kind) {
    case ATTR_INT: p->type = INT, p->has_i = 1, p->i = from->i; break;
    case ATTR_FLOAT: p->type = FLOAT, p->has_f = 1, p->f = (float)from->f; break;
    case ATTR_STRING:
      p->type = STRING, p->has_s = 1;
      p->s = (ProtobufCBinaryData){strlen(from->s), (uint8_t *)text_of(a, from->s)};
      break;
    case ATTR_INTS: p->type = INTS, p->n_ints = (size_t)from->n, p->ints = from->ints; break;
    case ATTR_FLOATS:
      p->type = FLOATS, p->n_floats = (size_t)from->n;
      p->floats = arena_alloc(a, (from->n + 1) * (int64_t)sizeof *p->floats);
      for (int i = 0; i < from->n; i++) p->floats[i] = (float)from->floats[i];
      break;
    default: bug("attribute '%s' has a kind that random networks have no use for", from->name);
  }
  return p;
}

/* The domain of an operator that ONNX has not, "" for its own. */
static const char *domain_of(const char *op) {
  static const struct {
    const char *domain, *op;
  } foreign[] = {
#define FOREIGN(domain, name, op) {domain, op},
#define LEFT_OUT(domain, name, why)
#include "frontend/onnx_operators.def"
#undef FOREIGN
#undef LEFT_OUT
  };
  if (!(find_op(op)->flags & OP_FOREIGN)) return "";
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
    if (strcmp(foreign[i].op, op) == 0) return foreign[i].domain;
  bug("operator '%s' has no domain", op);
}

static OnnxNode *node_of(Arena *a, const Node *from) {
  NEW_MESSAGE(a, p, OnnxNode, onnx_node__init);
  p->op_type = text_of(a, from->op->name);
  p->name = text_of(a, from->name);
  p->domain = text_of(a, domain_of(from->op->name));
  p->n_input = (size_t)from->n_in, p->input = names_of(a, from->n_in, from->in);
  p->n_output = (size_t)from->n_out, p->output = names_of(a, from->n_out, from->out);
  p->attribute = arena_alloc(a, (from->n_attr + 1) * (int64_t)sizeof *p->attribute);
  for (int i = 0; i < from->n_attr; i++) p->attribute[p->n_attribute++] = attribute_of(a, &from->attr[i]);
  return p;
}

static OnnxTensor *initializer_of(Arena *a, Tensor *from) {
  NEW_MESSAGE(a, p, OnnxTensor, onnx_tensor__init);
  p->name = text_of(a, from->name);
  p->has_data_type = 1, p->data_type = (int32_t)from->dtype;
  p->n_dims = (size_t)from->rank, p->dims = from->dim;
  p->has_raw_data = 1;
  p->raw_data = (ProtobufCBinaryData){(size_t)tensor_bytes(from), from->data};
  return p;
}

static OnnxValue *value_of(Arena *a, const Tensor *from) {
  NEW_MESSAGE(a, p, OnnxValue, onnx_value__init);
  NEW_MESSAGE(a, type, OnnxType, onnx_type__init);
  NEW_MESSAGE(a, tensor, OnnxTensorType, onnx_tensor_type__init);
  NEW_MESSAGE(a, shape, OnnxShape, onnx_shape__init);
  shape->dim = arena_alloc(a, (from->rank + 1) * (int64_t)sizeof *shape->dim);
  for (int i = 0; i < from->rank; i++) {
    NEW_MESSAGE(a, dim, OnnxDim, onnx_dim__init);
    dim->has_dim_value = 1, dim->dim_value = from->dim[i];
    shape->dim[shape->n_dim++] = dim;
  }
  tensor->has_elem_type = 1, tensor->elem_type = (int32_t)from->dtype;
  tensor->shape = shape;
  type->tensor_type = tensor;
  p->name = text_of(a, from->name);
  p->type = type;
  return p;
}

static OnnxValue **values_of(Arena *a, int n, Tensor *const *t) {
  OnnxValue **v = arena_alloc(a, (n + 1) * (int64_t)sizeof *v);
  for (int i = 0; i < n; i++) v[i] = value_of(a, t[i]);
  return v;
}

static OnnxModel *model_of(Arena *a, const Graph *g) {
  NEW_MESSAGE(a, m, OnnxModel, onnx_model__init);
  NEW_MESSAGE(a, p, OnnxGraph, onnx_graph__init);
  NEW_MESSAGE(a, opset, OnnxOpset, onnx_opset__init);
  p->name = text_of(a, g->name);
  p->node = arena_alloc(a, (g->n_node + 1) * (int64_t)sizeof *p->node);
  for (int i = 0; i < g->n_node; i++) p->node[p->n_node++] = node_of(a, g->node[i]);
  p->initializer = arena_alloc(a, (g->n_tensor + 1) * (int64_t)sizeof *p->initializer);
  for (int i = 0; i < g->n_tensor; i++)
    if (is_const(g->tensor[i])) p->initializer[p->n_initializer++] = initializer_of(a, g->tensor[i]);
  p->n_input = (size_t)g->n_in, p->input = values_of(a, g->n_in, g->in);
  p->n_output = (size_t)g->n_out, p->output = values_of(a, g->n_out, g->out);
  opset->has_version = 1, opset->version = g->opset;
  NEW_MESSAGE(a, others, OnnxOpset, onnx_opset__init);
  others->domain = text_of(a, "com.microsoft"), others->has_version = 1, others->version = 1;
  m->opset_import = arena_alloc(a, 2 * (int64_t)sizeof *m->opset_import);
  m->opset_import[m->n_opset_import++] = opset;
  m->opset_import[m->n_opset_import++] = others;
  m->has_ir_version = 1, m->ir_version = IR_VERSION;
  m->graph = p;
  return m;
}

/* onnxruntime refuses dilations where the padding is to keep the size; where a window with a stride is shorter than
 * that, it and ONNX disagree about the size of transposed convolutions, and of pools with ceil_mode, of
 * which it also keeps windows that begin behind the end. */
static bool is_disputed(const Node *n) {
  int64_t dilation[3] = {1, 1, 1};
  attr_ints(n, "dilations", dilation, 3);
  bool same = strncmp(attr_str(n, "auto_pad", "NOTSET"), "SAME", 4) == 0;
  bool dilated = dilation[0] > 1 || dilation[1] > 1 || dilation[2] > 1;
  return attr_int(n, "ceil_mode", 0) || (same && dilated) ||
         (is_op(n, "ConvTranspose") && (same || find_attr(n, "output_shape")));
}

static void pack_model(Arena *a, const Graph *g, const char *path) {
  const OnnxModel *m = model_of(a, g);
  size_t n = onnx_model__get_packed_size(m);
  uint8_t *bytes = arena_alloc(a, (int64_t)n);
  onnx_model__pack(m, bytes);
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) error("%s: %s", path, strerror(errno));
}

static void write_model(const char *folder, uint64_t seed) {
  Arena *a = new_arena();
  const Graph *g = random_net(a, seed);
  for (int i = 0; i < g->n_node; i++)
    if (is_disputed(g->node[i])) {
      free_arena(a);
      return;
    }
  pack_model(a, g, arena_printf(a, "%s/%llu.onnx", folder, (unsigned long long)seed));
  free_arena(a);
}

int main(int argc, char **argv) {
  if (argc == 3) {
    Arena *a = new_arena();
    pack_model(a, read_graph_text(a, argv[1]), argv[2]);
    free_arena(a);
    return 0;
  }
  if (argc != 4) {
    fprintf(stderr, "usage: random_onnx FOLDER SEED COUNT, or random_onnx NETWORK.graph NETWORK.onnx\n");
    return 2;
  }
  uint64_t first = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
  for (uint64_t seed = first; seed < first + count; seed++) write_model(argv[1], seed);
  printf("seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)(first + count - 1));
  return 0;
}
