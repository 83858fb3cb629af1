/* depthwise_f32.h - float depthwise convolution, see x86/depthwise_f32.h. */
#ifndef QCC_AVX2_DEPTHWISE_F32_H
#define QCC_AVX2_DEPTHWISE_F32_H

#include "avx2/float.h"
#include "x86/depthwise_f32.h"

QCC_KERNEL void qcc_avx2_depthwise_f32(const struct qcc_fma_depthwise *p,
                                       const struct qcc_stage *t, const int32_t *tap,
                                       const float *x, const float *w, const float *b,
                                       float *scratch, float *y) {
  qcc_fma_depthwise(p, t, tap, x, w, b, scratch, y);
}

#endif
