/* softmax_f32.h - float softmax and its logarithm over the middle dimension of x[outer][n][inner];
 * the largest element is subtracted first, so that exp never overflows.  y may be x. */
#ifndef QCC_SOFTMAX_F32_H
#define QCC_SOFTMAX_F32_H

#include <math.h>

#include "real.h"

/* The largest of n elements that are `step` apart. */
QCC_INLINE float qcc_largest_real(int t, int32_t n, int32_t step, const void *x) {
  float max = qcc_get(t, x, 0);
  for (int32_t i = 1; i < n; i++)
    max = qcc_get(t, x, i * step) > max ? qcc_get(t, x, i * step) : max;
  return max;
}

/* The powers are kept in y where it can, else in scratch. */
QCC_INLINE void qcc_softmax_real(int t, int32_t outer, int32_t n, int32_t inner, const void *x,
                                 void *scratch, void *y) {
  for (int32_t o = 0; o < outer * inner; o++) {
    int32_t at = o / inner * n * inner + o % inner, step = t == QCC_F16 ? 1 : inner;
    const void *from = qcc_at(t, x, at);
    void *to = qcc_place(t, y, at);
    float *e = qcc_sums(t, scratch, to), max = qcc_largest_real(t, n, inner, from), sum = 0.0f;
    for (int32_t i = 0; i < n; i++) {
      e[i * step] = expf(qcc_get(t, from, i * inner) - max);
      sum += e[i * step];
    }
    for (int32_t i = 0; i < n; i++)
      qcc_put(t, to, i * inner, e[i * step] / sum);
  }
}

QCC_INLINE void qcc_logsoftmax_real(int t, int32_t outer, int32_t n, int32_t inner, const void *x,
                                    void *y) {
  for (int32_t o = 0; o < outer * inner; o++) {
    int32_t at = o / inner * n * inner + o % inner;
    const void *from = qcc_at(t, x, at);
    void *to = qcc_place(t, y, at);
    float max = qcc_largest_real(t, n, inner, from), sum = 0.0f, log_sum;
    for (int32_t i = 0; i < n; i++)
      sum += expf(qcc_get(t, from, i * inner) - max);
    log_sum = logf(sum);
    for (int32_t i = 0; i < n; i++)
      qcc_put(t, to, i * inner, qcc_get(t, from, i * inner) - max - log_sum);
  }
}

QCC_KERNEL void qcc_softmax_f32(int32_t outer, int32_t n, int32_t inner, const float *x, float *y) {
  qcc_softmax_real(QCC_F32, outer, n, inner, x, NULL, y);
}

QCC_KERNEL void qcc_logsoftmax_f32(int32_t outer, int32_t n, int32_t inner, const float *x,
                                   float *y) {
  qcc_logsoftmax_real(QCC_F32, outer, n, inner, x, y);
}

/* Scratch: n floats. */
QCC_KERNEL void qcc_softmax_f16(int32_t outer, int32_t n, int32_t inner, const uint16_t *x,
                                void *scratch, uint16_t *y) {
  qcc_softmax_real(QCC_F16, outer, n, inner, x, scratch, y);
}

QCC_KERNEL void qcc_logsoftmax_f16(int32_t outer, int32_t n, int32_t inner, const uint16_t *x,
                                   uint16_t *y) {
  qcc_logsoftmax_real(QCC_F16, outer, n, inner, x, y);
}

#endif
