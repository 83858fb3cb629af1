/* neon/depthwise_f32.h - float depthwise convolution, see fours/depthwise_f32.h. */
#ifndef QCC_NEON_DEPTHWISE_F32_H
#define QCC_NEON_DEPTHWISE_F32_H

#include "neon/float.h"
#include "fours/depthwise_f32.h"

QCC_KERNEL void qcc_depthwise_f32_neon(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                       const float *bias, void *scratch, float *y) {
  qcc_float_depthwise(qcc_depthwise_line_f32, p, 0, x, w, bias, scratch, y);
}

#endif
