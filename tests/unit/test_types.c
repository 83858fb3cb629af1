/* test_types.c - element types: names, sizes, every half and every small float, saturation. */
#include <math.h>
#include <string.h>

#include "ir/ir.h"
#include "tests/unit/unit.h"

static void names_go_both_ways(void **state) {
  (void)state;
  int named = 0;
  for (int t = 1; t < DT_COUNT; t++) {
    if (strcmp(dtype_name((DType)t), "undefined") == 0) continue;
    assert_int_equal(dtype_by_name(dtype_name((DType)t)), t);
    named++;
  }
  assert_int_equal(named, 24);
  assert_int_equal(dtype_by_name("int9"), DT_NONE);
  assert_int_equal(dtype_by_name("undefined"), DT_NONE);
  assert_int_equal(dtype_bytes(DT_I4), 1);
  assert_int_equal(dtype_bits(DT_I4), 4);
  assert_false(dtype_is_int(DT_BOOL));
  assert_true(dtype_is_float(DT_BF16));
}

/* The half's value straight from its definition. */
static double half_value(uint16_t h) {
  int e = h >> 10 & 31, f = h & 1023;
  double v = e == 0 ? f / 16777216.0 : (1024 + f) * pow(2, e - 25);
  return h & 0x8000 ? -v : v;
}

static void converts_every_half(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 65536; h++) {
    float f = half_to_float((uint16_t)h);
    if ((h & 0x7c00) == 0x7c00 && (h & 0x3ff) != 0) {
      assert_true(isnan(f));
      assert_int_equal(float_to_half(f) & 0x7fff, 0x7e00);
      continue;
    }
    if ((h & 0x7fff) == 0x7c00)
      assert_true(isinf(f));
    else
      assert_true(f == half_value((uint16_t)h));
    assert_int_equal(float_to_half(f), h);
  }
}

/* Between neighbours: just below the middle goes down, the middle to the even one, above it up. */
static void rounds_halves_to_nearest_even(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 0x7bff; h++) {
    float lo = half_to_float((uint16_t)h), hi = half_to_float((uint16_t)(h + 1));
    float middle = lo + (hi - lo) / 2;
    assert_int_equal(float_to_half(middle), h % 2 == 0 ? h : h + 1);
    assert_int_equal(float_to_half(nextafterf(middle, 0)), h);
    assert_int_equal(float_to_half(nextafterf(middle, INFINITY)), h + 1);
    assert_int_equal(float_to_half(-middle), 0x8000 | (h % 2 == 0 ? h : h + 1));
  }
  assert_int_equal(float_to_half(65519.996f), 0x7bff);
  assert_int_equal(float_to_half(65520.0f), 0x7c00);
  assert_int_equal(float_to_half(1e30f), 0x7c00);
}

static void converts_small_floats(void **state) {
  (void)state;
  static const struct { DType t; int codes; double largest; } kinds[] = {
      {DT_F8E4M3, 256, 448},     {DT_F8E5M2, 256, 57344},    {DT_F4E2M1, 16, 6},
      {DT_F8E4M3FNUZ, 256, 240}, {DT_F8E5M2FNUZ, 256, 57344}};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    for (int code = 0; code < kinds[k].codes; code++) {
      uint8_t in = (uint8_t)code, out = 0;
      double v = get_real(kinds[k].t, &in, 0);
      if (isnan(v) || isinf(v)) continue;
      set_real(kinds[k].t, &out, 0, v);
      assert_int_equal(out, in);
      assert_true(fabs(v) <= kinds[k].largest);
    }
    uint8_t out = 0;
    set_real(kinds[k].t, &out, 0, 1e9);
    assert_true(get_real(kinds[k].t, &out, 0) == kinds[k].largest);
    set_real(kinds[k].t, &out, 0, -1e9);
    assert_true(get_real(kinds[k].t, &out, 0) == -kinds[k].largest);
  }
}

