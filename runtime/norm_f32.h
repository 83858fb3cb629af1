/* norm_f32.h - float normalizations whose mean and variance come from the data: over the last
 * dimensions (LayerNormalization, RMSNormalization), and per channel over the pixels of an NHWC image
 * (InstanceNormalization).  Two passes, so that the variance does not cancel.  y may be x. */
#ifndef QCC_NORM_F32_H
#define QCC_NORM_F32_H

#include "reduce_line.h"

#ifndef QCC_BLOCK
#define QCC_BLOCK 32 /* channels whose moments are kept on the stack; even */
#endif

/* Not `centred`: the mean stays, and is part of what is divided by.  means and inverses, if not NULL,
 * get what each row was normalized by. */
QCC_INLINE void qcc_layernorm_real(int t, int centred, int32_t rows, int32_t n, float epsilon,
                                   const float *QCC_RESTRICT scale, const float *QCC_RESTRICT shift,
                                   const void *x, void *y, float *means, float *inverses) {
  for (int32_t row = 0; row < rows; row++, x = qcc_at(t, x, n), y = qcc_place(t, y, n)) {
    float mean =
        centred ? qcc_reduce_line(QCC_REDUCE_SUM, t, 0.0f, n, 0.0f, x) / (float)n : 0.0f;
    float squares = qcc_reduce_line(QCC_REDUCE_SUM_SQUARE, t, 0.0f, n, mean, x);
    float inverse = 1.0f / sqrtf(squares / (float)n + epsilon);
    if (means)
      means[row] = mean;
    if (inverses)
      inverses[row] = inverse;
    for (int32_t i = 0; i < n; i++)
      qcc_put(t, y, i,
              (qcc_get(t, x, i) - mean) * inverse * scale[i] + (shift ? shift[i] : 0.0f));
  }
}

/* n channels of an image; x and y are the image at the first of them. */
QCC_INLINE void qcc_instancenorm_block(int t, int32_t pixels, int32_t channels, int32_t n,
                                       float epsilon, const float *scale, const float *shift,
                                       const void *x, void *y) {
  float mean[QCC_BLOCK], factor[QCC_BLOCK];
  for (int32_t c = 0; c < n; c++)
    mean[c] = factor[c] = 0.0f;
  for (int32_t i = 0; i < pixels * channels; i += channels)
    for (int32_t c = 0; c < n; c++)
      mean[c] += qcc_get(t, x, i + c);
  for (int32_t c = 0; c < n; c++)
    mean[c] /= (float)pixels;
  for (int32_t i = 0; i < pixels * channels; i += channels)
    for (int32_t c = 0; c < n; c++) {
      float v = qcc_get(t, x, i + c) - mean[c];
      factor[c] += v * v;
    }
  for (int32_t c = 0; c < n; c++)
    factor[c] = scale[c] / sqrtf(factor[c] / (float)pixels + epsilon);
  for (int32_t i = 0; i < pixels * channels; i += channels)
    for (int32_t c = 0; c < n; c++)
      qcc_put(t, y, i + c,
              (qcc_get(t, x, i + c) - mean[c]) * factor[c] + (shift ? shift[c] : 0.0f));
}

QCC_INLINE void qcc_instancenorm_real(int t, int32_t batch, int32_t pixels, int32_t channels,
                                      float epsilon, const float *scale, const float *shift,
                                      const void *x, void *y) {
  for (int32_t k = 0; k < batch; k++)
    for (int32_t c = 0; c < channels; c += QCC_BLOCK) {
      int32_t first = k * pixels * channels + c;
      qcc_instancenorm_block(t, pixels, channels, qcc_min(QCC_BLOCK, channels - c), epsilon,
                             scale + c, shift ? shift + c : NULL, qcc_at(t, x, first),
                             qcc_place(t, y, first));
    }
}

QCC_KERNEL void qcc_layernorm_f32(int32_t rows, int32_t n, float epsilon, const float *scale,
                                  const float *shift, const float *x, float *y) {
  qcc_layernorm_real(QCC_F32, 1, rows, n, epsilon, scale, shift, x, y, NULL, NULL);
}

QCC_KERNEL void qcc_layernorm_moments_f32(int32_t rows, int32_t n, float epsilon, const float *scale,
                                          const float *shift, const float *x, float *y,
                                          float *means, float *inverses) {
  qcc_layernorm_real(QCC_F32, 1, rows, n, epsilon, scale, shift, x, y, means, inverses);
}

QCC_KERNEL void qcc_layernorm_f16(int32_t rows, int32_t n, float epsilon, const float *scale,
                                  const float *shift, const uint16_t *x, uint16_t *y) {
  qcc_layernorm_real(QCC_F16, 1, rows, n, epsilon, scale, shift, x, y, NULL, NULL);
}

QCC_KERNEL void qcc_rmsnorm_f32(int32_t rows, int32_t n, float epsilon, const float *scale,
                                const float *shift, const float *x, float *y) {
  qcc_layernorm_real(QCC_F32, 0, rows, n, epsilon, scale, shift, x, y, NULL, NULL);
}

QCC_KERNEL void qcc_rmsnorm_f16(int32_t rows, int32_t n, float epsilon, const float *scale,
                                const float *shift, const uint16_t *x, uint16_t *y) {
  qcc_layernorm_real(QCC_F16, 0, rows, n, epsilon, scale, shift, x, y, NULL, NULL);
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
