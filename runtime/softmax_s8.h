/* softmax_s8.h - softmax over the last dimension of int8 codes, in integers: e = exp_table[max -
 * x], s = sum of e, y = clamp(-128 + (e * 256 + s / 2) / s).  The table holds round(exp(-d * scale)
 * * 2^q), q so small that s fits 32 bits.  y may be x.  For outputs of other scales and zero points the table is
 * twice as long: behind it there is what stands for e * 256, e over the scale of y.
 *
 * A row divides once: the upper half of the product with (2^32 - 1) / s, rounded down, is the
 * quotient or one less, because the reciprocal is too small by at most 1. */
#ifndef QCC_SOFTMAX_S8_H
#define QCC_SOFTMAX_S8_H

#include "common.h"

QCC_INLINE void qcc_softmax_row_s8(int32_t scaled, int32_t n, int32_t zero, const uint32_t *exp_table, const int8_t *x,
                                   int8_t *y) {
  int32_t max = -128;
  uint32_t sum = 0, most = (uint32_t)(127 - zero), reciprocal;
  for (int32_t i = 0; i < n; i++)
    max = x[i] > max ? x[i] : max;
  for (int32_t i = 0; i < n; i++)
    sum += exp_table[max - x[i]];
  reciprocal = UINT32_MAX / sum;
  for (int32_t i = 0; i < n; i++) {
    int32_t d = max - x[i];
    uint32_t part = (scaled ? exp_table[256 + d] : exp_table[d] * 256u) + sum / 2u;
    uint32_t code = (uint32_t)((uint64_t)part * reciprocal >> 32);
    code += part - code * sum >= sum;
    y[i] = (int8_t)((int32_t)(code > most ? most : code) + zero);
  }
}

QCC_KERNEL void qcc_softmax_s8(int32_t rows, int32_t n, const uint32_t *exp_table, const int8_t *x,
                               int8_t *y) {
  for (int32_t row = 0; row < rows; row++, x += n, y += n)
    qcc_softmax_row_s8(0, n, -128, exp_table, x, y);
}

QCC_KERNEL void qcc_softmax_scaled_s8(int32_t rows, int32_t n, int32_t zero, const uint32_t *exp_table,
                                      const int8_t *x, int8_t *y) {
  for (int32_t row = 0; row < rows; row++, x += n, y += n)
    qcc_softmax_row_s8(1, n, zero, exp_table, x, y);
}

#endif
