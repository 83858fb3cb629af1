/* quantize_range.h - real numbers to codes by the range of all of them, with 0 in it, as ONNX's DynamicQuantizeLinear
 * has it: scale = (greatest - least) / 255, zero point = rint(-least / scale) in 0..255, codes as in quantize.h.  Codes
 * of int8 and their zero point are 128 below.  NaN counts for nothing; where the scale would be 0 it is 1. */
#ifndef QCC_QUANTIZE_RANGE_H
#define QCC_QUANTIZE_RANGE_H

#include "quantize.h"

QCC_KERNEL struct qcc_quantize qcc_find_range(int32_t lo, int32_t n, const float *x) {
  struct qcc_quantize q = {0.0f, 0, 0, 255};
  float least = 0.0f, most = 0.0f;
  for (int32_t i = 0; i < n; i++) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  q.scale = (most - least) / 255.0f;
  if (q.scale == 0.0f)
    q.scale = 1.0f;
  q.zero = qcc_quantize_one(&q, 0.0f - least) + lo;
  q.lo += lo;
  q.hi += lo;
  return q;
}

/* Codes may be written over x. */
QCC_KERNEL void qcc_quantize_range_s8(int32_t n, const float *x, int8_t *codes, float *scale, int32_t *zero) {
  struct qcc_quantize q = qcc_find_range(-128, n, x);
  qcc_quantize_s8(&q, n, x, codes);
  *scale = q.scale;
  *zero = q.zero;
}

QCC_KERNEL void qcc_quantize_range_u8(int32_t n, const float *x, uint8_t *codes, float *scale, uint8_t *zero) {
  struct qcc_quantize q = qcc_find_range(0, n, x);
  qcc_quantize_u8(&q, n, x, codes);
  *scale = q.scale;
  *zero = (uint8_t)q.zero;
}

QCC_KERNEL void qcc_dequantize_range_s8(int32_t n, const int8_t *x, const float *scale, const int32_t *zero,
                                        float *QCC_RESTRICT y) {
  struct qcc_quantize q = {*scale, *zero, 0, 0};
  qcc_dequantize_s8(&q, n, x, y);
}

#endif
