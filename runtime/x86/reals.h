/* reals.h - matrix products and pointwise convolutions of codes with scales of run time, to floats
 * (dynamic.h): the sums of dense.h first, then in place what they stand for.  Included behind dense.h
 * of an instruction set. */
#ifndef QCC_X86_REALS_H
#define QCC_X86_REALS_H

#include "sum_reals.h"
#include "x86/dense.h"

/* n sums at y become real numbers. */
QCC_INLINE void qcc_x86_reals_row(int32_t n, float x_scale, const float *s, const float *b, float *y) {
  int32_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i sums = _mm256_loadu_si256((const __m256i *)(const void *)(y + i));
    __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(x_scale));
    v = _mm256_mul_ps(v, _mm256_loadu_ps(s + i));
    _mm256_storeu_ps(y + i, _mm256_add_ps(v, b ? _mm256_loadu_ps(b + i) : _mm256_setzero_ps()));
  }
  qcc_reals_rest(i, n, x_scale, s, b, y);
}

QCC_INLINE void qcc_dense_reals(int32_t kind, const struct qcc_dots *v, const struct qcc_act *act,
                                const struct qcc_x_scales *t, const int8_t *x, const void *w,
                                const uint8_t *multiple, const int32_t *offset, const float *b,
                                const float *s, const float *x_scale, const struct qcc_zeros *z,
                                const int32_t *x_zero, void *scratch, float *y) {
  qcc_dense_gemm(kind, 1, v, x, w, multiple, offset, NULL, NULL, scratch, (int8_t *)(void *)y);
  int32_t rows = v->g.rows_w, n = v->g.out_c, depth = v->g.pixel / qcc_input_bytes(kind);
  if (x_zero)
    qcc_zero_rows(rows, n, depth, act, z, *x_zero, x, s, b, *x_scale, y);
  else
    qcc_reals_rows(qcc_x86_reals_row, rows, n, act, t, s, b, x_scale, y);
}

/* The kernels by name, for each kind of weights. */
#define QCC_REALS(name, kind)                                                                     \
  QCC_KERNEL void QCC_ISA(reals_##name)(                                                          \
      const struct qcc_dots *v, const struct qcc_act *act, const struct qcc_x_scales *t,          \
      const int8_t *x, const void *w, const uint8_t *multiple, const int32_t *offset,             \
      const float *b, const float *s, const float *x_scale, const struct qcc_zeros *z,            \
      const int32_t *x_zero, void *scratch, float *y) {                                           \
    qcc_dense_reals(kind, v, act, t, x, w, multiple, offset, b, s, x_scale, z, x_zero, scratch, y); \
  }
QCC_REALS(s8, 8)
QCC_REALS(s4, 4)
QCC_REALS(s2, 2)
QCC_REALS(l8, QCC_LEVELS_8)
QCC_REALS(l5, QCC_LEVELS_5)
#undef QCC_REALS

#endif
