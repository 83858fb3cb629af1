/* scale_shift_f32.h - y = x * scale[c] + shift[c] on x[outer][channels][inner]: a batch
 * normalization that could not be folded. inner is 1 where the channels come last. y may be x. */
#ifndef QCC_SCALE_SHIFT_F32_H
#define QCC_SCALE_SHIFT_F32_H

#include "common.h"

QCC_KERNEL void qcc_scale_shift_f32(int32_t outer, int32_t channels, int32_t inner,
                                    const float *scale, const float *shift, const float *x,
                                    float *y) {
  for (int32_t o = 0; o < outer; o++)
    for (int32_t c = 0; c < channels; c++, x += inner, y += inner)
      for (int32_t i = 0; i < inner; i++)
        y[i] = x[i] * scale[c] + shift[c];
}

#endif
