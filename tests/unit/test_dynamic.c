/* test_dynamic.c - activations whose scales are found at run time. */
#include <math.h>
#include <string.h>

#include "ir/policy.h"
#include "passes/passes.h"
#include "tests/unit/op_fixture.h"

enum { ROWS = 3, DEPTH = 24, HIDDEN = 16, COLS = 5 };

static Node *add_gemm(Graph *g, Tensor *x, int64_t cols) {
  int64_t dim[2] = {cols, x->dim[1]};
  Tensor *in[3] = {x, random_tensor(g, DT_F32, 2, dim), random_tensor(g, DT_F32, 1, dim)};
  Node *n = make_node(g, "Gemm", 3, in);
  set_int(g, n, "transB", 1);
  infer_node(g, n);
  return n;
}

/* One layer, or two with a Relu between. */
static Graph *new_layers(Arena *a, int n) {
  Graph *g = new_graph(a, "g");
  Tensor *x = new_tensor(g, "x", DT_F32, 2, (int64_t[]){ROWS, DEPTH});
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[g->n_in++] = x;
  Node *first = n > 1 ? add_gemm(g, x, HIDDEN) : NULL;
  if (first) set_str(g, first, "activation", "Clip"), set_float(g, first, "activation_min", 0);
  Node *last = add_gemm(g, first ? first->out[0] : x, COLS);
  g->out = arena_alloc(a, sizeof *g->out);
  g->out[g->n_out++] = last->out[0];
  return g;
}

/* Quantizes g by settings of activations, up to and with `pass`, on the sample; y: what its last
 * Gemm, or DGemm, makes of that. */
static void run_quantized(Graph *g, int n, const Setting *activations, Tensor *sample,
                          const char *pass, float *y) {
  Setting s[16] = {{.key = "weights.format", .value = "int8"},
                   {.key = "weights.solver", .value = "rtn"}};
  memcpy(s + 2, activations, (size_t)n * sizeof *s);
  Policy p = {.defaults = {n + 2, s}};
  PlanReport report = {0};
  void *data[1] = {sample->data};
  Samples samples = {.n = 1, .n_in = 1, .data = data};
  Context cx = {.arena = g->arena, .policy = &p, .calib = &samples, .report = &report};
  run_passes(g, &cx, "equalize", pass);
  verify_graph(g);
  const Node *last = NULL; /* or, where outliers stand apart, the sum behind it */
  for (int i = 0; i < g->n_node; i++)
    if (ends_with(g->node[i]->op->name, "Gemm") || is_op(g->node[i], "Add")) last = g->node[i];
  assert_non_null(last);
  Interp *it = new_interp(g);
  void *in = sample->data;
  int8_t codes[ROWS * DEPTH];
  if (g->in[0]->quant) quantize_reals(g->in[0], in, codes), in = codes;
  run_interp(it, (const void *const[]){in}, NULL, NULL);
  memcpy(y, interp_value(it, last->out[0]), ROWS * COLS * sizeof *y);
  free_interp(it);
}

static const Setting real = {.key = "activations.format", .value = "float"},
                     int8 = {.key = "activations.format", .value = "int8"},
             fp8 = {.key = "activations.format", .value = "fp8_e4m3"},
                     dynamic = {.key = "activations.mode", .value = "dynamic"},
                     token = {.key = "activations.granularity", .value = "token"},
                     group = {.key = "activations.granularity", .value = "group"},
                     of_four = {.key = "activations.group", .value = "4"};

static Setting columns_from(const char *threshold) {
  return (Setting){.key = "outliers.columns.threshold", .value = threshold};
}

/* On the calibration set itself, one scale per tensor is the same either way.  (Of the input: ranges
 * behind it are those of the float network.) */
static void dynamic_equals_static(void **state) {
  (void)state;
  const Setting formats[] = {int8, fp8};
  for (int k = 0; k < 2; k++) {
    Arena *a = new_arena();
    Graph *g = new_layers(a, 1), *same = clone_graph(g);
    Tensor *sample = random_tensor(g, DT_F32, 2, g->in[0]->dim);
    const Setting fixed[] = {formats[k],
                             {.key = "activations.symmetric", .value = "true"},
                             {.key = "calibration.method", .value = "minmax"}};
    float want[ROWS * COLS], got[ROWS * COLS];
    run_quantized(g, 3, fixed, sample, "quantize", want);
    run_quantized(same, 2, (Setting[]){formats[k], dynamic}, sample, "quantize", got);
    assert_memory_equal(want, got, sizeof want);
    free_arena(a);
  }
}

/* Activations that are floats of 8 bits: lowering, which lets layers write codes, keeps what simulated
 * quantization computes, with a scale of the samples and with scales of run time. */
