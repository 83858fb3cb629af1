/* sum_reals.h - the integer sums of layers whose inputs have scales of run time, in the memory of their
 * outputs, to the real numbers that they stand for (dynamic.h). */
#ifndef QCC_SUM_REALS_H
#define QCC_SUM_REALS_H

#include "dynamic.h"

/* n sums at y become sum * x_scale * s[i] + b[i], rounded one by one; b may be NULL. */
typedef void qcc_reals_row(int32_t n, float x_scale, const float *s, const float *b, float *y);

/* Those from i on, one by one. */
QCC_INLINE void qcc_reals_rest(int32_t i, int32_t n, float x_scale, const float *s, const float *b,
                               float *y) {
  for (; i < n; i++) {
    int32_t sum;
    memcpy(&sum, y + i, 4);
    float real = (float)sum * x_scale, product = real * s[i];
    y[i] = product + (b ? b[i] : 0.0f);
  }
}

/* Sums y[rows][n] of the codes x[rows][depth] as they are, less what their zero points and those of the weights add;
 * modulo 2^32, as some of the parts may not fit. */
QCC_KERNEL void qcc_take_zeros(const struct qcc_zeros *z, int32_t x_zero, int32_t rows, int32_t n, int32_t depth,
                               const int8_t *x, float *y) {
  for (int32_t r = 0; r < rows; r++, x += depth, y += n) {
    uint32_t x_sum = z->w_zero ? (uint32_t)qcc_sum_s8(x, depth) : 0, sum;
    for (int32_t i = 0; i < n; i++) {
      memcpy(&sum, y + i, 4);
      sum -= (uint32_t)x_zero * (uint32_t)z->w_sum[i] + (uint32_t)qcc_w_zero(z, i) * x_sum;
      memcpy(y + i, &sum, 4);
    }
  }
}

/* y[rows][n] */
QCC_INLINE void qcc_reals_rows(qcc_reals_row *row, int32_t rows, int32_t n, const struct qcc_act *act,
                               const struct qcc_x_scales *t, const float *s, const float *b,
                               const float *x_scale, float *y) {
  for (int32_t r = 0; r < rows; r++, y += n) {
    row(n, x_scale[r / t->rows], s, b, y);
    if (act->kind != QCC_ACT_NONE)
      qcc_activate_f32(act, n, y, y);
  }
}

#endif
