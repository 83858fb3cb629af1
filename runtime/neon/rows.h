/* neon/rows.h - matrix products by plain NEON (Armv8-A): a vector of codes times one of weights
 * along the depth.  Two products are summed in 16 bits, which none of the weights being -128
 * allows, then added in pairs to sums of 32 bits; the four partial sums of an output are added
 * at the end.  Tiles are four pixels by four channels.
 *
 * Weights are packed in blocks of four channels by steps of 16 codes, the last of a run 8,
 * w[steps][4][16].  int4 weights share bytes: of each 32 codes in that order the first 16 are
 * the low nibbles. */
#ifndef QCC_NEON_ROWS_H
#define QCC_NEON_ROWS_H

#include "neon/tile.h"

/* Codes 0..15 (0..7 where half) of channel k of a step. */
QCC_INLINE int8x16_t qcc_rows_weight(int32_t bits, int32_t half, int32_t k, const int8_t *w) {
  int8x16_t v;
  if (bits == 8)
    return half ? vcombine_s8(vld1_s8(w + 8 * k), vdup_n_s8(0)) : vld1q_s8(w + 16 * k);
  v = vld1q_s8(half ? w : w + k / 2 * 16);
  v = (half ? k / 2 : k % 2) ? vshrq_n_s8(v, 4) : vshrq_n_s8(vshlq_n_s8(v, 4), 4);
  return half && k % 2 ? vextq_s8(v, v, 8) : v;
}

QCC_INLINE int32x4_t qcc_rows_add(int32_t half, int32x4_t sum, int8x16_t x, int8x16_t w) {
  int16x8_t product = vmull_s8(vget_low_s8(x), vget_low_s8(w));
  return vpadalq_s16(sum, half ? product : vmlal_high_s8(product, x, w));
}

/* One step; returns the weights behind it. */
QCC_INLINE const int8_t *qcc_rows_step(int32_t rows, int32_t bits, int32_t half, const int8x16_t *x,
                                       const int8_t *w, int32x4_t *sum) {
#pragma GCC unroll 4
  for (int32_t k = 0; k < 4; k++) {
    int8x16_t v = qcc_rows_weight(bits, half, k, w);
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++)
      sum[4 * r + k] = qcc_rows_add(half, sum[4 * r + k], x[r], v);
  }
  return w + (half ? 4 : 8) * bits;
}

/* sum[4 * r + k]: pixel r, channel k. */
QCC_INLINE void qcc_rows_sums(int32_t rows, int32_t bits, const struct qcc_lines *l, int32_t at,
                              const int8_t *w, int32x4_t *sum) {
  int8x16_t x[4];
  for (int32_t j = 0; j < l->n; j++) {
    const int8_t *v = (const int8_t *)l->line[j] + at;
    int32_t i = 0, padded = (l->run + 7) / 8 * 8;
    for (; i + 16 <= padded; i += 16) {
#pragma GCC unroll 4
      for (int32_t r = 0; r < rows; r++)
        x[r] = vld1q_s8(v + r * l->step + i);
      w = qcc_rows_step(rows, bits, 0, x, w, sum);
    }
    if (i < padded) {
#pragma GCC unroll 4
      for (int32_t r = 0; r < rows; r++)
        x[r] = vcombine_s8(vld1_s8(v + r * l->step + i), vdup_n_s8(0));
      w = qcc_rows_step(rows, bits, 1, x, w, sum);
    }
  }
}

QCC_INLINE void qcc_rows_tile(int32_t rows, int32_t bits, const struct qcc_line_layer *o,
                              const struct qcc_lines *l, int32_t at, int32_t n, int32_t some,
                              const int8_t *w, int8_t *y) {
  int32x4_t part[16], sum[4];
#pragma GCC unroll 16
  for (int32_t k = 0; k < 4 * rows; k++)
    part[k] = vdupq_n_s32(0);
  qcc_rows_sums(rows, bits, l, at, w, part);
  qcc_neon_begin(rows, 1, o, some, sum);
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++) {
    const int32x4_t *v = part + 4 * r;
    sum[r] = vaddq_s32(sum[r], vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3])));
  }
  qcc_neon_finish(rows, 1, o, n, some, sum, y);
}

/* All channels of n pixels. */
QCC_INLINE void qcc_rows_channels(int32_t rows, const struct qcc_line_layer *out,
                                  const struct qcc_lines *l, int32_t at, int32_t n, int8_t *y) {
  int32_t bits = out->bits;
  const int8_t *w = out->w;
  int32_t depth = l->n * ((l->run + 7) / 8 * 8);
  struct qcc_line_layer o = *out;
  for (int32_t c = 0; c < o.cols; c += 4, w += depth * bits / 2) {
    qcc_rows_tile(rows, bits, &o, l, at, n, qcc_min(o.cols - c, 4), w, y + c);
    o.b = o.b ? o.b + 4 : NULL;
    o.m += 4;
  }
}

QCC_INLINE void qcc_rows_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  int8_t *y = (int8_t *)to;
  int32_t i = 0;
  for (; i + (l->slack ? 2 : 4) <= n; i += 4)
    qcc_rows_channels(4, o, l, i * l->step, qcc_min(n - i, 4), y + i * o->cols);
  for (; i < n; i++)
    qcc_rows_channels(1, o, l, i * l->step, 1, y + i * o->cols);
}

#endif