static int code_of(DType t, double v, bool saturates, char mode) {
  uint8_t code;
  set_narrow(t, &code, 0, v, saturates, mode);
  return code;
}

/* What is too large, and what has no code. */
static void converts_to_narrow_floats(void **state) {
  (void)state;
  static const struct { DType t; int top, most, negative, nan, minus_zero; } kinds[] = {
      {DT_F8E4M3, 0x7e, 0x7f, 0xff, 0x7f, 0x80},     {DT_F8E4M3FNUZ, 0x7f, 0x80, 0x80, 0x80, 0},
      {DT_F8E5M2, 0x7b, 0x7c, 0xfc, 0x7f, 0x80},     {DT_F8E5M2FNUZ, 0x7f, 0x80, 0x80, 0x80, 0},
      {DT_F4E2M1, 7, 7, 0xf, 0, 8}};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    DType t = kinds[k].t;
    uint8_t nan = (uint8_t)kinds[k].nan;
    assert_int_equal(code_of(t, (double)INFINITY, true, 'u'), kinds[k].top);
    assert_int_equal(code_of(t, 1e6, false, 'u'), kinds[k].most);
    assert_int_equal(code_of(t, (double)-INFINITY, false, 'u'), kinds[k].negative);
    assert_int_equal(code_of(t, (double)NAN, true, 'u'), kinds[k].nan);
    assert_int_equal(code_of(t, -0.0, true, 'u'), kinds[k].minus_zero);
    assert_true(isnan(get_real(t, &nan, 0)) == (t != DT_F4E2M1));
  }
  assert_int_equal(code_of(DT_F8E4M3FNUZ, 0x1p-11, true, 'u'), 0); /* the middle below the smallest */
  assert_int_equal(code_of(DT_F8E4M3FNUZ, -0x1.8p-11, true, 'u'), 0x81);
  assert_int_equal(code_of(DT_F8E5M2FNUZ, 1, true, 'u'), 0x40);
}

static void converts_powers_of_two(void **state) {
  (void)state;
  for (int i = 0; i < 256; i++) {
    uint8_t in = (uint8_t)i;
    double v = get_real(DT_F8E8M0, &in, 0);
    if (i == 255) assert_true(isnan(v));
    else assert_true(v == ldexp(1, i - 127));
    for (const char *mode = "udn"; *mode; mode++) assert_int_equal(code_of(DT_F8E8M0, v, true, *mode), i);
    if (i >= 254) continue;
    assert_int_equal(code_of(DT_F8E8M0, -v * 1.25, true, 'u'), i + 1);
    assert_int_equal(code_of(DT_F8E8M0, v * 1.5, true, 'n'), i + 1);
    assert_int_equal(code_of(DT_F8E8M0, nextafter(v * 1.5, 0), true, 'n'), i);
    assert_int_equal(code_of(DT_F8E8M0, v * 1.99, true, 'd'), i);
  }
  assert_int_equal(code_of(DT_F8E8M0, 0, true, 'u'), 0);
  assert_int_equal(code_of(DT_F8E8M0, 1e300, true, 'u'), 254);
  assert_int_equal(code_of(DT_F8E8M0, 1e300, false, 'u'), 255);
  assert_int_equal(code_of(DT_F8E8M0, (double)INFINITY, true, 'u'), 255);
}

static uint16_t bfloat_of(double v) {
  uint16_t b;
  set_real(DT_BF16, &b, 0, v);
  return b;
}

