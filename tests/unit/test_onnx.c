/* test_onnx.c - what the ONNX front end makes of models that are right.  Each test builds messages,
 * packs them with protobuf-c into a file of its own and reads that back; tests/errors/onnx has the
 * models that are wrong. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "onnx.pb-c.h"
#include "unit.h"

enum { MAX = 16 };

/* A model under construction, with one list per kind of element. */
typedef struct Draft {
  OnnxModel model;
  OnnxGraph graph;
  OnnxOpset opset, *opsets[1];
  OnnxTensor tensor[MAX], *tensors[MAX];
  OnnxNode node[MAX], *nodes[MAX];
  OnnxValue value[MAX], *inputs[MAX], *outputs[MAX];
  OnnxType type[MAX];
  OnnxTensorType tensor_type[MAX];
  OnnxShape shape[MAX];
  OnnxDim dim[MAX][2], *dims[MAX][2];
  int n_value;
  char folder[32];
} Draft;

static char *names[][2] = {{"x", "w"}, {"y", ""}, {"a", "b"}};

static void start(Draft *d) {
  *d = (Draft){.model = ONNX_MODEL__INIT, .graph = ONNX_GRAPH__INIT, .opset = ONNX_OPSET__INIT};
  d->opset.has_version = 1;
  d->opset.version = 13;
  d->opsets[0] = &d->opset;
  d->model.n_opset_import = 1;
  d->model.opset_import = d->opsets;
  d->model.graph = &d->graph;
  d->graph.name = "draft";
  d->graph.node = d->nodes;
  d->graph.initializer = d->tensors;
  d->graph.input = d->inputs;
  d->graph.output = d->outputs;
  strcpy(d->folder, "/tmp/qcc_onnx_XXXXXX");
  assert_non_null(mkdtemp(d->folder));
}

/* A float tensor [d0, 2]; d0 < 0: the symbolic dimension N. */
static OnnxValue *add_value(Draft *d, char *name, int64_t d0) {
  int i = d->n_value++;
  onnx_value__init(&d->value[i]);
  onnx_type__init(&d->type[i]);
  onnx_tensor_type__init(&d->tensor_type[i]);
  onnx_shape__init(&d->shape[i]);
  for (int k = 0; k < 2; k++) {
    onnx_dim__init(&d->dim[i][k]);
    d->dims[i][k] = &d->dim[i][k];
    d->dim[i][k].has_dim_value = k == 1 || d0 >= 0;
    d->dim[i][k].dim_value = k == 1 ? 2 : d0;
  }
  if (d0 < 0) d->dim[i][0].dim_param = "N";
  d->shape[i].n_dim = 2;
  d->shape[i].dim = d->dims[i];
  d->tensor_type[i].has_elem_type = 1;
  d->tensor_type[i].elem_type = DT_F32;
  d->tensor_type[i].shape = &d->shape[i];
  d->type[i].tensor_type = &d->tensor_type[i];
  d->value[i].name = name;
  d->value[i].type = &d->type[i];
  return &d->value[i];
}

static OnnxTensor *add_tensor(Draft *d, char *name, DType t, size_t rank, int64_t *dims) {
  OnnxTensor *p = &d->tensor[d->graph.n_initializer];
  onnx_tensor__init(p);
  d->tensors[d->graph.n_initializer++] = p;
  p->name = name;
  p->has_data_type = 1;
  p->data_type = t;
  p->n_dims = rank;
  p->dims = dims;
  return p;
}

static OnnxNode *add_draft_node(Draft *d, char *op, size_t n_in, char **in, char **out) {
  OnnxNode *p = &d->node[d->graph.n_node];
  onnx_node__init(p);
  d->nodes[d->graph.n_node++] = p;
  p->op_type = op;
  p->n_input = n_in;
  p->input = in;
  p->n_output = 1;
  p->output = out;
  return p;
}

