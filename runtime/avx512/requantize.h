/* requantize.h - rule q31 on sixteen accumulators at a time: the 64-bit products of even and odd
 * lanes, of which the rounded upper halves are kept.  Multipliers are stored doubled. */
#ifndef QCC_AVX512_REQUANTIZE_H
#define QCC_AVX512_REQUANTIZE_H

#include <immintrin.h>

#include "common.h"

/* The codes as int32, not yet clamped. */
QCC_INLINE __m512i qcc_requantize_avx512(const struct qcc_rescale *r, __m512i acc, __m512i m2) {
  const __m512i half = _mm512_set1_epi64(INT64_C(0x80000000));
  acc = _mm512_sllv_epi32(acc, _mm512_set1_epi32(r->shift > 0 ? r->shift : 0));
  acc = _mm512_srav_epi32(acc, _mm512_set1_epi32(r->shift < 0 ? -r->shift : 0));
  __m512i even = _mm512_mul_epi32(acc, m2);
  __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(acc, 32), _mm512_srli_epi64(m2, 32));
  even = _mm512_srli_epi64(_mm512_add_epi64(even, half), 32);
  odd = _mm512_add_epi64(odd, half);
  return _mm512_add_epi32(_mm512_mask_blend_epi32(0xaaaa, even, odd), _mm512_set1_epi32(r->zero));
}

/* Sixteen codes in order. */
QCC_INLINE __m128i qcc_pack_avx512(const struct qcc_rescale *r, __m512i v) {
  __m128i bytes = _mm512_cvtsepi32_epi8(v);
  bytes = _mm_max_epi8(bytes, _mm_set1_epi8((char)r->lo));
  return _mm_min_epi8(bytes, _mm_set1_epi8((char)r->hi));
}

/* Sixty-four codes; v[n] holds, of each quarter of sixteen, the elements 4n to 4n + 3. */
QCC_INLINE __m512i qcc_pack4_avx512(const struct qcc_rescale *r, const __m512i *v) {
  __m512i low = _mm512_packs_epi32(v[0], v[1]), high = _mm512_packs_epi32(v[2], v[3]);
  __m512i bytes = _mm512_packs_epi16(low, high);
  bytes = _mm512_max_epi8(bytes, _mm512_set1_epi8((char)r->lo));
  return _mm512_min_epi8(bytes, _mm512_set1_epi8((char)r->hi));
}

QCC_INLINE void qcc_table_row(const int8_t *table, int32_t n, int8_t *y) {
  for (int32_t i = 0; i < n; i++) y[i] = table[y[i] + 128];
}

#endif
