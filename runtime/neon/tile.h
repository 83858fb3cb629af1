/* neon/tile.h - a tile of sums, up to four pixels by sixteen output channels, to codes in memory.
 * sum[r * wide + v] holds channels 4 * v .. 4 * v + 3 of pixel r; b and m of a layer are those of
 * the tile's first channel. */
#ifndef QCC_NEON_TILE_H
#define QCC_NEON_TILE_H

#include "line_layers.h"
#include "neon/codes.h"

/* Stores n pixels of `some` channels (at most 4 * wide); rows and wide are constants. */
QCC_INLINE void qcc_neon_finish(int32_t rows, int32_t wide, const struct qcc_line_layer *o,
                                int32_t n, int32_t some, const int32x4_t *sum, int8_t *y) {
  int32x4_t m[4], v[4];
  int32_t per = 4 / wide; /* pixels in a vector of codes */
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++)
    m[k] = qcc_neon_some_s32(o->m + 4 * k, some - 4 * k);
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r += per) {
    int8x16_t codes;
#pragma GCC unroll 4
    for (int32_t k = 0; k < 4; k++)
      v[k] = r * wide + k < rows * wide ? qcc_neon_scale(o->r, sum[r * wide + k], m[k % wide])
                                        : vdupq_n_s32(0);
    codes = qcc_neon_codes(o->r, v[0], v[1], v[2], v[3]);
#pragma GCC unroll 4
    for (int32_t k = 0; k < per; k++) {
      if (r + k < n && r + k < rows)
        qcc_neon_store(y + (r + k) * o->cols, codes, some);
      codes = wide == 1 ? vextq_s8(codes, codes, 4) : vextq_s8(codes, codes, 8);
    }
  }
}

/* Biases of the tile's channels, the same for every pixel. */
QCC_INLINE void qcc_neon_begin(int32_t rows, int32_t wide, const struct qcc_line_layer *o,
                               int32_t some, int32x4_t *sum) {
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++) {
    int32x4_t b = o->b ? qcc_neon_some_s32(o->b + 4 * k, some - 4 * k) : vdupq_n_s32(0);
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++)
      sum[r * wide + k] = b;
  }
}

/* Output channels of the next tile: 16, 8 or 4 (with packed weights at least 8), as the compiler
 * has ordered the weights; the last tile may have more channels than the layer. */
QCC_INLINE int32_t qcc_neon_block(int32_t left, int32_t bits) {
  if (bits < 8)
    return left > 8 ? 16 : 8;
  return left > 12 ? 16 : left > 4 ? 8 : 4;
}

#endif
