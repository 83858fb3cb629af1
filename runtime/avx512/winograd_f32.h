/* winograd_f32.h - float convolution 3x3 with stride 1, see x86/winograd_f32.h; y may be x. */
#ifndef QCC_AVX512_WINOGRAD_F32_H
#define QCC_AVX512_WINOGRAD_F32_H

#include "avx512/float.h"
#include "x86/winograd_f32.h"

QCC_KERNEL void qcc_avx512_winograd_f32(const struct qcc_winograd *p, const struct qcc_stage *t,
                                     const float *x, const float *w, const float *b,
                                     float *scratch, float *y) {
  qcc_winograd(p, t, x, w, b, scratch, y);
}

#endif
