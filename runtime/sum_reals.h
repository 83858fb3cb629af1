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

/* The same where x has a zero point: from sums of the codes x[rows][depth] as they are, of which the zero points' share
 * is taken, modulo 2^32, as some of the parts may not fit. */
QCC_KERNEL void qcc_zero_rows(int32_t rows, int32_t n, int32_t depth, const struct qcc_act *act,
                              const struct qcc_zeros *z, int32_t x_zero, const int8_t *x, const float *s,
                              const float *b, float x_scale, float *y) {
  for (int32_t r = 0; r < rows; r++, x += depth, y += n) {
    uint32_t x_sum = z->w_zero ? (uint32_t)qcc_sum_s8(x, depth) : 0, bits;
    for (int32_t i = 0; i < n; i++) {
      int32_t sum;
      memcpy(&bits, y + i, 4);
      bits -= (uint32_t)x_zero * (uint32_t)z->w_sum[i] + (uint32_t)qcc_w_zero(z, i) * x_sum;
      memcpy(&sum, &bits, 4);
      float scale = x_scale * s[i], product = (float)sum * scale;
      y[i] = product + (b ? b[i] : 0.0f);
    }
    if (act->kind != QCC_ACT_NONE)
      qcc_activate_f32(act, n, y, y);
  }
}

#endif
