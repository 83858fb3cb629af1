/* softmax_s8.h - softmax over the last dimension of int8 codes, in integers: e = exp_table[max -
 * x], s = sum of e, y = clamp(-128 + (e * 256 + s / 2) / s).  The table holds round(exp(-d * scale)
 * * 2^q), q so small that s fits 32 bits.  y may be x.
 *
 * A row divides once: the upper half of the product with (2^32 - 1) / s, rounded down, is the
 * quotient or one less, because the reciprocal is too small by at most 1. */
#ifndef QCC_SOFTMAX_S8_H
#define QCC_SOFTMAX_S8_H

#include "common.h"

QCC_KERNEL void qcc_softmax_s8(int32_t rows, int32_t n, const uint32_t *exp_table, const int8_t *x,
                               int8_t *y) {
  for (int32_t row = 0; row < rows; row++, x += n, y += n) {
    int32_t max = -128;
    uint32_t sum = 0, reciprocal;
    for (int32_t i = 0; i < n; i++)
      max = x[i] > max ? x[i] : max;
    for (int32_t i = 0; i < n; i++)
      sum += exp_table[max - x[i]];
    reciprocal = UINT32_MAX / sum;
    for (int32_t i = 0; i < n; i++) {
      uint32_t part = exp_table[max - x[i]] * 256u + sum / 2u;
      uint32_t code = (uint32_t)((uint64_t)part * reciprocal >> 32);
      code += part - code * sum >= sum;
      y[i] = (int8_t)((int32_t)(code > 255u ? 255u : code) - 128);
    }
  }
}

#endif
