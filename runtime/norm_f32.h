/* norm_f32.h - float normalizations whose mean and variance come from the data: over the last
 * dimension (LayerNormalization), and per channel over the pixels of an NHWC image
 * (InstanceNormalization).  Two passes, so that the variance does not cancel.  y may be x. */
#ifndef QCC_NORM_F32_H
#define QCC_NORM_F32_H

#include <math.h>

#include "common.h"

/* Mean and 1 / sqrt(variance + epsilon) of n elements that are `step` apart. */
QCC_KERNEL void qcc_moments_f32(int32_t n, int32_t step, float epsilon, const float *x, float *mean,
                                float *inverse) {
  float sum = 0.0f, squares = 0.0f, mid;
  for (int32_t i = 0; i < n; i++)
    sum += x[i * step];
  mid = sum / (float)n;
  for (int32_t i = 0; i < n; i++)
    squares += (x[i * step] - mid) * (x[i * step] - mid);
  *mean = mid;
  *inverse = 1.0f / sqrtf(squares / (float)n + epsilon);
}

QCC_KERNEL void qcc_layernorm_f32(int32_t rows, int32_t n, float epsilon, const float *scale,
                                  const float *shift, const float *x, float *y) {
  for (int32_t row = 0; row < rows; row++, x += n, y += n) {
    float mean, inverse;
    qcc_moments_f32(n, 1, epsilon, x, &mean, &inverse);
    for (int32_t i = 0; i < n; i++)
      y[i] = (x[i] - mean) * inverse * scale[i] + (shift ? shift[i] : 0.0f);
  }
}

QCC_KERNEL void qcc_instancenorm_f32(int32_t batch, int32_t pixels, int32_t channels, float epsilon,
                                     const float *scale, const float *shift, const float *x,
                                     float *y) {
  for (int32_t n = 0; n < batch; n++, x += pixels * channels, y += pixels * channels)
    for (int32_t c = 0; c < channels; c++) {
      float mean, inverse;
      qcc_moments_f32(pixels, channels, epsilon, x + c, &mean, &inverse);
      for (int32_t i = c; i < pixels * channels; i += channels)
        y[i] = (x[i] - mean) * inverse * scale[c] + (shift ? shift[c] : 0.0f);
    }
}

#endif
