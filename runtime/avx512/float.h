/* float.h - the few vector operations that the float kernels of runtime/x86 are written in, with
 * sixteen lanes. */
#ifndef QCC_AVX512_FLOAT_H
#define QCC_AVX512_FLOAT_H

#include <immintrin.h>

#include "common.h"

typedef __m512 qcc_floats;

/* Floats of a vector; pixels of a tile of two vectors, and of one. */
enum { QCC_LANES = 16, QCC_FLOAT_TILE = 8, QCC_FLOAT_NARROW = 8 };

QCC_INLINE qcc_floats qcc_load_floats(const float *p) { return _mm512_loadu_ps(p); }
QCC_INLINE void qcc_store_floats(float *p, qcc_floats v) { _mm512_storeu_ps(p, v); }
QCC_INLINE qcc_floats qcc_spread(float v) { return _mm512_set1_ps(v); }
QCC_INLINE qcc_floats qcc_multiply_add(qcc_floats a, qcc_floats b, qcc_floats sum) {
  return _mm512_fmadd_ps(a, b, sum);
}
QCC_INLINE qcc_floats qcc_multiply(qcc_floats a, qcc_floats b) { return _mm512_mul_ps(a, b); }
QCC_INLINE qcc_floats qcc_add(qcc_floats a, qcc_floats b) { return _mm512_add_ps(a, b); }
QCC_INLINE qcc_floats qcc_subtract(qcc_floats a, qcc_floats b) { return _mm512_sub_ps(a, b); }
/* The second operand where one of them is not a number. */
QCC_INLINE qcc_floats qcc_larger(qcc_floats a, qcc_floats b) { return _mm512_max_ps(a, b); }
QCC_INLINE qcc_floats qcc_smaller(qcc_floats a, qcc_floats b) { return _mm512_min_ps(a, b); }
/* The first n lanes; the others are 0 and their memory is not touched. */
QCC_INLINE qcc_floats qcc_load_some(const float *p, int32_t n) {
  return _mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (16 - qcc_min(16, n))), p);
}
QCC_INLINE void qcc_store_some(float *p, int32_t n, qcc_floats v) {
  _mm512_mask_storeu_ps(p, (__mmask16)(0xffffu >> (16 - qcc_min(16, n))), v);
}

#endif
