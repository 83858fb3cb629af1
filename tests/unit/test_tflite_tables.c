/* test_tflite_tables.c - functions of one code by rule tflite: what TensorFlow Lite Micro's reference kernels gave for
 * every seventeenth code; numbers that the rounded real function does not give are among them. */
#include <math.h>

#include "passes/lower/lower.h"
#include "tests/unit/unit.h"

enum { STEP = 17, N = 16 };

static const struct Case {
  const char *op;
  float x_scale;
  int32_t x_zero;
  float y_scale;
  int32_t y_zero;
  int8_t y[N];
} cases[] = {
    {"Sigmoid", 0.00653f, -76, 0.00390625f, -128,
     {-22, -15, -8, 0, 7, 14, 21, 28, 34, 41, 47, 53, 59, 64, 69, 74}},
    {"Tanh", 0.0129f, -45, 0.0078125f, 0,
     {-101, -89, -72, -50, -24, 3, 31, 56, 76, 92, 103, 112, 117, 121, 123, 125}},
    {"HardSwish", 0.0259f, -113, 0.055f, 19,
     {16, 19, 24, 30, 37, 45, 55, 65, 76, 84, 92, 100, 108, 116, 124, 127}},
    {"LeakyRelu", 0.0822f, 50, 0.173f, -112,
     {-123, -122, -121, -120, -119, -118, -117, -116, -115, -114, -113, -107, -99, -91, -83, -75}},
    {"Relu", 0.257f, -16, 0.516f, 71,
     {71, 71, 71, 71, 71, 71, 71, 75, 83, 92, 100, 109, 117, 126, 127, 127}},
    {"Dequantize", 0.0722f, -61, 0.175f, 31,
     {3, 10, 17, 24, 32, 39, 46, 53, 60, 67, 74, 81, 88, 95, 102, 109}},
};

static Tensor *codes(Graph *g, const char *name, float scale, int32_t zero) {
  Tensor *t = new_tensor(g, name, DT_I8, 1, (int64_t[]){4});
  t->quant = new_quant(g, find_format("int8"), -1, 0, 1);
  t->quant->scale[0] = scale, t->quant->zero[0] = zero;
  return t;
}

static Node *function_of(Graph *g, const char *op, Tensor *x) {
  Tensor *y = new_tensor(g, "real", DT_NONE, -1, NULL);
  Node *n = add_node(g, -1, op, "f", 1, &x, 1, &y);
  if (is_op(n, "LeakyRelu")) set_float(g, n, "alpha", 0.125);
  return n;
}

static void are_those_of_the_reference(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct Case *c = &cases[i];
    Arena *a = new_arena();
    Graph *g = new_graph(a, "g");
    Tensor *x = codes(g, "x", c->x_scale, c->x_zero);
    int8_t table[256];
    assert_true(tflite_table(function_of(g, c->op, x), x, codes(g, "y", c->y_scale, c->y_zero), table));
    for (int k = 0; k < N; k++)
      if (table[STEP * k] != c->y[k])
        fail_msg("%s: code %d is %d, expected %d", c->op, STEP * k - 128, table[STEP * k], c->y[k]);
    free_arena(a);
  }
}

/* The fixed output scale of Sigmoid and Tanh; other functions have no such form. */
static void asks_for_its_scale(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  Tensor *x = codes(g, "x", 0.1f, 0);
  int8_t table[256];
  assert_false(tflite_table(function_of(g, "Sigmoid", x), x, codes(g, "y", 0.01f, -128), table));
  assert_false(tflite_table(function_of(g, "Exp", x), x, codes(g, "z", 0.01f, -128), table));
  free_arena(a);
}

static void functions_are_close(void **state) {
  (void)state;
  for (int k = -64; k <= 64; k++) {
    double x = k / 8.0, s = 1 / (1 + exp(-x));
    int32_t v = (int32_t)(x * (1 << 27));
    assert_true(fabs(ldexp(fixed_sigmoid(v), -31) - s) < 1e-6);
    assert_true(fabs(ldexp(fixed_tanh(v), -31) - tanh(x)) < 1e-6);
    if (k <= 0) assert_true(fabs(ldexp(fixed_exp(v, 4), -31) - exp(x)) < 1e-6);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(are_those_of_the_reference), cmocka_unit_test(asks_for_its_scale),
                                     cmocka_unit_test(functions_are_close)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
