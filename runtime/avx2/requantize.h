/* requantize.h - rule q31 on eight accumulators at a time: the 64-bit products of even and odd
 * lanes, of which the rounded upper halves are kept.  Multipliers are stored doubled. */
#ifndef QCC_AVX2_REQUANTIZE_H
#define QCC_AVX2_REQUANTIZE_H

#include <immintrin.h>

#include "common.h"

QCC_INLINE __m256i qcc_load_avx2(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* The codes as int32, not yet clamped. */
QCC_INLINE __m256i qcc_requantize_avx2(const struct qcc_rescale *r, __m256i acc, __m256i m2) {
  const __m256i half = _mm256_set1_epi64x(INT64_C(0x80000000));
  acc = _mm256_sllv_epi32(acc, _mm256_set1_epi32(r->shift > 0 ? r->shift : 0));
  acc = _mm256_srav_epi32(acc, _mm256_set1_epi32(r->shift < 0 ? -r->shift : 0));
  __m256i even = _mm256_mul_epi32(acc, m2);
  __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(acc, 32), _mm256_srli_epi64(m2, 32));
  even = _mm256_srli_epi64(_mm256_add_epi64(even, half), 32);
  odd = _mm256_add_epi64(odd, half);
  return _mm256_add_epi32(_mm256_blend_epi32(even, odd, 0xaa), _mm256_set1_epi32(r->zero));
}

/* Sixteen codes; v[n] holds, of each half of eight, the elements 4n to 4n + 3. */
QCC_INLINE __m128i qcc_pack2_avx2(const struct qcc_rescale *r, const __m256i *v) {
  __m256i words = _mm256_packs_epi32(v[0], v[1]);
  __m128i bytes =
      _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  bytes = _mm_max_epi8(bytes, _mm_set1_epi8((char)r->lo));
  return _mm_min_epi8(bytes, _mm_set1_epi8((char)r->hi));
}

/* The first n codes, through the activation's table where there is one. */
QCC_INLINE void qcc_store_avx2(__m128i bytes, const int8_t *table, int32_t n, int8_t *y) {
  int8_t code[16];
  if (n >= 16 && !table) {
    _mm_storeu_si128((__m128i *)(void *)y, bytes);
    return;
  }
  _mm_storeu_si128((__m128i *)(void *)code, bytes);
  for (int32_t i = 0; i < n && i < 16; i++) y[i] = table ? table[code[i] + 128] : code[i];
}

#endif
