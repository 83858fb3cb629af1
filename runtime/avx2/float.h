/* float.h - the few vector operations that the float kernels of runtime/x86 are written in, with
 * eight lanes. */
#ifndef QCC_AVX2_FLOAT_H
#define QCC_AVX2_FLOAT_H

#include <immintrin.h>

#include "common.h"

typedef __m256 qcc_floats;

/* Floats of a vector; pixels of a tile of two vectors, and of one. */
enum { QCC_LANES = 8, QCC_FLOAT_TILE = 6, QCC_FLOAT_NARROW = 8 };

QCC_INLINE qcc_floats qcc_load_floats(const float *p) { return _mm256_loadu_ps(p); }
QCC_INLINE void qcc_store_floats(float *p, qcc_floats v) { _mm256_storeu_ps(p, v); }
QCC_INLINE qcc_floats qcc_spread(float v) { return _mm256_set1_ps(v); }
QCC_INLINE qcc_floats qcc_multiply_add(qcc_floats a, qcc_floats b, qcc_floats sum) {
  return _mm256_fmadd_ps(a, b, sum);
}
QCC_INLINE qcc_floats qcc_multiply(qcc_floats a, qcc_floats b) { return _mm256_mul_ps(a, b); }
QCC_INLINE qcc_floats qcc_add(qcc_floats a, qcc_floats b) { return _mm256_add_ps(a, b); }
QCC_INLINE qcc_floats qcc_subtract(qcc_floats a, qcc_floats b) { return _mm256_sub_ps(a, b); }
/* The second operand where one of them is not a number. */
QCC_INLINE qcc_floats qcc_larger(qcc_floats a, qcc_floats b) { return _mm256_max_ps(a, b); }
QCC_INLINE qcc_floats qcc_smaller(qcc_floats a, qcc_floats b) { return _mm256_min_ps(a, b); }

QCC_INLINE __m256i qcc_first_lanes(int32_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
/* The first n lanes; the others are 0 and their memory is not touched. */
QCC_INLINE qcc_floats qcc_load_some(const float *p, int32_t n) {
  return n >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, qcc_first_lanes(n));
}
QCC_INLINE void qcc_store_some(float *p, int32_t n, qcc_floats v) {
  if (n >= 8) _mm256_storeu_ps(p, v);
  else _mm256_maskstore_ps(p, qcc_first_lanes(n), v);
}

#endif
