/* test_outliers.c - weights beside the codes: what the rules promise, on random layers with fixed
 * seeds, and that what is stored gives back what was meant. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "passes/quant/quant.h"
#include "passes/quant/solvers.h"
#include "tests/unit/op_fixture.h"

enum { ROWS = 24, COLUMNS = 64, SIZE = ROWS * COLUMNS, VECTORS = 200 };

typedef struct Case {
  Graph *g;
  Tensor *w;             /* [ROWS][COLUMNS] with some large ones */
  Moments m;
  WeightChoice choice;
  Tensor *codes, *beside[3];
  float back[SIZE];      /* the decoded weights */
} Case;

static double uniform(void) { return random_int(-1000000, 1000000) / 1e6; }

static Case new_case(Arena *a, const char *solver, int64_t group) {
  Case c = {.g = new_graph(a, "g")};
  float *w = arena_alloc(a, SIZE * 4);
  double x[COLUMNS];
  for (int i = 0; i < SIZE; i++)
    w[i] = (float)((uniform() + uniform() + uniform()) * (random_int(0, 60) ? 1 : 5));
  c.w = new_const(c.g, "w", DT_F32, 2, (int64_t[]){ROWS, COLUMNS}, w);
  c.m = (Moments){.what = NEEDS_HESSIAN, .k = COLUMNS, .groups = 1, .count = VECTORS};
  c.m.hessian = arena_alloc(a, COLUMNS * COLUMNS * (int64_t)sizeof(double));
  for (int v = 0; v < VECTORS; v++) {
    for (int i = 0; i < COLUMNS; i++) x[i] = (i ? 0.5 * x[i - 1] : 0) + uniform() * (1 + i % 5);
    for (int i = 0; i < COLUMNS; i++)
      for (int j = 0; j < COLUMNS; j++) c.m.hessian[i * COLUMNS + j] += 2 * x[i] * x[j] / VECTORS;
  }
  c.choice = (WeightChoice){.format = find_format("int4"), .solver = solver, .damp = 0.01,
                            .granularity = group ? GRAN_GROUP : GRAN_CHANNEL, .group = group,
                            .act_order = true,
                            .outliers = {.rule = "squeeze", .iqr = 1.8, .sensitive = 0.0005}};
  return c;
}

/* Quantizes and decodes through the graph's own operator. */
static void solve(Case *c) {
  const char *note;
  LayerInput in = {1, NULL, &c->m};
  memset(c->beside, 0, sizeof c->beside);
  c->codes = quantize_weights(c->g, c->w, &c->choice, &in, c->beside, &note);
  Tensor *list[4] = {c->codes, c->beside[0], c->beside[1], c->beside[2]};
  Tensor *y = new_tensor(c->g, fresh_name(c->g, "y"), DT_NONE, -1, NULL);
  Node *n = add_node(c->g, -1, "Dequantize", y->name, c->beside[0] ? 4 : 1, list, 1, &y);
  infer_node(c->g, n);
  const void *data[4];
  for (int i = 0; i < n->n_in; i++) data[i] = n->in[i]->data;
  eval_node(n, data, (void *const[]){c->back});
}

static int64_t kept(const Case *c) { return c->beside[0] ? n_elements(c->beside[1]) : 0; }

/* What the layer's outputs lose. */
static double loss(const Case *c) {
  double sum = 0, e[COLUMNS];
  for (int r = 0; r < ROWS; r++) {
    for (int k = 0; k < COLUMNS; k++)
      e[k] = (double)((const float *)c->w->data)[r * COLUMNS + k] - (double)c->back[r * COLUMNS + k];
    for (int i = 0; i < COLUMNS; i++)
      for (int j = 0; j < COLUMNS; j++) sum += e[i] * c->m.hessian[i * COLUMNS + j] * e[j];
  }
  return sum;
}

