/* gemm_f32.h - float fully connected layer, or pointwise convolution with rows = batch * h * w:
 * y[rows][cols] from x[rows][depth] and w[cols][depth], activation applied.
 * y must not overlap x. */
#ifndef QCC_GEMM_F32_H
#define QCC_GEMM_F32_H

#include "dot_f32.h"
#include "params_f32.h"

/* Elements tx of x and y, tw of w. */
QCC_INLINE void qcc_gemm_real(int tx, int tw, const struct qcc_gemm_f32 *p,
                              const void *QCC_RESTRICT x, const void *QCC_RESTRICT w,
                              const float *bias, void *QCC_RESTRICT y) {
  for (int32_t row = 0, at = 0; row < p->rows; row++, x = qcc_at(tx, x, p->depth))
    for (int32_t o = 0; o < p->cols; o++) {
      float sum = qcc_dot_of(tx, tw, x, qcc_at(tw, w, o * p->depth), p->depth);
      qcc_put(tx, y, at++, qcc_activate(&p->act, sum + (bias ? bias[o] : 0.0f)));
    }
}

QCC_KERNEL void qcc_gemm_f32(const struct qcc_gemm_f32 *p, const float *QCC_RESTRICT x,
                             const float *QCC_RESTRICT w, const float *bias,
                             float *QCC_RESTRICT y) {
  qcc_gemm_real(QCC_F32, QCC_F32, p, x, w, bias, y);
}

QCC_KERNEL void qcc_gemm_f32_w16(const struct qcc_gemm_f32 *p, const float *QCC_RESTRICT x,
                                 const uint16_t *QCC_RESTRICT w, const float *bias,
                                 float *QCC_RESTRICT y) {
  qcc_gemm_real(QCC_F32, QCC_F16, p, x, w, bias, y);
}

QCC_KERNEL void qcc_gemm_f32_wb16(const struct qcc_gemm_f32 *p, const float *QCC_RESTRICT x,
                                  const uint16_t *QCC_RESTRICT w, const float *bias,
                                  float *QCC_RESTRICT y) {
  qcc_gemm_real(QCC_F32, QCC_BF16, p, x, w, bias, y);
}

QCC_KERNEL void qcc_gemm_f16(const struct qcc_gemm_f32 *p, const uint16_t *QCC_RESTRICT x,
                             const uint16_t *QCC_RESTRICT w, const float *bias,
                             uint16_t *QCC_RESTRICT y) {
  qcc_gemm_real(QCC_F16, QCC_F16, p, x, w, bias, y);
}

#endif
