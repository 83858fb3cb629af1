/* test_avx512_in_c.c - what avx512_in_c.h puts in the place of AVX-512 instructions, over random
 * operands with many extremes among them: against the processor's own instruction on either half
 * where AVX2 has the same one with 256 bits, and against a plain loop where it has not. */
#include "tests/kernels/avx512_in_c.h"
#include "tests/kernels/guard.h"

#include <stdbool.h>
#include <stdio.h>

enum { ROUNDS = 2000 };

/* Bytes at random; a quarter of them 0, 127, -128 or -1, sometimes for whole words. */
static Wide random_wide(void) {
  static const uint8_t extremes[] = {0, 127, 128, 255};
  Wide r;
  for (int i = 0; i < 64; i++)
    r.ub[i] = random_bits() % 4 ? (uint8_t)random_bits() : extremes[random_bits() % 4];
  for (int i = 0; i < 16; i++) {
    uint32_t kind = random_bits() % 8;
    if (kind == 0) r.d[i] = INT32_MIN;
    if (kind == 1) r.d[i] = INT32_MAX;
    if (kind == 2) r.d[i] = (int32_t)(random_bits() % 70000) - 35000; /* around int16 */
    if (kind == 3) r.d[i] = (int32_t)(random_bits() % 300) - 150;     /* around int8 */
  }
  return r;
}

/* Numbers, some of them equal, zeros of both signs, and what is not a number. */
static Wide random_floats(void) {
  static const float special[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1.0f};
  Wide r;
  for (int i = 0; i < 16; i++)
    r.s[i] = random_bits() % 3 ? random_real() : special[random_bits() % 6];
  return r;
}

static void check_halves(const char *name, Wide got, __m256i low, __m256i high) {
  Wide want;
  memcpy(want.b, &low, 32);
  memcpy(want.b + 32, &high, 32);
  for (int i = 0; i < 64; i++)
    if (got.b[i] != want.b[i])
      fail_msg("%s: byte %d is %d, expected %d", name, i, got.b[i], want.b[i]);
}

static __m256i half(const Wide *v, int upper) {
  return _mm256_loadu_si256((const __m256i *)(const void *)(v->b + 32 * upper));
}
static __m256 half_floats(const Wide *v, int upper) { return _mm256_loadu_ps(v->s + 8 * upper); }