/* Every bfloat16 is its own code, the middle between two the even one's; NaN stays NaN. */
static void converts_every_bfloat(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 0x8000; h++) {
    uint16_t b = (uint16_t)h, c = (uint16_t)(h + 1);
    double v = get_real(DT_BF16, &b, 0), next = get_real(DT_BF16, &c, 0), middle = v + (next - v) / 2;
    if (isnan(v)) {
      assert_true(h > 0x7f80);
      assert_int_equal(bfloat_of(v), 0x7fc0);
      continue;
    }
    assert_int_equal(bfloat_of(v), h);
    assert_int_equal(bfloat_of(-v), h | 0x8000);
    if (h + 1 >= 0x7f80) continue;
    assert_int_equal(bfloat_of(middle), h + h % 2);
    assert_int_equal(bfloat_of(nextafter(middle, 0)), h);
    assert_int_equal(bfloat_of(nextafter(-middle, -INFINITY)), 0x8000 | (h + 1));
  }
  assert_int_equal(bfloat_of(0x1.ffp127), 0x7f80); /* halfway from the largest to where infinity is */
  assert_int_equal(bfloat_of(nextafter(0x1.ffp127, 0)), 0x7f7f);
}

static void saturates_integers(void **state) {
  (void)state;
  static const struct { DType t; int64_t lo, hi; } kinds[] = {
      {DT_I8, INT8_MIN, INT8_MAX},    {DT_U8, 0, UINT8_MAX},   {DT_I16, INT16_MIN, INT16_MAX},
      {DT_U16, 0, UINT16_MAX},        {DT_I32, INT32_MIN, INT32_MAX}, {DT_U32, 0, UINT32_MAX},
      {DT_I64, INT64_MIN, INT64_MAX}, {DT_I4, -8, 7},          {DT_U4, 0, 15},
      {DT_I2, -2, 1},                 {DT_U2, 0, 3},           {DT_BOOL, 1, 1}};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    int64_t cell[2] = {0, 0};
    set_real(kinds[k].t, cell, 0, -1e30);
    assert_true(get_int(kinds[k].t, cell, 0) == kinds[k].lo);
    set_real(kinds[k].t, cell, 0, 1e30);
    assert_true(get_int(kinds[k].t, cell, 0) == kinds[k].hi);
    set_real(kinds[k].t, cell, 1, 1);
    assert_true(get_int(kinds[k].t, cell, 1) == 1);
  }
  int8_t code;
  set_real(DT_I8, &code, 0, 2.5);
  assert_int_equal(code, 2);
  set_real(DT_I8, &code, 0, -3.5);
  assert_int_equal(code, -4);
  set_real(DT_I8, &code, 0, NAN);
  assert_int_equal(code, 0);
  uint64_t big;
  set_real(DT_U64, &big, 0, 1e30);
  assert_true(big == UINT64_MAX);
}

static void measures_shapes(void **state) {
  (void)state;
  Arena *a = new_arena();
  Tensor t = {.dtype = DT_I4, .rank = 3, .dim = {3, 5, 7}}, u = t;
  assert_int_equal(n_elements(&t), 105);
  assert_int_equal(tensor_bytes(&t), 105);
  assert_int_equal(stored_bytes(&t), 105);
  t.data = a;
  assert_int_equal(stored_bytes(&t), 53);
  t.data = NULL;
  assert_string_equal(shape_text(a, &t), "[3,5,7]");
  assert_true(same_shape(&t, &u));
  u.dim[1] = -1;
  u.dim_param[1] = "N";
  assert_int_equal(n_elements(&u), -1);
  assert_string_equal(shape_text(a, &u), "[3,N,7]");
  assert_false(same_shape(&t, &u));
  t.dim[0] = t.dim[1] = INT64_C(1) << 40;
  assert_int_equal(n_elements(&t), -1);
  t.rank = 0;
  assert_int_equal(n_elements(&t), 1);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_go_both_ways),            cmocka_unit_test(converts_every_half),
      cmocka_unit_test(rounds_halves_to_nearest_even), cmocka_unit_test(converts_small_floats),
      cmocka_unit_test(converts_to_narrow_floats),     cmocka_unit_test(converts_powers_of_two),
      cmocka_unit_test(converts_every_bfloat),
      cmocka_unit_test(saturates_integers),            cmocka_unit_test(measures_shapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