/* The draft with input x and node y = Relu(x), where it has none of its own. */
static Graph *read_draft(Draft *d, Arena *a, const DimBinding *bind, int n_bind) {
  if (d->graph.n_input == 0) d->inputs[d->graph.n_input++] = add_value(d, "x", 1);
  if (d->graph.n_node == 0) add_draft_node(d, "Relu", 1, names[0], names[1]);
  d->outputs[d->graph.n_output++] = add_value(d, "y", 1);
  size_t len = onnx_model__get_packed_size(&d->model);
  uint8_t *bytes = malloc(len);
  assert_non_null(bytes);
  onnx_model__pack(&d->model, bytes);
  char path[64];
  snprintf(path, sizeof path, "%s/model.onnx", d->folder);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, len, f), len);
  fclose(f);
  free(bytes);
  Graph *g = read_onnx(a, path, &(GivenInputs){.bind = bind, .n_bind = n_bind});
  unlink(path);
  rmdir(d->folder);
  return g;
}

static void set_raw(OnnxTensor *p, void *bytes, size_t len) {
  p->has_raw_data = 1;
  p->raw_data = (ProtobufCBinaryData){len, bytes};
}

static void check_reals(const Graph *g, const char *name, int n, const double *expected) {
  const Tensor *t = find_tensor(g, name);
  assert_true(is_const(t));
  assert_int_equal(n_elements(t), n);
  for (int i = 0; i < n; i++) assert_true(get_real(t->dtype, t->data, i) == expected[i]);
}

/* One row per element type: the same three values as raw bytes and in the typed list. */
static void test_element_types(void **state) {
  static const double whole[] = {1, 0, 3}, with_sign[] = {1, -2, 3}, bools[] = {1, 0, 1};
  static const double small[] = {1, -2, 1};
  static struct {
    DType t;
    const double *real;  /* [3] */
    size_t bytes;
    uint8_t raw[24];
    int n_list;
    int32_t list[3];     /* int32_data; n_list 0: another list */
  } rows[] = {
    {DT_I8, with_sign, 3, {1, 0xfe, 3}, 3, {1, -2, 3}},
    {DT_U8, whole, 3, {1, 0, 3}, 3, {1, 0, 3}},
    {DT_I16, with_sign, 6, {1, 0, 0xfe, 0xff, 3, 0}, 3, {1, -2, 3}},
    {DT_U16, whole, 6, {1, 0, 0, 0, 3, 0}, 3, {1, 0, 3}},
    {DT_I32, with_sign, 12, {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 3, 0, 0, 0}, 3, {1, -2, 3}},
    {DT_BOOL, bools, 3, {1, 0, 1}, 3, {1, 0, 1}},
    {DT_F16, with_sign, 6, {0, 0x3c, 0, 0xc0, 0, 0x42}, 3, {0x3c00, 0xc000, 0x4200}},
    {DT_BF16, with_sign, 6, {0x80, 0x3f, 0, 0xc0, 0x40, 0x40}, 3, {0x3f80, 0xc000, 0x4040}},
    {DT_I4, with_sign, 2, {0xe1, 0x03}, 2, {0xe1, 0x03}},
    {DT_U4, whole, 2, {0x01, 0x03}, 2, {0x01, 0x03}},
    {DT_I2, small, 1, {0x19}, 1, {0x19}},
    {DT_U2, whole, 1, {0x31}, 1, {0x31}},
    {DT_U32, whole, 12, {1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0}, 0, {0}},
    {DT_U64, whole, 24, {[0] = 1, [16] = 3}, 0, {0}},
    {DT_I64, whole, 24, {[0] = 1, [16] = 3}, 0, {0}},
  };
  (void)state;
  int64_t dims[] = {3}, int64s[] = {1, 0, 3};
  uint64_t uint64s[] = {1, 0, 3};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Arena *a = new_arena();
    Draft d;
    start(&d);
    set_raw(add_tensor(&d, "raw", rows[i].t, 1, dims), rows[i].raw, rows[i].bytes);
    OnnxTensor *p = add_tensor(&d, "list", rows[i].t, 1, dims);
    p->n_int32_data = (size_t)rows[i].n_list;
    p->int32_data = rows[i].list;
    if (rows[i].t == DT_I64) {
      p->n_int64_data = 3;
      p->int64_data = int64s;
    } else if (rows[i].n_list == 0) {
      p->n_uint64_data = 3;
      p->uint64_data = uint64s;
    }
    Graph *g = read_draft(&d, a, NULL, 0);
    check_reals(g, "raw", 3, rows[i].real);
    check_reals(g, "list", 3, rows[i].real);
    free_arena(a);
  }
}

