/* softmax_f32.h - float softmax and its logarithm over the middle dimension of x[outer][n][inner];
 * the largest element is subtracted first, so that exp never overflows.  y may be x. */
#ifndef QCC_SOFTMAX_F32_H
#define QCC_SOFTMAX_F32_H

#include "exp_f32.h"
#include "reduce_line.h"

/* n elements that are `inner` apart; their powers are kept in e, `step` apart. */
QCC_INLINE void qcc_softmax_line(int t, int32_t n, int32_t inner, int32_t step, const void *x,
                                 float *e, void *y) {
  float max = qcc_reduce_every(QCC_REDUCE_MAX, t, n, inner, x), sum;
  for (int32_t i = 0; i < n; i++)
    e[i * step] = qcc_exp(qcc_get(t, x, i * inner) - max);
  sum = qcc_reduce_every(QCC_REDUCE_SUM, QCC_F32, n, step, e);
  for (int32_t i = 0; i < n; i++)
    qcc_put(t, y, i * inner, e[i * step] / sum);
}

/* The powers are kept in y where it can, else in scratch. */
QCC_INLINE void qcc_softmax_real(int t, int32_t outer, int32_t n, int32_t inner, const void *x,
                                 void *scratch, void *y) {
  for (int32_t o = 0; o < outer * inner; o++) {
    int32_t at = o / inner * n * inner + o % inner;
    const void *from = qcc_at(t, x, at);
    void *to = qcc_place(t, y, at);
    float *e = qcc_float_sums(t, scratch, to);
    if (inner == 1) /* vectors of neighbours */
      qcc_softmax_line(t, n, 1, 1, from, e, to);
    else
      qcc_softmax_line(t, n, inner, t == QCC_F16 ? 1 : inner, from, e, to);
  }
}

QCC_INLINE void qcc_logsoftmax_real(int t, int32_t outer, int32_t n, int32_t inner, const void *x,
                                    void *y) {
  for (int32_t o = 0; o < outer * inner; o++) {
    int32_t at = o / inner * n * inner + o % inner;
    const void *from = qcc_at(t, x, at);
    void *to = qcc_place(t, y, at);
    float max = qcc_reduce_every(QCC_REDUCE_MAX, t, n, inner, from), sum = 0.0f, log_sum;
    for (int32_t i = 0; i < n; i++)
      sum += qcc_exp(qcc_get(t, from, i * inner) - max);
    log_sum = qcc_log(sum);
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
