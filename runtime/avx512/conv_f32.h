/* conv_f32.h - float convolution, any kernel, stride, dilation, padding and group, by way of
 * a copy in `scratch` with a border of zeros; and matrix products and pointwise convolutions,
 * which read x as it stands. */
#ifndef QCC_AVX512_CONV_F32_H
#define QCC_AVX512_CONV_F32_H

#include "avx512/float.h"
#include "x86/fma.h"

QCC_KERNEL void qcc_avx512_conv_f32(const struct qcc_fma *v, const struct qcc_stage *t,
                                    const float *x, const float *w, const float *b, float *scratch,
                                    float *y) {
  qcc_stage_f32(t, x, scratch);
  qcc_fma_groups(v, scratch, w, b, y);
}

QCC_KERNEL void qcc_avx512_gemm_f32(const struct qcc_fma *v, const float *x, const float *w,
                                    const float *b, float *y) {
  qcc_fma_all(v, x, w, b, y);
}

#endif
