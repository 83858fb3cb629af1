/* gemm_f32_w8.h - float fully connected layer, or pointwise convolution, whose weights are codes
 * of 8, 4 or 2 bits: each output channel is decoded once into scratch[depth] and used for every row.
 * y must not overlap x. */
#ifndef QCC_GEMM_F32_W8_H
#define QCC_GEMM_F32_W8_H

#include "codes_f32.h"
#include "gemm_f32.h"

/* One decoded output channel of every row; y at the channel. */
QCC_KERNEL void qcc_gemm_column_f32(const struct qcc_gemm_f32 *p, const float *QCC_RESTRICT x,
                                    const float *QCC_RESTRICT w, float bias,
                                    float *QCC_RESTRICT y) {
  for (int32_t row = 0; row < p->rows; row++)
    y[row * p->cols] = qcc_activate(&p->act, qcc_dot_f32(x + row * p->depth, w, p->depth) + bias);
}

QCC_KERNEL void qcc_gemm_f32_w8(const struct qcc_gemm_f32 *p, const struct qcc_codes *q,
                                const float *QCC_RESTRICT x, const void *w, const float *scale,
                                const uint8_t *multiple, const float *bias,
                                float *QCC_RESTRICT scratch, float *QCC_RESTRICT y) {
  for (int32_t o = 0; o < p->cols; o++) {
    qcc_decode_row(q, o, p->depth, w, scale, multiple, scratch);
    qcc_gemm_column_f32(p, x, scratch, bias ? bias[o] : 0.0f, y + o);
  }
}

#endif
