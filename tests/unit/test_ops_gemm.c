/* test_ops_gemm.c - Gemm and MatMul of float64 against plain sums, exact, and beyond what float32 holds. */
#include "op_fixture.h"

static double element(const Tensor *t, int64_t i) { return ((const double *)t->data)[i]; }

/* Element [i][j] of a matrix that may be stored as its transpose. */
static double entry(const Tensor *t, bool turned, int64_t i, int64_t j) {
  return element(t, turned ? j * t->dim[1] + i : i * t->dim[1] + j);
}

/* C[i][j], broadcast. */
static double addend(const Tensor *c, int64_t i, int64_t j) {
  int64_t columns = c->rank ? c->dim[c->rank - 1] : 1, rows = c->rank == 2 ? c->dim[0] : 1;
  return element(c, (rows > 1 ? i : 0) * columns + (columns > 1 ? j : 0));
}

static void gemm_is_a_sum(void **state) {
  (void)state;
  static const int64_t addends[][2] = {{3, 5}, {1, 5}, {3, 1}};
  Graph *g = new_graph(new_arena(), "gemm");
  for (int i = 0; i < 24; i++) {
    bool ta = i & 1, tb = i & 2;
    double alpha = i & 4 ? 0.5 : 1, beta = i & 4 ? 0.25 : 1;
    int64_t a[2] = {ta ? 4 : 3, ta ? 3 : 4}, b[2] = {tb ? 5 : 4, tb ? 4 : 5};
    Tensor *in[3] = {random_tensor(g, DT_F64, 2, a), random_tensor(g, DT_F64, 2, b), NULL};
    if (i % 5 < 3) in[2] = random_tensor(g, DT_F64, 2, addends[i % 5]);
    if (i % 5 == 3) in[2] = random_tensor(g, DT_F64, 0, NULL);
    Node *n = make_node(g, "Gemm", in[2] ? 3 : 2, in);
    set_int(g, n, "transA", ta), set_int(g, n, "transB", tb);
    set_float(g, n, "alpha", alpha), set_float(g, n, "beta", beta);
    const Tensor *y = run_node(g, n);
    assert_int_equal(y->dtype, DT_F64);
    for (int64_t r = 0; r < 3; r++)
      for (int64_t c = 0; c < 5; c++) {
        double sum = 0;
        for (int64_t k = 0; k < 4; k++) sum += entry(in[0], ta, r, k) * entry(in[1], tb, k, c);
        assert_true(element(y, r * 5 + c) == alpha * sum + (in[2] ? beta * addend(in[2], r, c) : 0));
      }
  }
  free_arena(g->arena);
}

static void matmul_broadcasts_batches(void **state) {
  (void)state;
  Graph *g = new_graph(new_arena(), "matmul");
  int64_t a[4] = {2, 1, 3, 4}, b[3] = {5, 4, 2};
  Tensor *in[2] = {random_tensor(g, DT_F64, 4, a), random_tensor(g, DT_F64, 3, b)};
  const Tensor *y = run_node(g, make_node(g, "MatMul", 2, in));
  assert_int_equal(n_elements(y), 2 * 5 * 3 * 2);
  for (int64_t at = 0; at < n_elements(y); at++) {
    int64_t column = at % 2, row = at / 2 % 3, second = at / 6 % 5, first = at / 30;
    double sum = 0;
    for (int64_t k = 0; k < 4; k++)
      sum += element(in[0], (first * 3 + row) * 4 + k) * element(in[1], (second * 4 + k) * 2 + column);
    assert_true(element(y, at) == sum);
  }
  free_arena(g->arena);
}

static void keeps_what_float32_does_not_hold(void **state) {
  (void)state;
  Graph *g = new_graph(new_arena(), "digits");
  double one[2] = {1, 0x1p-40}, ones[2] = {1, 1};
  int64_t row[2] = {1, 2}, column[2] = {2, 1};
  Tensor *in[2] = {new_const(g, "a", DT_F64, 2, row, one), new_const(g, "b", DT_F64, 2, column, ones)};
  assert_true(element(run_node(g, make_node(g, "MatMul", 2, in)), 0) == 1 + 0x1p-40);
  free_arena(g->arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gemm_is_a_sum),
      cmocka_unit_test(matmul_broadcasts_batches),
      cmocka_unit_test(keeps_what_float32_does_not_hold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
