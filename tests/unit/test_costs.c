/* test_costs.c - fitting costs of kernels: least squares in which nothing is negative. */
#include <math.h>
#include <stdlib.h>

#include "targets/costs.h"
#include "tests/unit/unit.h"

static uint32_t state;

/* 0..1 */
static double random_unit(void) {
  state = state * 1664525u + 1013904223u;
  return (double)(state >> 8) / (1 << 24);
}

static double squared_error(int rows, int columns, const double *matrix, const double *b,
                            const double *x) {
  double sum = 0;
  for (int r = 0; r < rows; r++) {
    double e = -b[r];
    for (int i = 0; i < columns; i++) e += matrix[r * columns + i] * x[i];
    sum += e * e;
  }
  return sum;
}

enum { ROWS = 30, COLUMNS = 6 };

static void fill(double *v, int n, double lo, double hi) {
  for (int i = 0; i < n; i++) v[i] = lo + (hi - lo) * random_unit();
}

/* What was made of costs that are not negative is found again. */
static void test_exact(void **unused) {
  (void)unused;
  Arena *a = new_arena();
  const double want[COLUMNS] = {3, 0, 0.25, 700, 0, 12};
  double matrix[ROWS * COLUMNS], b[ROWS] = {0}, x[COLUMNS];
  state = 1;
  fill(matrix, ROWS * COLUMNS, 0, 100);
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < COLUMNS; i++) b[r] += matrix[r * COLUMNS + i] * want[i];
  fit_nonnegative(a, ROWS, COLUMNS, matrix, b, x);
  for (int i = 0; i < COLUMNS; i++) assert_true(fabs(x[i] - want[i]) < 1e-6 * (1 + want[i]));
  free_arena(a);
}

/* Of random problems, some with columns that depend on others: the conditions of Kuhn and Tucker. What is
 * not 0 has no slope, what is 0 would make the error larger. */
static void test_conditions(void **unused) {
  (void)unused;
  for (int round = 0; round < 200; round++) {
    Arena *a = new_arena();
    double matrix[ROWS * COLUMNS], b[ROWS], x[COLUMNS];
    state = (uint32_t)round;
    fill(matrix, ROWS * COLUMNS, round % 2 ? 0 : -1, 1);
    fill(b, ROWS, round % 3 ? 0 : -1, 1);
    for (int r = 0; r < ROWS && round % 5 == 0; r++)
      matrix[r * COLUMNS + 3] = matrix[r * COLUMNS] + 2 * matrix[r * COLUMNS + 1];
    fit_nonnegative(a, ROWS, COLUMNS, matrix, b, x);
    double least = squared_error(ROWS, COLUMNS, matrix, b, x);
    for (int i = 0; i < COLUMNS; i++) {
      double kept = x[i];
      assert_true(kept >= 0);
      for (int side = -1; side <= 1; side += 2) {
        x[i] = fmax(0, kept + side * 1e-3);
        assert_true(squared_error(ROWS, COLUMNS, matrix, b, x) > least - 1e-7);
      }
      x[i] = kept;
    }
    free_arena(a);
  }
}

/* Relative errors count, and are what the table says of the fit. */
static void test_relative(void **unused) {
  (void)unused;
  enum { CALLS = 40 };
  Arena *a = new_arena();
  double *feature = arena_alloc(a, CALLS * N_COST_FEATURES * (int64_t)sizeof *feature), took[CALLS];
  state = 9;
  for (int i = 0; i < CALLS; i++) {
    double outputs = 10 + floor(1e5 * random_unit() * random_unit());
    feature[i * N_COST_FEATURES] = 1;
    feature[i * N_COST_FEATURES + 4] = outputs;
    took[i] = (50 + 2.5 * outputs) * (i % 2 ? 1.02 : 0.98);
  }
  KernelCost k = fit_costs(a, "copy_rows", CALLS, feature, took);
  assert_true(fabs(k.cost[0] / 50 - 1) < 0.5 && fabs(k.cost[4] / 2.5 - 1) < 0.01);
  for (int i = 0; i < N_COST_FEATURES; i++) assert_true(i == 0 || i == 4 || k.cost[i] == 0);
  assert_true(k.error > 0.015 && k.error < 0.025 && k.worst >= k.error && k.worst < 0.05);
  assert_int_equal(k.calls, CALLS);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exact),
      cmocka_unit_test(test_conditions),
      cmocka_unit_test(test_relative),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
