/* test_interp.c - running graphs, and matrix products against the plain triple loop. */
#include <math.h>
#include <stdlib.h>

#include "ir/ir.h"
#include "tests/unit/unit.h"

static const int64_t shapes[][3] = {  /* m, n, k */
    {1, 1, 1}, {1, 10, 300}, {3, 7, 5}, {4, 4, 256}, {17, 33, 129}, {300, 5, 70}, {5, 300, 70},
    {8, 8, 1023}, {8, 8, 1024}, {8, 8, 1025}, {9, 3, 5000}, {257, 257, 40}, {4, 3, 0}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void multiplies_codes(void **state) {
  (void)state;
  uint32_t seed = 3;
  for (int s = 0; s < N_SHAPES; s++) {
    int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
    int8_t *x = malloc((size_t)(m * k) + 1), *w = malloc((size_t)(n * k) + 1);
    int32_t *acc = malloc((size_t)(m * n) * sizeof *acc);
    for (int64_t i = 0; i < m * k; i++) x[i] = i % 3 ? -128 : (int8_t)next_random(&seed);
    for (int64_t i = 0; i < n * k; i++) w[i] = i % 5 ? -128 : (int8_t)next_random(&seed);
    matmul_i32(m, n, k, x, w, acc);
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) {
        int32_t sum = 0;
        for (int64_t p = 0; p < k; p++) sum += x[i * k + p] * w[j * k + p];
        assert_int_equal(acc[i * n + j], sum);
      }
    free(x);
    free(w);
    free(acc);
  }
}

static float some_real(uint32_t *seed) { return (float)(next_random(seed) / 2147483648.0 - 1); }

static void multiplies_reals(void **state) {
  (void)state;
  uint32_t seed = 5;
  for (int s = 0; s < N_SHAPES; s++) {
    int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
    float *x = malloc((size_t)(m * k + 1) * sizeof *x);
    float *w = malloc((size_t)(n * k + 1) * sizeof *w);
    float *bias = malloc((size_t)n * sizeof *bias), *y = malloc((size_t)(m * n) * sizeof *y);
    for (int64_t i = 0; i < m * k; i++) x[i] = some_real(&seed);
    for (int64_t i = 0; i < n * k; i++) w[i] = some_real(&seed);
    for (int64_t i = 0; i < n; i++) bias[i] = some_real(&seed);
    for (int with_bias = 0; with_bias < 2; with_bias++) {
      matmul_f32(m, n, k, x, w, with_bias ? bias : NULL, y);
      for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
          double sum = with_bias ? bias[j] : 0, size = fabs(sum);
          for (int64_t p = 0; p < k; p++) sum += (double)x[i * k + p] * w[j * k + p];
          for (int64_t p = 0; p < k; p++) size += fabs((double)x[i * k + p] * w[j * k + p]);
          assert_true(fabs(y[i * n + j] - sum) <= fabs(sum) * 6e-8 + size * 1e-12);
        }
    }
    free(x);
    free(w);
    free(bias);
    free(y);
  }
}

static void count(void *ctx, const Tensor *t, const void *data) {
  (void)data;
  (void)t;
  ++*(int *)ctx;
}

static void runs_graphs(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "small");
  Tensor *x = new_tensor(g, "x", DT_F32, 1, (const int64_t[]){4});
  Tensor *two = new_scalar_f32(g, "two", 2);
  g->in = arena_grow(a, g->in, g->n_in, sizeof *g->in);
  g->in[g->n_in++] = x;
  Tensor *r = add_op(g, -1, "Relu", "r", 1, &x);
  Tensor *y = add_op(g, -1, "Mul", "y", 2, (Tensor *[]){r, two});
  Interp *it = new_interp(g), *other = new_interp(g);
  const void *in = (const float[]){-1, 2, 3, -4}, *in2 = (const float[]){5, 6, 7, 8};
  int seen = 0;
  run_interp(it, &in, count, &seen);
  run_interp(other, &in2, NULL, NULL);
  const float *v = interp_value(it, y);
  assert_int_equal(seen, 3);
  assert_true(v[0] == 0 && v[1] == 4 && v[2] == 6 && v[3] == 0);
  v = interp_value(other, y);
  assert_true(v[0] == 10 && v[3] == 16);
  set_value(it, r, (const float[]){1, 1, 1, 1});
  set_value(it, two, (const float[]){5});
  run_nodes(it, 1, 2);
  v = interp_value(it, y);
  assert_true(v[0] == 5 && v[3] == 5);
  assert_true(*(const float *)two->data == 2);
  free_interp(it);
  free_interp(other);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(multiplies_codes),
      cmocka_unit_test(multiplies_reals),
      cmocka_unit_test(runs_graphs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