static void test_floats_and_empty(void **state) {
  (void)state;
  Arena *a = new_arena();
  Draft d;
  start(&d);
  float floats[] = {1.5f, -2.25f};
  double doubles[] = {0.1, 1e300};
  int64_t two[] = {2}, none[] = {3, 0};
  OnnxTensor *p = add_tensor(&d, "f", DT_F32, 1, two);
  p->n_float_data = 2;
  p->float_data = floats;
  p = add_tensor(&d, "d", DT_F64, 1, two);
  p->n_double_data = 2;
  p->double_data = doubles;
  add_tensor(&d, "none", DT_F32, 2, none);
  set_raw(add_tensor(&d, "scalar", DT_F32, 0, NULL), floats, sizeof *floats);
  Graph *g = read_draft(&d, a, NULL, 0);
  check_reals(g, "f", 2, (double[]){1.5, -2.25});
  check_reals(g, "d", 2, doubles);
  check_reals(g, "none", 0, NULL);
  check_reals(g, "scalar", 1, (double[]){1.5});
  assert_int_equal(find_tensor(g, "scalar")->rank, 0);
  free_arena(a);
}

static void test_external_data(void **state) {
  (void)state;
  Arena *a = new_arena();
  Draft d;
  start(&d);
  char path[64];
  float floats[] = {1, 2, 3};
  snprintf(path, sizeof path, "%s/w.bin", d.folder);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  fwrite(floats, sizeof *floats, 3, f);
  fclose(f);
  OnnxEntry entry[] = {ONNX_ENTRY__INIT, ONNX_ENTRY__INIT}, *entries[] = {&entry[0], &entry[1]};
  entry[0].key = "location";
  entry[0].value = "w.bin";
  entry[1].key = "offset";
  entry[1].value = "4";
  int64_t two[] = {2};
  OnnxTensor *p = add_tensor(&d, "w", DT_F32, 1, two);
  p->has_data_location = p->data_location = 1;
  p->n_external_data = 2;
  p->external_data = entries;
  Graph *g = read_draft(&d, a, NULL, 0);
  check_reals(g, "w", 2, (double[]){2, 3});
  free_arena(a);
}

/* b = Neg(a) stands before a = Relu(x); the initializer w is listed as an input too. */
static void test_order_and_constant_inputs(void **state) {
  (void)state;
  Arena *a = new_arena();
  Draft d;
  start(&d);
  float w[] = {1, 2};
  int64_t dims[] = {1, 2};
  set_raw(add_tensor(&d, "w", DT_F32, 2, dims), w, sizeof w);
  d.inputs[d.graph.n_input++] = add_value(&d, "x", 1);
  d.inputs[d.graph.n_input++] = add_value(&d, "w", 1);
  char *add_in[] = {"b", "w"}, *neg_in[] = {"a"}, *neg_out[] = {"b"}, *relu_in[] = {"x"};
  add_draft_node(&d, "Add", 2, add_in, names[1])->name = "last";
  add_draft_node(&d, "Neg", 1, neg_in, neg_out);
  add_draft_node(&d, "Relu", 1, relu_in, names[2]);
  Graph *g = read_draft(&d, a, NULL, 0);
  assert_int_equal(g->n_in, 1);
  assert_string_equal(g->in[0]->name, "x");
  assert_true(is_op(g->node[0], "Relu") && is_op(g->node[1], "Neg") && is_op(g->node[2], "Add"));
  assert_string_equal(g->node[0]->name, "a");
  assert_string_equal(g->node[2]->name, "last");
  assert_string_equal(g->node[2]->loc.what, "node 'last' (Add)");
  assert_ptr_equal(g->node[2]->in[1], find_tensor(g, "w"));
  free_arena(a);
}

