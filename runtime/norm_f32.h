/* norm_f32.h - float normalizations whose mean and variance come from the data: over the last
 * dimension (LayerNormalization), and per channel over the pixels of an NHWC image
 * (InstanceNormalization).  Two passes, so that the variance does not cancel.  y may be x. */
#ifndef QCC_NORM_F32_H
#define QCC_NORM_F32_H

#include <math.h>

#include "real.h"

/* Mean and 1 / sqrt(variance + epsilon) of n elements that are `step` apart. */
QCC_INLINE void qcc_moments_real(int t, int32_t n, int32_t step, float epsilon, const void *x,
                                 float *mean, float *inverse) {
  float sum = 0.0f, squares = 0.0f, mid;
  for (int32_t i = 0; i < n; i++)
    sum += qcc_get(t, x, i * step);
  mid = sum / (float)n;
  for (int32_t i = 0; i < n; i++) {
    float v = qcc_get(t, x, i * step) - mid;
    squares += v * v;
  }
  *mean = mid;
  *inverse = 1.0f / sqrtf(squares / (float)n + epsilon);
}

QCC_INLINE void qcc_layernorm_real(int t, int32_t rows, int32_t n, float epsilon,
                                   const float *scale, const float *shift, const void *x, void *y) {
  for (int32_t row = 0, at = 0; row < rows; row++) {
    float mean, inverse;
    qcc_moments_real(t, n, 1, epsilon, qcc_at(t, x, at), &mean, &inverse);
    for (int32_t i = 0; i < n; i++, at++)
      qcc_put(t, y, at,
              (qcc_get(t, x, at) - mean) * inverse * scale[i] + (shift ? shift[i] : 0.0f));
  }
}

QCC_INLINE void qcc_instancenorm_real(int t, int32_t batch, int32_t pixels, int32_t channels,
                                      float epsilon, const float *scale, const float *shift,
                                      const void *x, void *y) {
  for (int32_t k = 0; k < batch * channels; k++) {
    int32_t c = k % channels, first = k / channels * pixels * channels + c;
    float mean, inverse;
    qcc_moments_real(t, pixels, channels, epsilon, qcc_at(t, x, first), &mean, &inverse);
    for (int32_t i = first; i < first + pixels * channels; i += channels)
      qcc_put(t, y, i,
              (qcc_get(t, x, i) - mean) * inverse * scale[c] + (shift ? shift[c] : 0.0f));
  }
}

QCC_KERNEL void qcc_layernorm_f32(int32_t rows, int32_t n, float epsilon, const float *scale,
                                  const float *shift, const float *x, float *y) {
  qcc_layernorm_real(QCC_F32, rows, n, epsilon, scale, shift, x, y);
}

QCC_KERNEL void qcc_layernorm_f16(int32_t rows, int32_t n, float epsilon, const float *scale,
                                  const float *shift, const uint16_t *x, uint16_t *y) {
  qcc_layernorm_real(QCC_F16, rows, n, epsilon, scale, shift, x, y);
}

QCC_KERNEL void qcc_instancenorm_f32(int32_t batch, int32_t pixels, int32_t channels, float epsilon,
                                     const float *scale, const float *shift, const float *x,
                                     float *y) {
  qcc_instancenorm_real(QCC_F32, batch, pixels, channels, epsilon, scale, shift, x, y);
}

QCC_KERNEL void qcc_instancenorm_f16(int32_t batch, int32_t pixels, int32_t channels, float epsilon,
                                     const float *scale, const float *shift, const uint16_t *x,
                                     uint16_t *y) {
  qcc_instancenorm_real(QCC_F16, batch, pixels, channels, epsilon, scale, shift, x, y);
}

#endif