static void lowers_floats_of_8_bits(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_layers(a, 2);
  Tensor *sample = random_tensor(g, DT_F32, 2, g->in[0]->dim);
  const Setting settings[] = {fp8, dynamic, token};
  for (int n = 1; n <= 3; n++) {
    float simulated[ROWS * COLS], lowered[ROWS * COLS];
    Graph *low = clone_graph(g);
    run_quantized(clone_graph(g), n, settings, sample, "quantize", simulated);
    run_quantized(low, n, settings, sample, "dynamic", lowered);
    for (int i = 0; i < ROWS * COLS; i++)
      assert_true(fabsf(lowered[i] - simulated[i]) <= 1e-5f * (1 + fabsf(simulated[i])));
    int layers = 0, codes = 0;
    for (int i = 0; i < low->n_node; i++) {
      layers += is_op(low->node[i], "FGemm");
      codes += is_op(low->node[i], "FGemm") && low->node[i]->out[0]->dtype == DT_I8;
    }
    assert_int_equal(layers, 2);
    assert_int_equal(codes, n == 1);
  }
  free_arena(a);
}

static double squared_error(const float *y, const float *want) {
  double sum = 0;
  for (int i = 0; i < ROWS * COLS; i++) sum += pow((double)y[i] - (double)want[i], 2);
  return sum;
}

/* Lowering keeps what simulated quantization computes, and finer scales have smaller errors on rows
 * of different sizes. */
static void finer_scales_are_nearer(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_layers(a, 2);
  Tensor *sample = random_tensor(g, DT_F32, 2, g->in[0]->dim);
  float *x = sample->data, exact[ROWS * COLS], nothing[ROWS * COLS] = {0};
  double error = INFINITY;
  for (int i = 0; i < ROWS * DEPTH; i++) x[i] *= powf(10, (float)(-i / DEPTH) - (i % 8 < 4));
  run_quantized(clone_graph(g), 1, &real, sample, "quantize", exact);
  const Setting granularity[3][4] = {
      {int8, dynamic}, {int8, dynamic, token}, {int8, dynamic, group, of_four}};
  for (int i = 0; i < 3; i++) {
    float simulated[ROWS * COLS], lowered[ROWS * COLS];
    run_quantized(clone_graph(g), i + 2, granularity[i], sample, "quantize", simulated);
    run_quantized(clone_graph(g), i + 2, granularity[i], sample, "dynamic", lowered);
    assert_true(squared_error(lowered, simulated) < 1e-8 * squared_error(exact, nothing));
    double e = squared_error(lowered, exact);
    assert_true(e < error);
    error = e;
  }
  free_arena(a);
}

/* Input columns 3 and 17 are large, as those of a transformer's residual stream. */
static Tensor *sample_with_outliers(Graph *g) {
  Tensor *sample = random_tensor(g, DT_F32, 2, g->in[0]->dim);
  float *x = sample->data;
  for (int i = 0; i < ROWS * DEPTH; i++) x[i] *= i % DEPTH == 3 || i % DEPTH == 17 ? 10 : 0.25f;
  return sample;
}

/* Columns of which none reaches the threshold change nothing; with all of them above it the network is
 * that of float16 weights; and those that are large alone make codes of the others finer. */
static void outlier_columns(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_layers(a, 2);
  Tensor *sample = sample_with_outliers(g);
  float exact[ROWS * COLS], plain[ROWS * COLS], y[ROWS * COLS], nothing[ROWS * COLS] = {0};
  Interp *it = new_interp(g);
  run_interp(it, (const void *const[]){sample->data}, NULL, NULL);
  memcpy(exact, interp_value(it, g->out[0]), sizeof exact);
  free_interp(it);
  run_quantized(clone_graph(g), 3, (Setting[]){int8, dynamic, token}, sample, "dynamic", plain);
  run_quantized(clone_graph(g), 4, (Setting[]){int8, dynamic, token, columns_from("1e9")}, sample,
                "dynamic", y);
  assert_memory_equal(y, plain, sizeof y);
  run_quantized(clone_graph(g), 4, (Setting[]){int8, dynamic, token, columns_from("0")}, sample,
                "dynamic", y);
  assert_true(squared_error(y, exact) < 1e-6 * squared_error(exact, nothing));
  Graph *split = clone_graph(g);
  run_quantized(split, 4, (Setting[]){int8, dynamic, token, columns_from("6")}, sample, "dynamic", y);
  assert_true(squared_error(y, exact) < 0.5 * squared_error(plain, exact));
  const Tensor *list = find_tensor(split, "x_columns_list");
  assert_non_null(list);
  assert_int_equal(n_elements(list), 2);
  assert_memory_equal(list->data, ((int32_t[]){3, 17}), 8);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(dynamic_equals_static),
    cmocka_unit_test(lowers_floats_of_8_bits),
    cmocka_unit_test(finer_scales_are_nearer),
    cmocka_unit_test(outlier_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