/* x and z share the symbolic dimension N; the place of one goes before the name. */
static void test_bound_dimensions(void **state) {
  (void)state;
  Arena *a = new_arena();
  Draft d;
  start(&d);
  d.inputs[d.graph.n_input++] = add_value(&d, "x", -1);
  d.inputs[d.graph.n_input++] = add_value(&d, "z", -1);
  DimBinding bind[] = {{"N", 5}, {"z:0", 7}};
  Graph *g = read_draft(&d, a, bind, 2);
  assert_int_equal(g->in[0]->dim[0], 5);
  assert_int_equal(g->in[0]->dim[1], 2);
  assert_int_equal(g->in[1]->dim[0], 7);
  free_arena(a);
}

static void test_constant_and_attributes(void **state) {
  (void)state;
  Arena *a = new_arena();
  Draft d;
  start(&d);
  int64_t ints[] = {1, 2};
  OnnxAttribute value = ONNX_ATTRIBUTE__INIT, alpha = ONNX_ATTRIBUTE__INIT;
  OnnxAttribute *values[] = {&value}, *alphas[] = {&alpha};
  value.name = "value_ints";
  value.has_type = 1;
  value.type = 7;
  value.n_ints = 2;
  value.ints = ints;
  alpha.name = "alpha"; /* its kind is left to be seen from the field */
  alpha.has_f = 1;
  alpha.f = 0.5f;
  OnnxNode *n = add_draft_node(&d, "Constant", 0, NULL, names[2]);
  n->n_attribute = 1;
  n->attribute = values;
  n = add_draft_node(&d, "LeakyRelu", 1, names[0], names[1]);
  n->n_attribute = 1;
  n->attribute = alphas;
  Graph *g = read_draft(&d, a, NULL, 0);
  check_reals(g, "a", 2, (double[]){1, 2});
  assert_int_equal(find_tensor(g, "a")->dtype, DT_I64);
  assert_int_equal(g->n_node, 1);
  assert_true(attr_float(g->node[0], "alpha", 0) == 0.5);
  free_arena(a);
}

/* y = outer(x), where outer(a) => (b) { b = inner<slope=2.5>(a) } and inner<slope>(a) => (b) { b =
 * LeakyRelu<alpha=@slope>(a) }. */
static void test_functions(void **state) {
  (void)state;
  Arena *a = new_arena();
  Draft d;
  start(&d);
  char *formal_in[] = {"a"}, *formal_out[] = {"b"};
  OnnxFunction function[2] = {ONNX_FUNCTION__INIT, ONNX_FUNCTION__INIT};
  OnnxNode call = ONNX_NODE__INIT, leaky = ONNX_NODE__INIT, *body[2] = {&call, &leaky};
  OnnxAttribute slope = ONNX_ATTRIBUTE__INIT, alpha = ONNX_ATTRIBUTE__INIT, *slopes[] = {&slope}, *alphas[] = {&alpha};
  slope.name = "slope", slope.has_f = 1, slope.f = 2.5f;
  alpha.name = "alpha", alpha.ref_attr_name = "slope";
  call.op_type = "inner", call.domain = "local", call.n_attribute = 1, call.attribute = slopes;
  leaky.op_type = "LeakyRelu", leaky.n_attribute = 1, leaky.attribute = alphas;
  ProtobufCBinaryData packed[2];
  uint8_t bytes[2][256];
  for (int i = 0; i < 2; i++) {
    OnnxFunction *f = &function[i];
    f->name = i ? "inner" : "outer", f->domain = "local";
    f->n_input = f->n_output = f->n_node = 1;
    f->input = body[i]->input = formal_in;
    f->output = body[i]->output = formal_out;
    body[i]->n_input = body[i]->n_output = 1;
    f->node = &body[i];
    packed[i] = (ProtobufCBinaryData){onnx_function__pack(f, bytes[i]), bytes[i]};
  }
  d.model.n_functions = 2, d.model.functions = packed;
  add_draft_node(&d, "outer", 1, names[0], names[1])->domain = "local";
  Graph *g = read_draft(&d, a, NULL, 0);
  assert_int_equal(g->n_node, 3);
  assert_string_equal(g->node[0]->op->name, "LeakyRelu");
  assert_ptr_equal(g->node[0]->in[0], g->in[0]);
  assert_true(attr_float(g->node[0], "alpha", 0) == 2.5);
  assert_string_equal(g->node[2]->op->name, "Identity");
  free_arena(a);
}

