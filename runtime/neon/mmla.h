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
QCC_INLINE const int8_t *qcc_mmla_step(int32_t pairs, int32_t wide, int32_t kind, int8x16_t levels,
                                       const int8x16_t *x, const int8_t *w, int32x4_t *sum) {
#pragma GCC unroll 8
  for (int32_t k = 0; k < 2 * wide; k++) {
    int8x16_t v = qcc_neon_plane(kind, levels, k, w);
#pragma GCC unroll 2
    for (int32_t r = 0; r < pairs; r++)
      sum[r * 2 * wide + k] = vmmlaq_s32(sum[r * 2 * wide + k], x[r], v);
  }
  return w + 4 * wide * qcc_weight_bits(kind);
}

/* Low (half 0) or high halves of two pixels side by side. */
QCC_INLINE int8x16_t qcc_mmla_pair(int8x16_t a, int8x16_t b, int32_t half) {
  int64x2_t u = vreinterpretq_s64_s8(a), v = vreinterpretq_s64_s8(b);
  return vreinterpretq_s8_s64(half ? vzip2q_s64(u, v) : vzip1q_s64(u, v));
}

/* Sums over n codes of 2 * pairs pixels, `step` codes apart; returns the weights behind them. */
QCC_INLINE const int8_t *qcc_mmla_run(int32_t pairs, int32_t wide, int32_t kind, int8x16_t levels,
                                      const int8_t *v, int32_t step, int32_t n, const int8_t *w,
                                      int32x4_t *sum) {
  int8x16_t x[4], pair[2];
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
#pragma GCC unroll 4
    for (int32_t r = 0; r < 2 * pairs; r++)
      x[r] = vld1q_s8(v + r * step + i);
#pragma GCC unroll 2
    for (int32_t half = 0; half < 2; half++) {
#pragma GCC unroll 2
      for (int32_t r = 0; r < pairs; r++)
        pair[r] = qcc_mmla_pair(x[2 * r], x[2 * r + 1], half);
      w = qcc_mmla_step(pairs, wide, kind, levels, pair, w, sum);
    }
  }
  for (; i < n; i += 8) {
#pragma GCC unroll 2
    for (int32_t r = 0; r < pairs; r++)
      pair[r] = vcombine_s8(vld1_s8(v + 2 * r * step + i), vld1_s8(v + (2 * r + 1) * step + i));
    w = qcc_mmla_step(pairs, wide, kind, levels, pair, w, sum);
  }
  return w;
}

/* Adds one group after the other, each times its multiple. */
QCC_INLINE const int8_t *qcc_mmla_groups(int32_t pairs, int32_t wide,
                                         const struct qcc_line_layer *o, const int8_t *v,
                                         const struct qcc_lines *l, int32_t step,
                                         const uint8_t *multiple, const int8_t *w,
                                         int32x4_t *sum) {
  int8x16_t levels = qcc_neon_levels(o);
  for (int32_t i = 0; i < l->run; i += o->size, multiple += 4 * wide) {
    int32x4_t part[16], m[4];
#pragma GCC unroll 16
    for (int32_t k = 0; k < 2 * pairs * wide; k++)
      part[k] = vdupq_n_s32(0);
    w = qcc_mmla_run(pairs, wide, o->kind, levels, v + i, step, qcc_min(o->size, l->run - i), w, part);
    qcc_neon_multiples(wide, multiple, m);
#pragma GCC unroll 16
    for (int32_t k = 0; k < 2 * pairs * wide; k++) {
      int64x2_t four = vreinterpretq_s64_s32(m[k / 2 % wide]);
      four = k % 2 ? vzip2q_s64(four, four) : vzip1q_s64(four, four);
      sum[k] = qcc_neon_add_group(o->kind, sum[k], part[k], vreinterpretq_s32_s64(four));
    }
  }
  return w;
}

/* n pixels, at most 2 * pairs, and `some` channels. */
QCC_INLINE void qcc_mmla_tile(int32_t pairs, int32_t wide, const struct qcc_line_layer *o,
                              const struct qcc_lines *l, int32_t at, int32_t n, int32_t some,
                              const int8_t *w, int8_t *y) {
  int32_t step = n > 1 ? l->step : 0, kind = o->multiple ? 8 : o->kind;
  int8x16_t levels = qcc_neon_levels(o);
  int32x4_t block[16], sum[16];
#pragma GCC unroll 16
  for (int32_t k = 0; k < 2 * pairs * wide; k++)
    block[k] = vdupq_n_s32(0);
  for (int32_t j = 0; j < l->n; j++) {
    const int8_t *v = (const int8_t *)l->line[j] + at;
    if (o->multiple)
      w = qcc_mmla_groups(pairs, wide, o, v, l, step,
                          o->multiple + j * qcc_neon_groups(o, l->run) * 4 * wide, w, block);
    else
      w = qcc_mmla_run(pairs, wide, o->kind, levels, v, step, l->run, w, block);
  }
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
      s[0] = qcc_neon_add_back(kind, s[0], first);
      s[wide] = qcc_neon_add_back(kind, s[wide], second);
    }
  }
  qcc_neon_finish(2 * pairs, wide, o, n, some, sum, y);
}

/* All channels of n pixels. */
QCC_INLINE void qcc_mmla_channels(int32_t pairs, const struct qcc_line_layer *out,
                                  const struct qcc_lines *l, int32_t at, int32_t n, int8_t *y) {
  int32_t depth = l->n * ((l->run + 7) / 8 * 8), groups = l->n * qcc_neon_groups(out, l->run);
  struct qcc_line_layer o = *out;
  for (int32_t c = 0, block; c < o.cols; c += block) {
    int32_t some = o.cols - c;
    block = qcc_neon_block(some, o.kind);
    if (block == 16)
      qcc_mmla_tile(pairs, 4, &o, l, at, n, qcc_min(some, 16), o.w, y + c * qcc_line_bytes(out));
    else if (block == 8)
      qcc_mmla_tile(pairs, 2, &o, l, at, n, qcc_min(some, 8), o.w, y + c * qcc_line_bytes(out));
    else
      qcc_mmla_tile(pairs, 1, &o, l, at, n, some, o.w, y + c * qcc_line_bytes(out));
    qcc_neon_next(&o, block, depth, groups);
  }
}

QCC_INLINE void qcc_mmla_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  int8_t *y = (int8_t *)to;
  int32_t i = 0;
  for (; i + (l->slack ? 3 : 4) <= n; i += 4)
    qcc_mmla_channels(2, o, l, i * l->step, qcc_min(n - i, 4), y + i * o->cols * qcc_line_bytes(o));
  for (; i < n; i += 2)
    qcc_mmla_channels(1, o, l, i * l->step, qcc_min(n - i, 2), y + i * o->cols * qcc_line_bytes(o));
}

#endif
