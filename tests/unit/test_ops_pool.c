/* test_ops_pool.c - pools against their definition, in both layouts and on int8 codes, with and
 * without ceil_mode and count_include_pad. */
#include "op_fixture.h"

typedef struct Case {
  int64_t size[2], kernel[2], stride[2], pads[4];
  bool ceil_mode, count_pads;
} Case;

static Case random_case(void) {
  Case c = {.ceil_mode = random_int(0, 1), .count_pads = random_int(0, 1)};
  for (int d = 0; d < 2; d++) {
    c.kernel[d] = random_int(1, 4);
    c.stride[d] = random_int(1, 3);
    c.pads[d] = random_int(0, (int)c.kernel[d] - 1);
    c.pads[2 + d] = random_int(0, (int)c.kernel[d] - 1);
    c.size[d] = random_int(4, 9);
  }
  return c;
}

static Tensor *run_pool(Graph *g, const Case *c, const char *op, Tensor *x) {
  Node *n = make_node(g, op, 1, &x);
  set_ints(g, n, "kernel_shape", 2, c->kernel);
  set_ints(g, n, "strides", 2, c->stride);
  set_ints(g, n, "pads", 4, c->pads);
  set_int(g, n, "ceil_mode", c->ceil_mode);
  if (strcmp(op, "AveragePool") == 0) set_int(g, n, "count_include_pad", c->count_pads);
  return run_node(g, n);
}

static int64_t expected_size(const Case *c, int d) {
  int64_t padded = c->size[d] + c->pads[d] + c->pads[2 + d], count = 0;
  for (int64_t start = 0;; start += c->stride[d]) {
    bool fits = start + c->kernel[d] <= padded;
    bool touches = c->ceil_mode && start < c->size[d] + c->pads[d] &&
                   start < padded - c->kernel[d] + c->stride[d];
    if (!fits && !touches) return count;
    count++;
  }
}

/* Greatest (mean) element of one window. */
static double expected(const Case *c, const Tensor *x, int64_t plane, int64_t row, int64_t column,
                       bool max) {
  double best = -1e30, sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < c->kernel[0]; i++)
    for (int64_t j = 0; j < c->kernel[1]; j++) {
      int64_t r = row * c->stride[0] + i - c->pads[0], k = column * c->stride[1] + j - c->pads[1];
      bool padded = r < c->size[0] + c->pads[2] && k < c->size[1] + c->pads[3];
      bool inside = r >= 0 && k >= 0 && r < c->size[0] && k < c->size[1];
      count += c->count_pads ? padded : inside;
      if (!inside) continue;
      double v = get_real(x->dtype, x->data, (plane * c->size[0] + r) * c->size[1] + k);
      sum += v;
      best = v > best ? v : best;
    }
  return max ? best : sum / (double)count;
}

static void check_pool(const Case *c, const Tensor *x, const Tensor *y, bool max) {
  assert_int_equal(y->dim[2], expected_size(c, 0));
  assert_int_equal(y->dim[3], expected_size(c, 1));
  for (int64_t p = 0; p < y->dim[0] * y->dim[1]; p++)
    for (int64_t i = 0; i < y->dim[2]; i++)
      for (int64_t j = 0; j < y->dim[3]; j++) {
        double want = expected(c, x, p, i, j, max);
        double got = get_real(y->dtype, y->data, (p * y->dim[2] + i) * y->dim[3] + j);
        assert_true(got - want < 1e-5 && want - got < 1e-5);
      }
}

static void pools_are_their_definition(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "pool");
    Case c = random_case();
    int64_t dim[4] = {2, 3, c.size[0], c.size[1]};
    Tensor *x = random_tensor(g, DT_F32, 4, dim), *codes = random_tensor(g, DT_I8, 4, dim);
    Tensor *max = run_pool(g, &c, "MaxPool", x), *mean = run_pool(g, &c, "AveragePool", x);
    Tensor *code = run_pool(g, &c, "MaxPool", codes);
    check_pool(&c, x, max, true);
    check_pool(&c, x, mean, false);
    check_pool(&c, codes, code, true);
    assert_int_equal(code->dtype, DT_I8);
    assert_same(channels_first(g, run_pool(g, &c, "MaxPool", channels_last(g, x))), max);
    assert_same(channels_first(g, run_pool(g, &c, "AveragePool", channels_last(g, x))), mean);
    assert_same(channels_first(g, run_pool(g, &c, "MaxPool", channels_last(g, codes))), code);
    free_arena(a);
  }
}

static void global_pools_cover_the_plane(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "global");
  Tensor *x = random_tensor(g, DT_F32, 4, (int64_t[]){2, 3, 5, 4});
  Case c = {.size = {5, 4}, .kernel = {5, 4}, .stride = {1, 1}};
  assert_same(run_node(g, make_node(g, "GlobalAveragePool", 1, &x)),
              run_pool(g, &c, "AveragePool", x));
  assert_same(run_node(g, make_node(g, "GlobalMaxPool", 1, &x)), run_pool(g, &c, "MaxPool", x));
  Tensor *last = channels_last(g, x);
  assert_same(channels_first(g, run_node(g, make_node(g, "GlobalAveragePool", 1, &last))),
              run_pool(g, &c, "AveragePool", x));
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pools_are_their_definition),
      cmocka_unit_test(global_pools_cover_the_plane),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
