/* test_narrow.c - narrow.h against the compiler's own element types: all codes, and numbers of any size with
 * those around the middle of two codes, to the last bit. */
#include <math.h>

#include "ir/ir.h"
#include "ir/ops/ops.h"
#include "tests/unit/op_fixture.h"

#include "runtime/narrow.h"

static const DType floats[] = {DT_F8E4M3, DT_F8E4M3FNUZ, DT_F8E5M2, DT_F8E5M2FNUZ, DT_F4E2M1};
enum { N_FLOATS = sizeof floats / sizeof *floats };

static struct qcc_fields fields_of(DType t) {
  const SmallFloat *f = small_float(t);
  return (struct qcc_fields){f->exponent_bits, f->fraction_bits, f->bias,
                             (int32_t)f->top,  (int32_t)f->infinity, (int32_t)f->nan};
}

static void same_number(double got, double want) {
  assert_true(isnan(want) ? isnan(got) : got == want && !signbit(got) == !signbit(want));
}

static void decodes_every_code(void **state) {
  (void)state;
  for (int i = 0; i < 256; i++) {
    uint8_t code = (uint8_t)i;
    for (int k = 0; k < N_FLOATS; k++) {
      uint8_t own = code & ((1 << dtype_bits(floats[k])) - 1);
      same_number((double)qcc_narrow_to_float(fields_of(floats[k]), own), get_real(floats[k], &own, 0));
    }
    same_number((double)qcc_power_to_float(code), get_real(DT_F8E8M0, &code, 0));
  }
}

static void check_codes(double v) {
  for (int saturates = 0; saturates < 2; saturates++) {
    uint8_t code;
    for (int k = 0; k < N_FLOATS; k++) {
      DType t = floats[k];
      set_narrow(t, &code, 0, v, saturates, 'u');
      assert_int_equal(qcc_to_narrow(fields_of(t), v, saturates || dtype_bits(t) < 8), code);
    }
    for (const char *mode = "udn"; *mode; mode++) {
      set_narrow(DT_F8E8M0, &code, 0, v, saturates, *mode);
      assert_int_equal(qcc_to_power(v, saturates, *mode), code);
    }
  }
}

static void check_around(double v) {
  double near[] = {v, nextafter(v, -INFINITY), nextafter(v, INFINITY)};
  for (int i = 0; i < 3; i++) check_codes(near[i]), check_codes(-near[i]);
}

static void encodes_any_number(void **state) {
  (void)state;
  double special[] = {0, 0x1p-1074, 0x1p-1022, 0x1p-127, 0x1p127, 0x1.8p127, 0x1p1023, (double)INFINITY};
  for (size_t i = 0; i < sizeof special / sizeof *special; i++) check_around(special[i]);
  check_codes((double)NAN);
  for (int k = 0; k < N_FLOATS; k++)
    for (int i = 0; i < 1 << (dtype_bits(floats[k]) - 1); i++) {
      uint8_t code[2] = {(uint8_t)i, (uint8_t)(i + 1)};
      double v = get_real(floats[k], code, 0), next = get_real(floats[k], code, 1);
      if (!isfinite(v)) continue;
      check_around(v);
      check_around(isfinite(next) ? (v + next) / 2 : v * 1.125);
    }
  for (int i = 0; i < 20000; i++)
    check_codes(ldexp(random_int(-1000000, 1000000), random_int(-160, 120)));
}

static void keeps_low_bits(void **state) {
  (void)state;
  static const DType types[] = {DT_I4, DT_U4, DT_I2, DT_U2};
  int64_t v[] = {INT64_MIN, INT64_MAX, 0};
  for (int i = -300; i < 300; i++)
    for (int k = 0; k < 4; k++) {
      int8_t code;
      int bits = dtype_bits(types[k]);
      v[2] = i;
      for (int j = 0; j < 3; j++) {
        put_int(types[k], &code, 0, v[j]);
        assert_int_equal(k % 2 ? qcc_low_uint(v[j], bits) : qcc_low_int(v[j], bits), code);
        assert_int_equal(((uint64_t)v[j] - (uint64_t)code) & ((1u << bits) - 1), 0);
      }
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decodes_every_code), cmocka_unit_test(encodes_any_number),
      cmocka_unit_test(keeps_low_bits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
