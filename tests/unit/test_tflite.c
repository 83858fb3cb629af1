/* test_tflite.c - what the TensorFlow Lite front end makes of files, right ones and broken ones.  Each test
 * writes a file and reads it. */
#include "tests/unit/tflite_case.h"

enum { F32 = 0, I32 = 2, I8 = 9 };
enum { ADD = 0, CONV = 3, DEPTHWISE = 4, DENSE = 9, POOL = 1, RESHAPE = 22, SOFTMAX = 25, SLICE = 45, CUSTOM = 32 };

static const int8_t weights[54] = {1, -2, 3, 4, -5, 6, 7, 8, -9, 10, 11, -12};
static const int8_t rows[24] = {5, -3, 2, 1, 100, -100, 7};
static const int32_t bias[3] = {100, -20, 3};
static const int32_t flat[2] = {1, 12};
static const float one_f = 1;

/* x[1,4,4,2] -> Conv 3x3 SAME, stride 2, RELU -> Reshape -> dense 2 -> Softmax */
static const DraftTensor tensors[] = {
  {.name = "x", .type = I8, .rank = 4, .dim = {1, 4, 4, 2}, .n_scale = 1, .scale = {0.5f}, .zero = 3},
  {.name = "w", .type = I8, .rank = 4, .dim = {3, 3, 3, 2}, .n_scale = 3, .scale = {0.01f, 0.02f, 0.03f}, .n_data = 54, .data = weights},
  {.name = "b", .type = I32, .rank = 1, .dim = {3}, .n_scale = 3, .scale = {0.005f, 0.01f, 0.015f}, .n_data = 12, .data = bias},
  {.name = "conv", .type = I8, .rank = 4, .dim = {1, 2, 2, 3}, .n_scale = 1, .scale = {0.25f}, .zero = -128},
  {.name = "shape", .type = I32, .rank = 1, .dim = {2}, .n_data = 8, .data = flat},
  {.name = "flat", .type = I8, .rank = 2, .dim = {1, 12}, .n_scale = 1, .scale = {0.25f}, .zero = -128},
  {.name = "rows", .type = I8, .rank = 2, .dim = {2, 12}, .n_scale = 1, .scale = {0.02f}, .n_data = 24, .data = rows},
  {.name = "dense", .type = I8, .rank = 2, .dim = {1, 2}, .n_scale = 1, .scale = {0.125f}, .zero = 4},
  {.name = "y", .type = I8, .rank = 2, .dim = {1, 2}, .n_scale = 1, .scale = {0.00390625f}, .zero = -128},
};
enum { N_TENSOR = sizeof tensors / sizeof *tensors };
static DraftOperator operators[] = {
  {.builtin = CONV, .n_in = 3, .in = {0, 1, 2}, .n_out = 1, .out = {3}, .n_option = 6, .option = {0, 2, 2, 1, 1, 1}},
  {.builtin = RESHAPE, .n_in = 2, .in = {3, 4}, .n_out = 1, .out = {5}},
  {.builtin = DENSE, .n_in = 3, .in = {5, 6, -1}, .n_out = 1, .out = {7}, .n_option = 1},
  {.builtin = SOFTMAX, .n_in = 1, .in = {7}, .n_out = 1, .out = {8}, .n_option = 1},
};

static void draft_model(Draft *d) {
  memcpy(&operators[3].option[0], &one_f, 4);
  add_model(d, N_TENSOR, tensors, 4, operators);
}

static int count_op(const Graph *g, const char *op) {
  int n = 0;
  for (int i = 0; i < g->n_node; i++) n += is_op(g->node[i], op);
  return n;
}

static void reads_a_model(void **state) {
  (void)state;
  Draft d;
  draft_model(&d);
  save(&d, d.n);
  Arena *a = new_arena();
  Graph *g = read_tflite(a, path);
  assert_int_equal(g->n_in, 1);
  assert_string_equal(g->in[0]->name, "x");
  assert_int_equal(g->in[0]->layout, LAYOUT_NHWC);
  assert_true(g->in[0]->quant->scale[0] == 0.5f && g->in[0]->quant->zero[0] == 3);
  assert_string_equal(g->out[0]->name, "y");
  assert_int_equal(count_op(g, "Conv"), 1);
  assert_int_equal(count_op(g, "Relu"), 1);
  const Tensor *w = find_tensor(g, "w");
  assert_int_equal(w->quant->axis, 0);
  assert_int_equal(((const int8_t *)w->data)[8], -9);
  free_arena(a);
}

