/* test_requantize.c - rule tflite against the two roundings of its definition, and rule q31 against floor((acc * 2^shift * m + 2^30) / 2^31), worked out with
 * division of non-negative numbers, where nothing is left to the language. */
#include "ir/ir.h"
#include "tests/unit/unit.h"

static int64_t floor_div(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int64_t reference(int64_t acc, int64_t m, int shift, int64_t zero, int64_t lo, int64_t hi) {
  int64_t moved = shift >= 0 ? acc * (INT64_C(1) << shift) : floor_div(acc, INT64_C(1) << -shift);
  int64_t y = zero + floor_div(moved * m + (INT64_C(1) << 30), INT64_C(1) << 31);
  return y < lo ? lo : y > hi ? hi : y;
}

static void check(int32_t acc, int32_t m, int shift, int32_t zero, int32_t lo, int32_t hi) {
  assert_true(requantize_q31(acc, m, shift, zero, lo, hi) ==
              reference(acc, m, shift, zero, lo, hi));
}

static void agrees_on_random_values(void **state) {
  (void)state;
  uint32_t seed = 7;
  for (int i = 0; i < 1000000; i++) {
    int shift = (int)(next_random(&seed) % 16) - 8;
    int32_t acc = (int32_t)next_random(&seed) >> next_random(&seed) % 31;
    if (shift > 0) acc /= 1 << shift;  /* the lowering proves that the shift fits */
    int32_t m = (int32_t)(next_random(&seed) >> 2 >> next_random(&seed) % 20);
    int32_t zero = (int32_t)(next_random(&seed) % 256) - 128;
    check(acc, m, shift, zero, -128, 127);
    check(acc, m, shift, zero, INT32_MIN, INT32_MAX);
  }
}

static void agrees_on_edges(void **state) {
  (void)state;
  static const int32_t accs[] = {INT32_MIN, INT32_MIN + 1, -65537, -3, -2, -1, 0,
                                 1,         2,             3,      65537, INT32_MAX - 1, INT32_MAX};
  static const int32_t ms[] = {0, 1, 2, 1 << 20, (1 << 29) - 1, 1 << 29, (1 << 30) - 1};
  for (size_t a = 0; a < sizeof accs / sizeof *accs; a++)
    for (size_t m = 0; m < sizeof ms / sizeof *ms; m++)
      for (int shift = -31; shift <= 0; shift++) {
        check(accs[a], ms[m], shift, 0, INT32_MIN, INT32_MAX);
        check(accs[a], ms[m], shift, -128, -128, 127);
        check(accs[a], ms[m], shift, 5, 5, 120);
      }
}

static void rounds_half_up(void **state) {
  (void)state;
  int32_t half = 1 << 29;  /* m for a factor of 1/4 */
  assert_int_equal(requantize_q31(2, half, 0, 0, -128, 127), 1);
  assert_int_equal(requantize_q31(-2, half, 0, 0, -128, 127), 0);
  assert_int_equal(requantize_q31(1, half, 0, 0, -128, 127), 0);
  assert_int_equal(requantize_q31(-3, half, 0, 0, -128, 127), -1);
  assert_int_equal(requantize_q31(1, half, 2, 0, -128, 127), 1);
}

/* A row is what its elements are one by one. */
static void rows(void **state) {
  (void)state;
  const int32_t acc[3] = {100, -7, 1 << 20}, bias[3] = {-50, 9, 3};
  const int32_t m[3] = {1 << 29, 12345, (1 << 30) - 1};
  int8_t plain[3], biased[3];
  for (int shift = -2; shift <= 2; shift++) {
    requantize_row(3, acc, NULL, m, shift, -5, -128, 100, plain);
    requantize_row(3, acc, bias, m, shift, -5, -128, 100, biased);
    for (int i = 0; i < 3; i++) {
      assert_int_equal(plain[i], requantize_q31(acc[i], m[i], shift, -5, -128, 100));
      assert_int_equal(biased[i], requantize_q31(acc[i] + bias[i], m[i], shift, -5, -128, 100));
    }
  }
}

/* The nearest integer to a / b; halves away from zero, or where `up` towards positive infinity. */
static int64_t nearest(int64_t a, int64_t b, bool up) {
  int64_t q = (int64_t)((a < 0 ? -a : a) / b), rest = (a < 0 ? -a : a) % b;
  if (2 * rest > b || (2 * rest == b && !(up && a < 0))) q++;
  return a < 0 ? -q : q;
}

/* The doubled product's upper half, then the right shift; a left shift before. */
static void tflite_rounds_twice(void **state) {
  (void)state;
  static const int32_t accs[] = {-70000, -3, -1, 0, 1, 2, 5, 1 << 20, -(1 << 20)};
  uint32_t seed = 3;
  for (int i = 0; i < 200000; i++) {
    int exponent = (int)(next_random(&seed) % 36) - 31;
    int32_t acc = i % 4 ? (int32_t)next_random(&seed) >> (6 + next_random(&seed) % 20) : accs[i / 4 % 9];
    int32_t m = i % 8 == 7 ? 1 << 30 : (int32_t)(next_random(&seed) >> 1 | 1u << 30);
    int64_t high = nearest((int64_t)acc * (exponent > 0 ? 1 << exponent : 1) * m, INT64_C(1) << 31, true);
    int64_t want = exponent < 0 ? nearest(high, INT64_C(1) << -exponent, false) : high;
    assert_true(scale_tflite(acc, m, exponent) == want);
  }
  int8_t y[2];
  requantize_row_tflite(2, (const int32_t[]){10, 10}, (const int32_t[]){2, -1}, (const int32_t[]){1 << 30, 1 << 30},
                        (const int32_t[]){0, -1}, 3, -128, 8, y);
  assert_int_equal(y[0], 8);  /* 12 / 2 + 3, clamped */
  assert_int_equal(y[1], 6);  /* 4.5 becomes 5 of which the half becomes 3 */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_on_random_values),
      cmocka_unit_test(agrees_on_edges),
      cmocka_unit_test(rounds_half_up),
      cmocka_unit_test(rows),
      cmocka_unit_test(tflite_rounds_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