/* Of five trips the condition, which is computed from constants, ends the loop after two. */
static void test_loop(void **state) {
  (void)state;
  Arena *a = new_arena();
  Draft d;
  start(&d);
  int64_t five = 5, one = 1;
  OnnxTensor *count = add_tensor(&d, "count", DT_I64, 0, NULL), *last = add_tensor(&d, "last", DT_I64, 0, NULL);
  count->n_int64_data = last->n_int64_data = 1;
  count->int64_data = &five, last->int64_data = &one;
  OnnxNode less = ONNX_NODE__INIT, add = ONNX_NODE__INIT, *nodes[] = {&less, &add};
  OnnxValue values[5], *list[5];
  static char *of_less[] = {"i", "last", "again"}, *of_add[] = {"v", "v", "twice"};
  static char *value_names[] = {"i", "go", "v", "again", "twice"}, *of_loop[] = {"count", "", "x"};
  less.op_type = "Less", less.input = of_less, less.output = of_less + 2;
  add.op_type = "Add", add.input = of_add, add.output = of_add + 2;
  less.n_input = add.n_input = 2, less.n_output = add.n_output = 1;
  for (int i = 0; i < 5; i++) {
    onnx_value__init(&values[i]);
    values[i].name = value_names[i];
    list[i] = &values[i];
  }
  OnnxGraph body = ONNX_GRAPH__INIT;
  body.n_node = 2, body.node = nodes;
  body.n_input = 3, body.input = list;
  body.n_output = 2, body.output = list + 3;
  uint8_t bytes[256];
  OnnxAttribute attr = ONNX_ATTRIBUTE__INIT, *attrs[] = {&attr};
  attr.name = "body", attr.has_g = 1;
  attr.g = (ProtobufCBinaryData){onnx_graph__pack(&body, bytes), bytes};
  OnnxNode *loop = add_draft_node(&d, "Loop", 3, of_loop, names[1]);
  loop->n_attribute = 1, loop->attribute = attrs;
  Graph *g = read_draft(&d, a, NULL, 0);
  static const char *const expected[] = {"Less", "Add", "Less", "Add", "Identity"};
  assert_int_equal(g->n_node, 5);
  for (int i = 0; i < 5; i++) assert_string_equal(g->node[i]->op->name, expected[i]);
  assert_ptr_equal(g->node[3]->in[0], g->node[1]->out[0]);
  assert_ptr_equal(g->node[4]->in[0], g->node[3]->out[0]);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_element_types),
    cmocka_unit_test(test_floats_and_empty),
    cmocka_unit_test(test_external_data),
    cmocka_unit_test(test_order_and_constant_inputs),
    cmocka_unit_test(test_bound_dimensions),
    cmocka_unit_test(test_constant_and_attributes),
    cmocka_unit_test(test_functions),
    cmocka_unit_test(test_loop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
