/* test_hadamard.c - matrices of signs: orthogonal, of every order that has one, as the operator and
 * its inverse apply them, and as transforms rotate constants. */
#include <math.h>

#include "passes/quant/rotate.h"
#include "tests/unit/op_fixture.h"

/* Rows of the matrix are orthonormal, and its elements of one magnitude. */
static void matrices_are_orthogonal(void **state) {
  (void)state;
  static const int order[] = {1, 2, 4, 12, 16, 20, 24, 28, 36, 44, 60, 64, 80, 96};
  static double m[96][96];
  for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
    int n = order[k];
    assert_int_not_equal(hadamard_core(n), 0);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) m[i][j] = i == j;
      hadamard_transform(m[i], n, n, NULL, false); /* column i of the matrix */
    }
    for (int i = 0; i < n; i++)
      for (int j = 0; j <= i; j++) {
        double sum = 0;
        for (int l = 0; l < n; l++) sum += m[i][l] * m[j][l];
        assert_true(fabs(sum - (i == j)) < 1e-12);
        assert_true(fabs(fabs(m[i][j]) * sqrt(n) - 1) < 1e-12);
      }
  }
}

static void orders_without_matrix(void **state) {
  (void)state;
  static const int order[] = {0, 3, 6, 10, 14, 22, 52, 68, 92, 100, 172};
  for (size_t k = 0; k < sizeof order / sizeof *order; k++)
    assert_int_equal(hadamard_core(order[k]), 0);
  assert_int_equal(largest_hadamard(768), 768);     /* 12 * 64 */
  assert_int_equal(largest_hadamard(14336), 14336); /* 28 * 512 */
  assert_int_equal(largest_hadamard(11008), 256);   /* 43 * 256 */
  assert_int_equal(largest_hadamard(6), 2);
  assert_int_equal(largest_hadamard(7), 1);
}

/* The matrix of a power of two undoes itself. */
static void walsh_is_its_own_inverse(void **state) {
  (void)state;
  double x[128], want[128];
  for (int i = 0; i < 128; i++) x[i] = want[i] = random_int(-1000, 1000) / 7.0;
  for (int k = 0; k < 2; k++) hadamard_transform(x, 128, 32, NULL, false);
  for (int i = 0; i < 128; i++) assert_true(fabs(x[i] - want[i]) < 1e-12 * 1000);
}

/* The operator, then the one with `inverse`; outliers are spread in between. */
static void operator_and_inverse(void **state) {
  (void)state;
  static const int64_t size[][2] = {{64, 64}, {60, 20}, {96, 96}, {48, 16}, {5, 1}};
  for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "g");
    int64_t n = size[k][0], dim[3] = {2, 3, n};
    Tensor *x = random_tensor(g, DT_F32, 3, dim), *signs = random_tensor(g, DT_I8, 1, &n);
    for (int64_t i = 0; i < n; i++) ((int8_t *)signs->data)[i] = i % 3 ? 1 : -1;
    Tensor *y = x;
    for (int inverse = 0; inverse < 2; inverse++) {
      Node *node = make_node(g, "Hadamard", 2, (Tensor *[]){y, signs});
      set_int(g, node, "block", size[k][1]), set_int(g, node, "inverse", inverse);
      y = run_node(g, node);
    }
    assert_near(y, x, 1e-6);
    free_arena(a);
  }
}

static void run_on(const Graph *g, const Tensor *x, const Tensor *y, float *got) {
  Interp *it = new_interp(g);
  const void *in = x->data;
  run_interp(it, &in, NULL, NULL);
  memcpy(got, interp_value(it, y), (size_t)tensor_bytes(y));
  free_interp(it);
}

/* z = w2 (w1 x + b): both sides of the middle rotated, then a node in front of the second. */
static void rotated_layers_compute_the_same(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  Tensor *x = new_tensor(g, "x", DT_F32, 2, (int64_t[]){3, 5});
  Tensor *w1 = random_tensor(g, DT_F32, 2, (int64_t[]){24, 5});
  Tensor *b = random_tensor(g, DT_F32, 1, (int64_t[]){24});
  Tensor *w2 = random_tensor(g, DT_F32, 2, (int64_t[]){7, 24});
  g->in = &x, g->n_in = 1;
  Node *first = make_node(g, "Gemm", 3, (Tensor *[]){x, w1, b});
  set_int(g, first, "transB", 1);
  infer_node(g, first);
  Node *second = make_node(g, "Gemm", 2, (Tensor *[]){first->out[0], w2});
  set_int(g, second, "transB", 1);
  infer_node(g, second);
  g->out = &second->out[0], g->n_out = 1;
  const Tensor *sample = random_tensor(g, DT_F32, 2, x->dim);
  float want[21], got[21];
  run_on(g, sample, g->out[0], want);
  Rotation r = new_rotation(g, 24, 0, "middle"), online = new_rotation(g, 24, 8, "again");
  assert_int_equal(r.block, 24);
  set_input(g, first, 1, rotate_columns(g, w1, &r));
  set_input(g, first, 2, rotate_columns(g, b, &r));
  set_input(g, second, 1, rotate_rows(g, w2, &r));
  for (int k = 0; k < 2; k++) {
    run_on(g, sample, g->out[0], got);
    for (int i = 0; i < 21; i++) assert_true(fabs((double)got[i] - want[i]) < 1e-5 * 1000);
    set_input(g, second, 0, add_rotation(g, 1, "y", first->out[0], &online, false));
    set_input(g, second, 1, rotate_rows(g, second->in[1], &online));
  }
  /* The same name, the same signs; another, others. */
  Rotation same = new_rotation(g, 24, 0, "middle");
  assert_memory_equal(same.sign->data, r.sign->data, 24);
  assert_memory_not_equal(online.sign->data, r.sign->data, 24);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matrices_are_orthogonal),
      cmocka_unit_test(orders_without_matrix),
      cmocka_unit_test(walsh_is_its_own_inverse),
      cmocka_unit_test(operator_and_inverse),
      cmocka_unit_test(rotated_layers_compute_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