/* No policy and no samples: straight to integers, by the file's own rule. */
static void becomes_integers(void **state) {
  (void)state;
  Draft d;
  draft_model(&d);
  save(&d, d.n);
  Arena *a = new_arena();
  Graph *g = lowered(a);
  for (int i = 0; i < g->n_node; i++) assert_int_equal(g->node[i]->out[0]->dtype, DT_I8);
  const Node *conv = NULL;
  for (int i = 0; i < g->n_node; i++)
    if (is_op(g->node[i], "QConv")) conv = g->node[i];
  assert_non_null(conv);
  assert_string_equal(attr_str(conv, "rule", ""), "tflite");
  assert_int_equal(attr_int(conv, "lo", 0), -128);
  /* 0.5 * 0.01 / 0.25 = 0.02 = 1374389522 * 2^(-5 - 31) for 0.01 as a float */
  const int32_t *m = conv->in[3]->data, *b = conv->in[2]->data;
  double scale = 0.5 * (double)0.01f / 0.25;
  assert_int_equal(m[3], -5);
  assert_int_equal(m[0], (int32_t)(scale * 68719476736.0 + 0.5));
  /* bias - zero point * sum of weights */
  int32_t sum = 0;
  for (int i = 0; i < 18; i++) sum += weights[i];
  assert_int_equal(b[0], 100 - 3 * sum);
  assert_int_equal(count_op(g, "TSoftmax"), 1);
  free_arena(a);
}

/* Codes of a bias may have more bits than a float32. */
static void keeps_long_biases(void **state) {
  (void)state;
  static const int32_t lengthy[3] = {16777217, -134217729, 8388609};
  DraftTensor t[N_TENSOR];
  Draft d;
  draft_model(&d);
  memcpy(t, tensors, sizeof t);
  int8_t own[54];
  for (int k = 0; k < 54; k++) own[k] = (int8_t)(k % 7 - 3);
  t[1].data = own, t[2].data = lengthy;
  add_model(&d, N_TENSOR, t, 4, operators);
  save(&d, d.n);
  Arena *a = new_arena();
  Graph *g = lowered(a);
  for (int i = 0; i < g->n_node; i++) {
    if (!is_op(g->node[i], "QConv")) continue;
    const int32_t *b = g->node[i]->in[2]->data;
    for (int o = 0; o < 3; o++) {
      int32_t sum = 0;
      for (int k = 0; k < 18; k++) sum += own[18 * o + k];
      assert_int_equal(b[o], lengthy[o] - 3 * sum);
    }
  }
  assert_int_equal(count_op(g, "QConv"), 1);
  free_arena(a);
}

static void survives_truncation(void **state) {
  (void)state;
  Draft d;
  draft_model(&d);
  for (uint32_t n = 0; n < d.n; n += 1 + n / 16) {
    save(&d, n);
    check_alone("truncated to", n);
  }
}

static void survives_flipped_bits(void **state) {
  (void)state;
  Draft d;
  draft_model(&d);
  change_bytes(&d, 0, 3);
}

static void says_what_is_wrong(void **state) {
  (void)state;
  Draft d;
  DraftTensor t[N_TENSOR];
  DraftOperator o[4];
  draft_model(&d);
  memcpy(d.bytes + 4, "TFL2", 4);
  save(&d, d.n);
  complains("not a TensorFlow Lite model");
  static const struct { int tensor, n_scale; float scale; int rank; const char *expected; } faults[] = {
    {0, 1, -1, 4, "tensor 0 'x': error: scale 0 is -1, expected a number above 0"},
    {1, 2, 0.1f, 4, "tensor 1 'w': error: it has 2 scales for dimension 0"},
    {3, 1, 0.1f, 3, "operator 0 (CONV_2D): error: output 0 is [1,2,2] in the file, but its inputs give [1,2,2,3]"},
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    memcpy(t, tensors, sizeof t);
    DraftTensor *bad = &t[faults[i].tensor];
    bad->n_scale = faults[i].n_scale, bad->scale[0] = faults[i].scale, bad->rank = faults[i].rank;
    add_model(&d, N_TENSOR, t, 4, operators);
    save(&d, d.n);
    complains(faults[i].expected);
  }
  memcpy(o, operators, sizeof o);
  o[0].in[0] = 40;
  add_model(&d, N_TENSOR, tensors, 4, o);
  save(&d, d.n);
  complains("operator 0 (CONV_2D): error: input 0 is tensor 40 of 9");
  o[0].in[0] = 7;
  add_model(&d, N_TENSOR, tensors, 4, o);
  save(&d, d.n);
  complains("input 0, 'dense', is made by no operator before");
  o[0].builtin = CUSTOM;
  add_model(&d, N_TENSOR, tensors, 4, o);
  save(&d, d.n);
  complains("operator 0 (custom ''): error: it is not supported");
}

int main(void) {
  if (!begin_files()) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_model),         cmocka_unit_test(becomes_integers), cmocka_unit_test(keeps_long_biases),
      cmocka_unit_test(survives_truncation),   cmocka_unit_test(survives_flipped_bits),
      cmocka_unit_test(says_what_is_wrong),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  end_files();
  return failed;
}
