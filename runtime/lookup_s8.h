/* lookup_s8.h - one table entry per code: any function of one quantized tensor (Sigmoid, Relu, a
 * change of scale, uint8 to int8).  One table[256], or one per channel, table[channels][256], the
 * channels last.  Index 0 belongs to the code -128, or 0 where codes are unsigned.  y may be x. */
#ifndef QCC_LOOKUP_S8_H
#define QCC_LOOKUP_S8_H

#include "common.h"

QCC_KERNEL void qcc_lookup_s8(int32_t n, const int8_t *table, const int8_t *x, int8_t *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = table[x[i] + 128];
}

QCC_KERNEL void qcc_lookup_u8(int32_t n, const int8_t *table, const uint8_t *x, int8_t *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = table[x[i]];
}

QCC_KERNEL void qcc_lookup_channels_s8(int32_t rows, int32_t channels, const int8_t *table,
                                       const int8_t *x, int8_t *y) {
  for (int32_t row = 0; row < rows; row++, x += channels, y += channels)
    for (int32_t c = 0; c < channels; c++)
      y[c] = table[256 * c + x[c] + 128];
}

QCC_KERNEL void qcc_lookup_channels_u8(int32_t rows, int32_t channels, const int8_t *table,
                                       const uint8_t *x, int8_t *y) {
  for (int32_t row = 0; row < rows; row++, x += channels, y += channels)
    for (int32_t c = 0; c < channels; c++)
      y[c] = table[256 * c + x[c]];
}

#endif
