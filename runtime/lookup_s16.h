/* lookup_s16.h - an int16 code for every int8 or uint8 one: table[channels][256], the channels
 * last, or one table for all.  `flip` is 128 where x is signed: index 0 belongs to the code -128.
 *  y must not overlap x. */
#ifndef QCC_LOOKUP_S16_H
#define QCC_LOOKUP_S16_H

#include "common.h"

QCC_KERNEL void qcc_lookup_s16(int32_t rows, int32_t channels, int32_t flip, const int16_t *table,
                               const void *x, int16_t *y) {
  const uint8_t *from = (const uint8_t *)x;
  for (int32_t row = 0; row < rows; row++, from += channels, y += channels)
    for (int32_t c = 0; c < channels; c++)
      y[c] = table[256 * c + (from[c] ^ flip)];
}

#endif
