/* wasm/conv_f32.h - float convolutions and matrix products, see fours/conv_f32.h. */
#ifndef QCC_WASM_CONV_F32_H
#define QCC_WASM_CONV_F32_H

#include "wasm/float.h"
#include "fours/conv_f32.h"

QCC_KERNEL void qcc_conv_f32_wasm(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                  const float *bias, void *scratch, float *y) {
  qcc_float_conv(qcc_fours_line, p, 0, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_gemm_f32_wasm(const struct qcc_gemm_f32 *p, const float *x, const float *w,
                                  const float *bias, void *scratch, float *y) {
  qcc_float_gemm(qcc_fours_line, p, 0, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_matmul_f32_wasm(const struct qcc_matmul_f32 *p, const float *a, const float *b,
                                    float *y) {
  qcc_float_matmul(qcc_fours_line, p, a, b, y);
}

#endif
