/* Comparing outputs: the paired test of two networks. */
#include <math.h>

#include "ir/ir.h"
#include "tests/unit/unit.h"

static void near(double got, double want) {
  if (!(fabs(got - want) <= 1e-9 * want)) fail_msg("%.12g, expected %.12g", got, want);
}

static void equal_networks_do_not_differ(void **state) {
  (void)state;
  near(sign_test(0, 0), 1);
  near(sign_test(5, 5), 1);
  near(sign_test(3, 4), 1);
}

/* By hand: 2 (1 + 8) / 2^8 of 7 to 1, 2 / 2^6 of 6 to 0. */
static void uneven_ones_do(void **state) {
  (void)state;
  near(sign_test(7, 1), 18.0 / 256);
  near(sign_test(1, 7), 18.0 / 256);
  near(sign_test(6, 0), 2.0 / 64);
  near(sign_test(15, 5), 2 * (1 + 20 + 190 + 1140 + 4845 + 15504) / 1048576.0);
}

/* Where 2^-n is no double any more. */
static void many_samples_are_no_limit(void **state) {
  (void)state;
  assert_true(sign_test(3100, 2900) > 0.0095 && sign_test(3100, 2900) < 0.0105);
  assert_true(sign_test(10000, 0) >= 0 && sign_test(10000, 0) < 1e-300);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_networks_do_not_differ),
      cmocka_unit_test(uneven_ones_do),
      cmocka_unit_test(many_samples_are_no_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
