/* x86/scale.h - the steps of rule q31 on eight sums of AVX2. */
#ifndef QCC_X86_SCALE_H
#define QCC_X86_SCALE_H

#include <immintrin.h>

#include "common.h"

QCC_INLINE __m256i qcc_shift_eight(const struct qcc_rescale *r, __m256i acc) {
  if (r->shift == 0)
    return acc;
  acc = _mm256_sllv_epi32(acc, _mm256_set1_epi32(r->shift > 0 ? r->shift : 0));
  return _mm256_srav_epi32(acc, _mm256_set1_epi32(r->shift < 0 ? -r->shift : 0));
}

/* Not yet clamped, with the zero point: the rounded upper halves of 64-bit products with doubled
 * multipliers, those of even and of odd lanes. */
QCC_INLINE __m256i qcc_upper_eight(const struct qcc_rescale *r, __m256i even, __m256i odd) {
  const __m256i half = _mm256_set1_epi64x(((int64_t)r->zero * 2 + 1) * INT64_C(0x80000000));
  even = _mm256_srli_epi64(_mm256_add_epi64(even, half), 32);
  odd = _mm256_add_epi64(odd, half);
  return _mm256_blend_epi32(even, odd, 0xaa);
}

#endif
