/* neon/tile.h - a tile of sums, up to four pixels by sixteen output channels, to codes in memory.
 * sum[r * wide + v] holds channels 4 * v .. 4 * v + 3 of pixel r; b and m of a layer are those of
 * the tile's first channel.  By rule tflite a second product, with factors r->exponents behind m, takes
 * the place of the right shift. */
#ifndef QCC_NEON_TILE_H
#define QCC_NEON_TILE_H

#include "line_layers.h"
#include "neon/codes.h"

/* Stores the sums of n pixels of `some` channels as they are. */
QCC_INLINE void qcc_neon_store_sums(int32_t rows, int32_t wide, int32_t cols, int32_t n,
                                    int32_t some, const int32x4_t *sum, int8_t *y) {
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int32_t k = 0; k < wide; k++)
      if (r < n && 4 * k < some)
        qcc_neon_store(y + 4 * (r * cols + 4 * k), vreinterpretq_s8_s32(sum[r * wide + k]),
                       4 * (some - 4 * k));
}

/* Stores n pixels of `some` channels (at most 4 * wide); rows and wide are constants. */
QCC_INLINE void qcc_neon_finish(int32_t rows, int32_t wide, const struct qcc_line_layer *o,
                                int32_t n, int32_t some, const int32x4_t *sum, int8_t *y) {
  int32x4_t m[4], second[4], v[4];
  int32_t per = 4 / wide; /* pixels in a vector of codes */
  int32_t tflite = QCC_TFLITE && o->r && o->r->exponents;
  if (!o->r) {
    qcc_neon_store_sums(rows, wide, o->cols, n, some, sum, y);
    return;
  }
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++) {
    m[k] = qcc_neon_some_s32(o->m + 4 * k, some - 4 * k);
    if (tflite)
      second[k] = qcc_neon_some_s32(o->m + o->r->exponents + 4 * k, some - 4 * k);
  }
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r += per) {
    int8x16_t codes;
#pragma GCC unroll 4
    for (int32_t k = 0; k < 4; k++)
      v[k] = r * wide + k < rows * wide ? qcc_neon_scale(o->r, sum[r * wide + k], m[k % wide])
                                        : vdupq_n_s32(0);
#pragma GCC unroll 4
    for (int32_t k = 0; tflite && k < 4; k++)
      v[k] = vqrdmulhq_s32(v[k], second[k % wide]);
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

/* Output channels of the next tile: 16, 8 or 4 (with weights of four bits at least 8, with int2 16), as
 * the compiler has ordered the weights; the last tile may have more channels than the layer. */
QCC_INLINE int32_t qcc_neon_block(int32_t left, int32_t kind) {
  int32_t bits = qcc_weight_bits(kind);
  if (bits == 2 || left > 12)
    return 16;
  if (bits == 4)
    return left > 8 ? 16 : 8;
  return left > 4 ? 8 : 4;
}

/* Moves to the next block of channels, behind weights of `depth` codes and so many multiples. */
QCC_INLINE void qcc_neon_next(struct qcc_line_layer *o, int32_t block, int32_t depth,
                              int32_t groups) {
  o->w += block * depth * qcc_weight_bits(o->kind) / 8;
  o->b = o->b ? o->b + block : NULL;
  o->m = o->m ? o->m + block : NULL;
  o->multiple = o->multiple ? o->multiple + block * groups : NULL;
}

/* The table of weights that are indices. */
QCC_INLINE int8x16_t qcc_neon_levels(const struct qcc_line_layer *o) {
  return o->kind > 16 ? vld1q_s8(o->levels) : vdupq_n_s8(0);
}

/* Levels of the lower four bits of bytes, or of the upper ones. */
QCC_INLINE int8x16_t qcc_neon_look(int8x16_t levels, int32_t upper, int8x16_t w) {
  uint8x16_t v = vreinterpretq_u8_s8(w);
  return vqtbl1q_s8(levels, upper ? vshrq_n_u8(v, 4) : vandq_u8(v, vdupq_n_u8(15)));
}

/* Vector k of weights; integers of fewer than eight bits times 16 or 64, as they lie on top of a
 * byte. */
QCC_INLINE int8x16_t qcc_neon_plane(int32_t kind, int8x16_t levels, int32_t k, const int8_t *w) {
  int32_t bits = qcc_weight_bits(kind);
  int8x16_t v = vld1q_s8(w + k * bits / 8 * 16);
  int32_t low = k % (8 / bits) * bits; /* bit of a byte */
  if (kind > 16)
    return qcc_neon_look(levels, low, v);
  if (low + bits < 8)
    v = vshlq_s8(v, vdupq_n_s8((int8_t)(8 - bits - low)));
  return low > 0 ? vandq_s8(v, vdupq_n_s8((int8_t)(-256 >> bits))) : v;
}

/* sum + times / 2^(8 - bits), the other way. */
QCC_INLINE int32x4_t qcc_neon_add_back(int32_t kind, int32x4_t sum, int32x4_t times) {
  if (kind >= 8)
    return vaddq_s32(sum, times);
  return kind == 4 ? vsraq_n_s32(sum, times, 4) : vsraq_n_s32(sum, times, 6);
}

/* sum + times / 2^(8 - bits) * m. */
QCC_INLINE int32x4_t qcc_neon_add_group(int32_t kind, int32x4_t sum, int32x4_t times, int32x4_t m) {
  if (kind < 8)
    times = kind == 4 ? vshrq_n_s32(times, 4) : vshrq_n_s32(times, 6);
  return vmlaq_s32(sum, times, m);
}

/* Multiples of 4 * wide channels. */
QCC_INLINE void qcc_neon_multiples(int32_t wide, const uint8_t *v, int32x4_t *m) {
  uint8_t part[16] = {0};
  memcpy(part, v, (size_t)(4 * wide));
  uint8x16_t all = vld1q_u8(part);
  uint16x8_t low = vmovl_u8(vget_low_u8(all)), high = vmovl_high_u8(all);
  m[0] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low)));
  m[1] = vreinterpretq_s32_u32(vmovl_high_u16(low));
  m[2] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high)));
  m[3] = vreinterpretq_s32_u32(vmovl_high_u16(high));
}

/* Multiples of a channel in one line. */
QCC_INLINE int32_t qcc_neon_groups(const struct qcc_line_layer *o, int32_t run) {
  return o->multiple ? (run + o->size - 1) / o->size : 0;
}

#endif