static void test_operations_on_integers(void **state) {
  (void)state;
  for (int i = 0; i < ROUNDS; i++) {
    Wide a = random_wide(), b = random_wide();
#define TWIN(op, twin)                                                          \
  check_halves(#op, wide_##op(a, b), _mm256_##twin(half(&a, 0), half(&b, 0)),   \
               _mm256_##twin(half(&a, 1), half(&b, 1)));
    TWIN(add_epi32, add_epi32)
    TWIN(sub_epi32, sub_epi32)
    TWIN(add_epi64, add_epi64)
    TWIN(and_si512, and_si256)
    TWIN(xor_si512, xor_si256)
    TWIN(mullo_epi32, mullo_epi32)
    TWIN(mul_epi32, mul_epi32)
    TWIN(max_epi8, max_epi8)
    TWIN(min_epi8, min_epi8)
    TWIN(unpacklo_epi8, unpacklo_epi8)
    TWIN(unpackhi_epi8, unpackhi_epi8)
    TWIN(unpacklo_epi16, unpacklo_epi16)
    TWIN(unpackhi_epi16, unpackhi_epi16)
    TWIN(packs_epi32, packs_epi32)
    TWIN(packs_epi16, packs_epi16)
    TWIN(shuffle_epi8, shuffle_epi8)
    TWIN(sllv_epi32, sllv_epi32)
    TWIN(srav_epi32, srav_epi32)
    for (int k = 0; k < 16; k++) b.d[k] = random_int(-1, 40); /* shifts that do not clear all */
    TWIN(sllv_epi32, sllv_epi32)
    TWIN(srav_epi32, srav_epi32)
#undef TWIN
#define SHIFT(op, most)                                                                        \
  for (int count = 0; count <= most; count++)                                                  \
    check_halves(#op, wide_##op(a, (unsigned)count), _mm256_##op(half(&a, 0), count),          \
                 _mm256_##op(half(&a, 1), count));
    SHIFT(slli_epi16, 17)
    SHIFT(srli_epi16, 17)
    SHIFT(srli_epi64, 65)
    SHIFT(srai_epi32, 33)
#undef SHIFT
  }
}

static void test_operations_on_floats(void **state) {
  (void)state;
  for (int i = 0; i < ROUNDS; i++) {
    Wide a = random_floats(), b = random_floats(), c = random_floats();
#define TWIN(op)                                                                               \
  check_halves(#op, wide_##op(a, b),                                                           \
               _mm256_castps_si256(_mm256_##op(half_floats(&a, 0), half_floats(&b, 0))),       \
               _mm256_castps_si256(_mm256_##op(half_floats(&a, 1), half_floats(&b, 1))));
    TWIN(max_ps)
    TWIN(min_ps)
#undef TWIN
    /* Which of two results that are no numbers comes out is nobody's concern. */
    Wide got[4] = {wide_add_ps(a, b), wide_sub_ps(a, b), wide_mul_ps(a, b), wide_fmadd_ps(a, b, c)};
    for (int h = 0; h < 2; h++) {
      float want[4][8];
      __m256 left = half_floats(&a, h), right = half_floats(&b, h);
      _mm256_storeu_ps(want[0], _mm256_add_ps(left, right));
      _mm256_storeu_ps(want[1], _mm256_sub_ps(left, right));
      _mm256_storeu_ps(want[2], _mm256_mul_ps(left, right));
      _mm256_storeu_ps(want[3], _mm256_fmadd_ps(left, right, half_floats(&c, h)));
      for (int op = 0; op < 4; op++)
        for (int k = 0; k < 8; k++) {
          float v = got[op].s[8 * h + k], w = want[op][k];
          if (memcmp(&v, &w, 4) != 0 && !(isnan(v) && isnan(w)))
            fail_msg("operation %d: %g, expected %g", op, (double)v, (double)w);
        }
    }
  }
}

/* VPDPBUSD has no twin in AVX2, and VPMADDUBSW saturates. */
static void test_byte_products(void **state) {
  (void)state;
  for (int i = 0; i < ROUNDS; i++) {
    Wide sum = random_wide(), a = random_wide(), b = random_wide();
    Wide got = wide_dpbusd_epi32(sum, a, b);
    for (int k = 0; k < 16; k++) {
      int64_t want = sum.d[k];
      for (int j = 4 * k; j < 4 * k + 4; j++) want += (int64_t)a.ub[j] * b.b[j];
      assert_int_equal(got.d[k], (int32_t)(uint32_t)want);
    }
  }
  Wide most = wide_set1_epi8(-1), least = wide_set1_epi8(-128);
  assert_int_equal(wide_dpbusd_epi32(wide_setzero(), most, least).d[15], 4 * 255 * -128);
  assert_int_equal(wide_dpbusd_epi32(wide_set1_epi32(INT32_MIN), most, least).d[0],
                   INT32_MAX - 4 * 255 * 128 + 1);
}

static void test_conversions(void **state) {
  (void)state;
  for (int i = 0; i < ROUNDS; i++) {
    Wide a = random_wide();
    uint8_t from[16];
    int8_t to[16];
    memcpy(from, a.b, sizeof from);
    Wide wide = wide_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
    _mm_storeu_si128((__m128i *)(void *)to, wide_cvtsepi32_epi8(a));
    for (int k = 0; k < 16; k++) {
      assert_int_equal(wide.d[k], from[k]);
      assert_int_equal(to[k], a.d[k] < -128 ? -128 : a.d[k] > 127 ? 127 : a.d[k]);
    }
  }
}

static void test_constants_and_masks(void **state) {
  (void)state;
  assert_int_equal(wide_set1_epi8(-16).b[63], -16);
  assert_int_equal(wide_set1_epi32(INT32_MIN).d[15], INT32_MIN);
  assert_true(wide_set1_epi64(INT64_C(0x80000000)).q[7] == INT64_C(0x80000000));
  assert_true(wide_set1_ps(0.5f).s[15] == 0.5f);
  for (int i = 0; i < ROUNDS; i++) {
    Wide a = random_wide(), b = random_wide();
    uint64_t mask = (uint64_t)random_bits() << 32 | random_bits();
    Wide bytes = wide_load_bytes(mask, &a), words = wide_load_floats((uint16_t)mask, a.s);
    Wide blend = wide_mask_blend_epi32((uint16_t)mask, a, b);
    Wide quarters = wide_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)&a));
    for (int k = 0; k < 16; k++) assert_int_equal(quarters.d[k], a.d[k % 4]);
    Wide *to = new_buffer(sizeof *to), *to_words = new_buffer(sizeof *to),
         *to_16 = new_buffer(sizeof *to);
    *to = *to_words = *to_16 = b;
    wide_store_bytes(to, mask, a);
    wide_store_floats(to_words->s, (uint16_t)mask, a);
    wide_store_16_bytes(to_16, (uint16_t)mask, _mm_loadu_si128((const __m128i *)(const void *)&a));
    for (int k = 0; k < 64; k++) {
      bool set = mask >> k & 1;
      assert_int_equal(bytes.b[k], set ? a.b[k] : 0);
      assert_int_equal(to->b[k], set ? a.b[k] : b.b[k]);
      assert_int_equal(to_16->b[k], set && k < 16 ? a.b[k] : b.b[k]);
    }
    for (int k = 0; k < 16; k++) {
      bool set = mask >> k & 1;
      assert_int_equal(words.d[k], set ? a.d[k] : 0);
      assert_int_equal(blend.d[k], set ? b.d[k] : a.d[k]);
      assert_int_equal(to_words->d[k], set ? a.d[k] : b.d[k]);
    }
    free_buffers();
  }
}

int main(void) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return puts("skipped: the processor lacks AVX2"), 77;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_operations_on_integers), cmocka_unit_test(test_operations_on_floats),
      cmocka_unit_test(test_byte_products), cmocka_unit_test(test_conversions),
      cmocka_unit_test(test_constants_and_masks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
