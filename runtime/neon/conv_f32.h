/* neon/conv_f32.h - float convolutions and matrix products, see fours/conv_f32.h. */
#ifndef QCC_NEON_CONV_F32_H
#define QCC_NEON_CONV_F32_H

#include "neon/float.h"
#include "fours/conv_f32.h"

QCC_KERNEL void qcc_conv_f32_neon(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                  const float *bias, void *scratch, float *y) {
  qcc_float_conv(qcc_fours_line, p, 0, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_gemm_f32_neon(const struct qcc_gemm_f32 *p, const float *x, const float *w,
                                  const float *bias, void *scratch, float *y) {
  qcc_float_gemm(qcc_fours_line, p, 0, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_matmul_f32_neon(const struct qcc_matmul_f32 *p, const float *a, const float *b,
                                    float *y) {
  qcc_float_matmul(qcc_fours_line, p, a, b, y);
}

#endif
