/* softmax_tflite.h - softmax over the last dimension of int8 codes as TensorFlow Lite's reference kernel has it,
 * in fixed point.  The table holds e^-(d scale) in 31 bits for each difference d of codes; their sum has 12
 * integer bits, and its reciprocal comes from three steps of Newton's method.  y may be x. */
#ifndef QCC_SOFTMAX_TFLITE_H
#define QCC_SOFTMAX_TFLITE_H

#include "common.h"

/* The product of two numbers in fixed point. */
QCC_INLINE int32_t qcc_fixed_mul(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + INT64_C(0x40000000)) >> 31);
}

/* v * 2^bits, saturated. */
QCC_INLINE int32_t qcc_fixed_shift(int32_t v, int32_t bits) {
  int64_t wide = (int64_t)v * ((int64_t)1 << bits);
  return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

/* 1 / (1 + x) in 31 bits, x in [0, 1) in 31 bits: r is 1 / d with 2 integer bits, d = (1 + x) / 2. */
QCC_KERNEL int32_t qcc_fixed_reciprocal(int32_t x) {
  int32_t d = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t r = 1515870810 - qcc_fixed_mul(d, 1010580540); /* 48/17 - 32/17 d */
  for (int32_t i = 0; i < 3; i++)
    r += qcc_fixed_shift(qcc_fixed_mul(r, (1 << 29) - qcc_fixed_mul(d, r)), 2);
  return qcc_fixed_shift(r, 1);
}

QCC_KERNEL void qcc_softmax_tflite(int32_t rows, int32_t n, const int32_t *exp_table, const int8_t *x, int8_t *y) {
  for (int32_t row = 0; row < rows; row++, x += n, y += n) {
    int32_t max = -128, zeros = 0, over, scale;
    uint32_t sum = 0;
    for (int32_t i = 0; i < n; i++)
      max = x[i] > max ? x[i] : max;
    for (int32_t i = 0; i < n; i++)
      sum += (uint32_t)qcc_round_shift(exp_table[max - x[i]], 12);
    while (zeros < 31 && !(sum << zeros >> 31))
      zeros++;
    scale = qcc_fixed_reciprocal((int32_t)((sum << zeros) - UINT32_C(0x80000000)));
    over = qcc_min(12 - zeros + 31 - 8, 32);
    for (int32_t i = 0; i < n; i++) {
      int32_t code = qcc_round_shift(qcc_fixed_mul(scale, exp_table[max - x[i]]), over) - 128;
      y[i] = (int8_t)(code > 127 ? 127 : code);
    }
  }
}

#endif
