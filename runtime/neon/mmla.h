/* neon/mmla.h - matrix products by the matrix instructions (SMMLA, Armv8.6-A): each multiplies two
 * pixels by two output channels over eight codes.  Tiles are four or two pixels by up to sixteen
 * channels.
 *
 * Weights are packed as in neon/dot.h with steps of eight codes, w[steps][channels][8]: a vector is
 * two channels, and a pair of pixels is brought into the same form as it is loaded. */
#ifndef QCC_NEON_MMLA_H
#define QCC_NEON_MMLA_H

#include "neon/tile.h"

/* One step of all channels; sum[pair * 2 * wide + k] is pixels 2 * pair and + 1 by channels 2 * k
 * and + 1, pixel first.  Returns the weights behind it. */
QCC_INLINE const int8_t *qcc_mmla_step(int32_t pairs, int32_t wide, int32_t bits,
                                       const int8x16_t *x, const int8_t *w, int32x4_t *sum) {
  int8x16_t high = vdupq_n_s8((int8_t)-16);
#pragma GCC unroll 8
  for (int32_t k = 0; k < 2 * wide; k++) {
    int8x16_t v = vld1q_s8(w + (bits < 8 ? k / 2 : k) * 16);
    if (bits < 8)
      v = k % 2 ? vandq_s8(v, high) : vshlq_n_s8(v, 4);
#pragma GCC unroll 2
    for (int32_t r = 0; r < pairs; r++)
      sum[r * 2 * wide + k] = vmmlaq_s32(sum[r * 2 * wide + k], x[r], v);
  }
  return w + 4 * wide * bits;
}

/* Low (half 0) or high halves of two pixels side by side. */
QCC_INLINE int8x16_t qcc_mmla_pair(int8x16_t a, int8x16_t b, int32_t half) {
  int64x2_t u = vreinterpretq_s64_s8(a), v = vreinterpretq_s64_s8(b);
  return vreinterpretq_s8_s64(half ? vzip2q_s64(u, v) : vzip1q_s64(u, v));
}

/* Sums of 2 * pairs pixels from code `at` of the lines on, `step` codes apart. */
QCC_INLINE void qcc_mmla_sums(int32_t pairs, int32_t wide, int32_t bits, const struct qcc_lines *l,
                              int32_t at, int32_t step, const int8_t *w, int32x4_t *sum) {
  for (int32_t j = 0; j < l->n; j++) {
    const int8_t *v = (const int8_t *)l->line[j] + at;
    int8x16_t x[4], pair[2];
    int32_t i = 0;
    for (; i + 16 <= l->run; i += 16) {
#pragma GCC unroll 4
      for (int32_t r = 0; r < 2 * pairs; r++)
        x[r] = vld1q_s8(v + r * step + i);
#pragma GCC unroll 2
      for (int32_t half = 0; half < 2; half++) {
#pragma GCC unroll 2
        for (int32_t r = 0; r < pairs; r++)
          pair[r] = qcc_mmla_pair(x[2 * r], x[2 * r + 1], half);
        w = qcc_mmla_step(pairs, wide, bits, pair, w, sum);
      }
    }
    for (; i < l->run; i += 8) {
#pragma GCC unroll 2
      for (int32_t r = 0; r < pairs; r++)
        pair[r] = vcombine_s8(vld1_s8(v + 2 * r * step + i), vld1_s8(v + (2 * r + 1) * step + i));
      w = qcc_mmla_step(pairs, wide, bits, pair, w, sum);
    }
  }
}

/* n pixels, at most 2 * pairs, and `some` channels. */
QCC_INLINE void qcc_mmla_tile(int32_t pairs, int32_t wide, int32_t bits,
                              const struct qcc_line_layer *o, const struct qcc_lines *l, int32_t at,
                              int32_t n, int32_t some, const int8_t *w, int8_t *y) {
  int32x4_t block[16], sum[16];
#pragma GCC unroll 16
  for (int32_t k = 0; k < 2 * pairs * wide; k++)
    block[k] = vdupq_n_s32(0);
  qcc_mmla_sums(pairs, wide, bits, l, at, n > 1 ? l->step : 0, w, block);
  qcc_neon_begin(2 * pairs, wide, o, some, sum);
#pragma GCC unroll 2
  for (int32_t r = 0; r < pairs; r++) {
#pragma GCC unroll 4
    for (int32_t k = 0; k < wide; k++) {
      int64x2_t a = vreinterpretq_s64_s32(block[(r * wide + k) * 2]);
      int64x2_t b = vreinterpretq_s64_s32(block[(r * wide + k) * 2 + 1]);
      int32x4_t first = vreinterpretq_s32_s64(vzip1q_s64(a, b));
      int32x4_t second = vreinterpretq_s32_s64(vzip2q_s64(a, b));
      int32x4_t *s = sum + 2 * r * wide + k;
      s[0] = bits < 8 ? vsraq_n_s32(s[0], first, 4) : vaddq_s32(s[0], first);
      s[wide] = bits < 8 ? vsraq_n_s32(s[wide], second, 4) : vaddq_s32(s[wide], second);
    }
  }
  qcc_neon_finish(2 * pairs, wide, o, n, some, sum, y);
}

/* All channels of n pixels. */
QCC_INLINE void qcc_mmla_channels(int32_t pairs, const struct qcc_line_layer *out,
                                  const struct qcc_lines *l, int32_t at, int32_t n, int8_t *y) {
  int32_t bits = out->bits;
  const int8_t *w = out->w;
  int32_t depth = l->n * ((l->run + 7) / 8 * 8);
  struct qcc_line_layer o = *out;
  for (int32_t c = 0, block; c < o.cols; c += block, w += block * depth * bits / 8) {
    int32_t some = o.cols - c;
    block = qcc_neon_block(some, bits);
    if (block == 16)
      qcc_mmla_tile(pairs, 4, bits, &o, l, at, n, qcc_min(some, 16), w, y + c);
    else if (block == 8)
      qcc_mmla_tile(pairs, 2, bits, &o, l, at, n, qcc_min(some, 8), w, y + c);
    else
      qcc_mmla_tile(pairs, 1, bits, &o, l, at, n, some, w, y + c);
    o.b = o.b ? o.b + block : NULL;
    o.m += block;
  }
}

QCC_INLINE void qcc_mmla_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  int8_t *y = (int8_t *)to;
  int32_t i = 0;
  for (; i + (l->slack ? 3 : 4) <= n; i += 4)
    qcc_mmla_channels(2, o, l, i * l->step, qcc_min(n - i, 4), y + i * o->cols);
  for (; i < n; i += 2)
    qcc_mmla_channels(1, o, l, i * l->step, qcc_min(n - i, 2), y + i * o->cols);
}

#endif