/* At most the share that was asked for is kept, more of them the larger it is, and it pays. */
static void squeeze_keeps_a_share(void **state) {
  (void)state;
  static const char *const solver[] = {"rtn", "mse", "gptq"};
  for (int s = 0; s < 3; s++)
    for (int group = 0; group <= 16; group += 16) {
      Arena *a = new_arena();
      Case c = new_case(a, solver[s], group);
      solve(&c);
      double before = loss(&c), last = 2 * before;
      int64_t least = 0;
      assert_int_equal(kept(&c), 0);
      for (double rate = 0.005; rate < 0.05; rate *= 2) {
        c.choice.outliers.rate = rate;
        solve(&c);
        assert_true(kept(&c) <= (int64_t)(rate * SIZE) && kept(&c) >= least);
        assert_true(loss(&c) < 1.1 * last);
        least = kept(&c), last = loss(&c);
      }
      assert_true(least > 0 && last < 0.8 * before);
      free_arena(a);
    }
}

/* What is kept is known to a 510th of a step, by every rule and any format. */
static void kept_weights_are_exact(void **state) {
  (void)state;
  static const char *const format[] = {"int4", "int2", "ternary", "nf4", "binary"};
  for (int f = 0; f < 5; f++) {
    Arena *a = new_arena();
    Case c = new_case(a, "mse", f % 2 ? 16 : 0);
    c.choice.format = find_format(format[f]);
    c.choice.outliers.rate = 0.02;
    solve(&c);
    const uint16_t *count = c.beside[0]->data, *column = c.beside[1]->data;
    for (int64_t r = 0, at = 0; r < ROWS; r++)
      for (int i = 0; i < count[r]; i++, at++) {
        int64_t e = r * COLUMNS + column[at];
        double w = ((const float *)c.w->data)[e], unit = c.codes->quant->channel_scale[r];
        assert_true(fabs(w - (double)c.back[e]) <= 0.5001 * unit);
      }
    free_arena(a);
  }
}

/* Without a limit SpQR is GPTQ with the same scales; at 0 all is kept, and the less it is the less
 * is lost. */
static void spqr_has_limits(void **state) {
  (void)state;
  static const double threshold[] = {1e9, 2, 0.5, 0.1, 0};
  Arena *a = new_arena();
  Case c = new_case(a, "gptq", 16);
  solve(&c);
  int8_t want[SIZE];
  memcpy(want, c.codes->data, sizeof want);
  c.choice.outliers = (OutlierChoice){.rule = "spqr", .rate = 1};
  double last = 0;
  int64_t least = -1;
  for (int i = 0; i < 5; i++) {
    c.choice.outliers.threshold = threshold[i];
    solve(&c);
    if (i == 0) assert_memory_equal(c.codes->data, want, sizeof want);
    if (i > 0) assert_true(kept(&c) > least && loss(&c) < last);
    least = kept(&c), last = loss(&c);
  }
  for (int e = 0; e < SIZE; e++)
    assert_true(fabs((double)((const float *)c.w->data)[e] - (double)c.back[e]) <=
                3 * (double)c.codes->quant->channel_scale[e / COLUMNS]); /* some make up for others */
  c.choice.outliers.rate = 0.02;
  c.choice.outliers.threshold = 0.1;
  solve(&c);
  for (int r = 0; r < ROWS; r++) assert_true(((uint16_t *)c.beside[0]->data)[r] <= 2);
  free_arena(a);
}

/* A solver without a loop is asked behind it. */
static void spqr_works_with_any_solver(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, "mse", 0);
  solve(&c);
  double before = loss(&c);
  c.choice.outliers = (OutlierChoice){.rule = "spqr", .rate = 0.05, .threshold = 0.05};
  solve(&c);
  assert_true(kept(&c) > 0 && loss(&c) < before);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(squeeze_keeps_a_share), cmocka_unit_test(kept_weights_are_exact),
      cmocka_unit_test(spqr_has_limits), cmocka_unit_test(spqr_works_with_any_solver)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
