/* avx2/int16.h - layers of int16 codes with int8 weights by VPMADDWD: the pairs of eight channels
 * times a pair of codes in every lane. */
#ifndef QCC_AVX2_INT16_H
#define QCC_AVX2_INT16_H

#include <immintrin.h>

#include "pairs_s16.h"
#include "x86/scale.h"

QCC_INLINE __m256i qcc_avx2_load_s32(const int32_t *v) {
  return _mm256_loadu_si256((const __m256i *)(const void *)v);
}

QCC_INLINE void qcc_avx2_rows_s16(int32_t rows, int32_t pairs, const int16_t *x, int32_t x_step,
                                  const int8_t *w, int32_t acc[4][8]) {
  __m256i s[4];
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
    s[r] = qcc_avx2_load_s32(acc[r]);
  for (int32_t k = 0; k < pairs; k++, x += 2, w += 16) {
    __m256i v = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++) {
      int32_t pair;
      memcpy(&pair, x + r * x_step, sizeof pair);
      s[r] = _mm256_add_epi32(s[r], _mm256_madd_epi16(v, _mm256_set1_epi32(pair)));
    }
  }
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
    _mm256_storeu_si256((__m256i *)(void *)acc[r], s[r]);
}

QCC_INLINE void qcc_avx2_taps_s16(int32_t taps, const int16_t *v, int32_t v_step, const int8_t *w,
                                  int32_t w_step, int32_t acc[8]) {
  __m256i s = qcc_avx2_load_s32(acc);
  for (; taps > 0; taps--, v += v_step, w += w_step) {
    /* Both in the lower halves of 32 bits; the upper halves of the weights are 0. */
    __m256i x = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)v));
    __m128i eight = _mm_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)w));
    s = _mm256_add_epi32(s, _mm256_madd_epi16(x, _mm256_cvtepu16_epi32(eight)));
  }
  _mm256_storeu_si256((__m256i *)(void *)acc, s);
}

QCC_INLINE void qcc_avx2_codes_s16(const struct qcc_rescale *r, const int32_t acc[8],
                                   const int32_t m[8], int16_t y[8]) {
  __m256i s = qcc_shift_eight(r, qcc_avx2_load_s32(acc)), twice = qcc_avx2_load_s32(m);
  twice = _mm256_add_epi32(twice, twice);
  s = qcc_upper_eight(r, _mm256_mul_epi32(s, twice),
                      _mm256_mul_epi32(_mm256_srli_epi64(s, 32), _mm256_srli_epi64(twice, 32)));
  __m128i codes = _mm_packs_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
  codes = _mm_max_epi16(codes, _mm_set1_epi16((int16_t)r->lo));
  codes = _mm_min_epi16(codes, _mm_set1_epi16((int16_t)r->hi));
  _mm_storeu_si128((__m128i *)(void *)y, codes);
}

QCC_PAIRS_S16(avx2)

#endif
