/* test_products.c - the two products that stand for rule tflite in vectors give the codes of the rule for every sum that
 * the weights of a channel allow, halves among them; and channels that two products cannot serve are told. */
#include <stdlib.h>

#include "targets/kernels.h"
#include "tests/unit/unit.h"

enum { DEPTH = 40 };

typedef struct Fixture {
  Graph *g;
  Node *n;
  int8_t w[DEPTH];
  int32_t b[1], m[2];
} Fixture;

static void set_up(Fixture *f) {
  Graph *g = f->g = new_graph(new_arena(), "test");
  int64_t x[] = {1, DEPTH}, w[] = {1, DEPTH}, one = 1, m[] = {2, 1};
  Tensor *in[] = {new_tensor(g, "x", DT_I8, 2, x), new_const(g, "w", DT_I8, 2, w, f->w),
                  new_const(g, "b", DT_I32, 1, &one, f->b), new_const(g, "m", DT_I32, 2, m, f->m)};
  Tensor *y = new_tensor(g, "y", DT_NONE, -1, NULL);
  f->n = add_node(g, -1, "QGemm", "layer", 4, in, 1, &y);
  set_str(g, f->n, "rule", "tflite");
}

static int32_t clamp(int64_t v, int lo, int hi) { return (int32_t)(v < lo ? lo : v > hi ? hi : v); }

/* Are the codes of all sums those of the rule? */
static void check_sums(const Fixture *f, int bits, const int32_t *factor, int zero, int lo, int hi) {
  int64_t low = f->b[0], high = low;
  for (int i = 0; i < DEPTH; i++) low -= 128 * abs(f->w[i]), high += 128 * abs(f->w[i]);
  for (int64_t acc = low; acc <= high; acc++) {
    int64_t v = (acc * factor[0] + (INT64_C(1) << 30)) >> 31;
    int64_t second = (v * factor[1] + (INT64_C(1) << (bits - 1))) >> bits;
    int32_t want = clamp(zero + (int64_t)scale_tflite((int32_t)acc, f->m[0], f->m[1]), lo, hi);
    assert_int_equal(clamp(zero + second, lo, hi), want);
  }
}

static void gives_the_codes_of_the_rule(void **state) {
  (void)state;
  Fixture f;
  set_up(&f);
  uint32_t seed = 5;
  int served = 0;
  for (int i = 0; i < 200; i++) {
    int bits = 31 + i % 2, zero = (int)(next_random(&seed) % 256) - 128, lo = i % 3 ? -128 : zero, hi = 127;
    for (int k = 0; k < DEPTH; k++) f.w[k] = (int8_t)((int)(next_random(&seed) % 256) - 128);
    f.b[0] = (int32_t)(next_random(&seed) % 100000) - 50000;
    f.m[0] = i % 8 == 7 ? 1 << 30 : (int32_t)(next_random(&seed) >> 1 | 1u << 30);
    f.m[1] = -1 - i / 2 % 22;
    set_int(f.g, f.n, "y_zero", zero), set_int(f.g, f.n, "lo", lo), set_int(f.g, f.n, "hi", hi);
    int32_t factor[2];
    bool can = tflite_products(f.n, bits, factor);
    if (f.m[1] <= -2 && 2 * -f.m[1] + 8 <= bits) assert_true(can);
    if (can) check_sums(&f, bits, factor, zero, lo, hi);
    served += can;
  }
  assert_true(served > 120);
  free_arena(f.g->arena);
}

/* No shift to the right, which is no product; a multiplier of 0; sums too large to be doubled. */
static void tells_what_it_cannot(void **state) {
  (void)state;
  Fixture f;
  set_up(&f);
  int32_t factor[2];
  for (int k = 0; k < DEPTH; k++) f.w[k] = 1;
  f.b[0] = 0, f.m[0] = 1 << 30, f.m[1] = 0;
  assert_false(tflite_products(f.n, 31, factor));
  f.m[1] = -1;
  assert_true(tflite_products(f.n, 31, factor));
  assert_false(tflite_products(f.n, 32, factor));
  f.m[0] = 0, f.m[1] = 0;
  assert_true(tflite_products(f.n, 32, factor));
  assert_int_equal(factor[0], 0);
  f.m[0] = 1 << 30, f.m[1] = -9, f.b[0] = (1 << 30) - 2000;
  assert_true(tflite_products(f.n, 31, factor));
  assert_false(tflite_products(f.n, 32, factor));
  free_arena(f.g->arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_the_codes_of_the_rule),
      cmocka_unit_test(tells_what_it_cannot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
