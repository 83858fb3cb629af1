/* softmax_f32.h - float softmax and its logarithm over the middle dimension of x[outer][n][inner];
 * the largest element is subtracted first, so that exp never overflows.  y may be x. */
#ifndef QCC_SOFTMAX_F32_H
#define QCC_SOFTMAX_F32_H

#include <math.h>

#include "common.h"

/* The largest of n elements that are `step` apart. */
QCC_KERNEL float qcc_largest_f32(int32_t n, int32_t step, const float *x) {
  float max = x[0];
  for (int32_t i = 1; i < n; i++)
    max = x[i * step] > max ? x[i * step] : max;
  return max;
}

QCC_KERNEL void qcc_softmax_f32(int32_t outer, int32_t n, int32_t inner, const float *x, float *y) {
  for (int32_t o = 0; o < outer; o++, x += n * inner, y += n * inner)
    for (int32_t k = 0; k < inner; k++) {
      float max = qcc_largest_f32(n, inner, x + k), sum = 0.0f;
      for (int32_t i = k; i < n * inner; i += inner) {
        y[i] = expf(x[i] - max);
        sum += y[i];
      }
      for (int32_t i = k; i < n * inner; i += inner)
        y[i] /= sum;
    }
}

QCC_KERNEL void qcc_logsoftmax_f32(int32_t outer, int32_t n, int32_t inner, const float *x,
                                   float *y) {
  for (int32_t o = 0; o < outer; o++, x += n * inner, y += n * inner)
    for (int32_t k = 0; k < inner; k++) {
      float max = qcc_largest_f32(n, inner, x + k), sum = 0.0f, log_sum;
      for (int32_t i = k; i < n * inner; i += inner)
        sum += expf(x[i] - max);
      log_sum = logf(sum);
      for (int32_t i = k; i < n * inner; i += inner)
        y[i] = x[i] - max - log_sum;
    }
}

#endif
