/* x86/elements.h - products of two tensors in int8 codes with AVX2, sixteen at a time.  Products of
 * int16 come as lower and upper halves; interleaved, they are sums 0 to 3 and 8 to 11, and the others,
 * and packing puts them in order again.  y may be a or b where that one has y's shape. */
#ifndef QCC_X86_ELEMENTS_H
#define QCC_X86_ELEMENTS_H

#include <immintrin.h>

#include "mul_s8.h"
#include "rows_s8.h"
#include "x86/scale.h"

QCC_INLINE __m256i qcc_avx2_scale(const struct qcc_mul *p, __m256i sums) {
  __m256i m2 = _mm256_set1_epi32(2 * p->m);
  sums = qcc_shift_eight(&p->out, sums);
  return qcc_upper_eight(&p->out, _mm256_mul_epi32(sums, m2),
                         _mm256_mul_epi32(_mm256_srli_epi64(sums, 32), m2));
}

QCC_INLINE void qcc_avx2_mul_sixteen(const void *params, const int8_t *a, const int8_t *b,
                                     int8_t *y) {
  const struct qcc_mul *p = (const struct qcc_mul *)params;
  __m256i u = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)a));
  __m256i v = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)b));
  u = _mm256_sub_epi16(u, _mm256_set1_epi16((int16_t)p->a_zero));
  v = _mm256_sub_epi16(v, _mm256_set1_epi16((int16_t)p->b_zero));
  __m256i low = _mm256_mullo_epi16(u, v), high = _mm256_mulhi_epi16(u, v);
  __m256i words = _mm256_packs_epi32(qcc_avx2_scale(p, _mm256_unpacklo_epi16(low, high)),
                                     qcc_avx2_scale(p, _mm256_unpackhi_epi16(low, high)));
  __m128i bytes =
      _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  bytes = _mm_max_epi8(bytes, _mm_set1_epi8((char)p->out.lo));
  bytes = _mm_min_epi8(bytes, _mm_set1_epi8((char)p->out.hi));
  _mm_storeu_si128((__m128i *)(void *)y, bytes);
}

QCC_BY_SIXTEEN(mul, avx2)

#endif
