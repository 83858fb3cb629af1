/* gemm_f32.h - float fully connected layer, or pointwise convolution with rows = batch * h * w:
 * y[rows][cols] from x[rows][depth] and w[cols][depth], activation applied.
 * y must not overlap x. */
#ifndef QCC_GEMM_F32_H
#define QCC_GEMM_F32_H

#include "dot_f32.h"
#include "params_f32.h"

QCC_KERNEL void qcc_gemm_f32(const struct qcc_gemm_f32 *p, const float *QCC_RESTRICT x,
                             const float *QCC_RESTRICT w, const float *bias,
                             float *QCC_RESTRICT y) {
  for (int32_t row = 0; row < p->rows; row++, x += p->depth, y += p->cols)
    for (int32_t o = 0; o < p->cols; o++)
      y[o] = qcc_activate(&p->act, qcc_dot_f32(x, w + o * p->depth, p->depth) +
                                       (bias ? bias[o] : 0.0f));
}

#endif
