/* neon/dot.h - matrix products by the dot product instructions (SDOT, Armv8.2-A): four pixels by up
 * to sixteen output channels at a time.
 *
 * Weights are packed in blocks of 16, 8 or 4 output channels, within a block by runs, within a run
 * (padded with zeros to a multiple of 4) by steps of four codes: w[steps][channels][4], so that one
 * vector holds a step of four channels, and the lanes of a vector of x are the steps.
 *
 * int4 weights share a vector: its low nibbles are one vector of the above, its high nibbles the
 * next; of int2 weights four share one, lowest bits first.  They are used times 16 and times 64,
 * which costs one or two instructions each; the sums are shifted back.  Indices share vectors as int4
 * weights do, and are looked up by TBL. */
#ifndef QCC_NEON_DOT_H
#define QCC_NEON_DOT_H

#include "neon/tile.h"

/* Step `lane` of x, a constant. */
QCC_INLINE int32x4_t qcc_dot_lane(int32x4_t sum, int8x16_t w, int8x16_t x, int32_t lane) {
  switch (lane) {
    case 0: return vdotq_laneq_s32(sum, w, x, 0);
    case 1: return vdotq_laneq_s32(sum, w, x, 1);
    case 2: return vdotq_laneq_s32(sum, w, x, 2);
    default: return vdotq_laneq_s32(sum, w, x, 3);
  }
}

/* One step of all channels of the tile; returns the weights behind it. */
QCC_INLINE const int8_t *qcc_dot_step(int32_t rows, int32_t wide, int32_t kind, int8x16_t levels,
                                      int32_t lane, const int8x16_t *x, const int8_t *w,
                                      int32x4_t *sum) {
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++) {
    int8x16_t v = qcc_neon_plane(kind, levels, k, w);
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++)
      sum[r * wide + k] = qcc_dot_lane(sum[r * wide + k], v, x[r], lane);
  }
  return w + 2 * wide * qcc_weight_bits(kind);
}

/* Sums over n codes of each pixel, `step` codes apart; returns the weights behind them. */
QCC_INLINE const int8_t *qcc_dot_run(int32_t rows, int32_t wide, int32_t kind, int8x16_t levels,
                                     const int8_t *v, int32_t step, int32_t n, const int8_t *w,
                                     int32x4_t *sum) {
  int8x16_t x[4];
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++)
      x[r] = vld1q_s8(v + r * step + i);
#pragma GCC unroll 4
    for (int32_t lane = 0; lane < 4; lane++)
      w = qcc_dot_step(rows, wide, kind, levels, lane, x, w, sum);
  }
  for (; i < n; i += 4) {
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++) {
      int32_t four;
      memcpy(&four, v + r * step + i, 4);
      x[r] = vreinterpretq_s8_s32(vdupq_n_s32(four));
    }
    w = qcc_dot_step(rows, wide, kind, levels, 0, x, w, sum);
  }
  return w;
}

/* Adds one group after the other, each times its multiple. */
QCC_INLINE const int8_t *qcc_dot_groups(int32_t rows, int32_t wide, const struct qcc_line_layer *o,
                                        const int8_t *v, const struct qcc_lines *l,
                                        const uint8_t *multiple, const int8_t *w, int32x4_t *sum) {
  int8x16_t levels = qcc_neon_levels(o);
  for (int32_t i = 0; i < l->run; i += o->size, multiple += 4 * wide) {
    int32x4_t part[16], m[4];
#pragma GCC unroll 16
    for (int32_t k = 0; k < rows * wide; k++)
      part[k] = vdupq_n_s32(0);
    w = qcc_dot_run(rows, wide, o->kind, levels, v + i, l->step, qcc_min(o->size, l->run - i), w, part);
    qcc_neon_multiples(wide, multiple, m);
#pragma GCC unroll 16
    for (int32_t k = 0; k < rows * wide; k++)
      sum[k] = qcc_neon_add_group(o->kind, sum[k], part[k], m[k % wide]);
  }
  return w;
}

/* n of `rows` pixels from code `at` of the lines on, and `some` channels. */
QCC_INLINE void qcc_dot_tile(int32_t rows, int32_t wide, const struct qcc_line_layer *o,
                             const struct qcc_lines *l, int32_t at, int32_t n, int32_t some,
                             const int8_t *w, int8_t *y) {
  int32_t back = o->kind < 8 && !o->multiple;
  int8x16_t levels = qcc_neon_levels(o);
  int32x4_t sum[16], b[16];
  qcc_neon_begin(rows, wide, o, some, b);
#pragma GCC unroll 16
  for (int32_t k = 0; k < rows * wide; k++)
    sum[k] = back ? vdupq_n_s32(0) : b[k];
  for (int32_t j = 0; j < l->n; j++) {
    const int8_t *v = (const int8_t *)l->line[j] + at;
    if (o->multiple)
      w = qcc_dot_groups(rows, wide, o, v, l,
                         o->multiple + j * qcc_neon_groups(o, l->run) * 4 * wide, w, sum);
    else
      w = qcc_dot_run(rows, wide, o->kind, levels, v, l->step, l->run, w, sum);
  }
  if (back) {
    qcc_neon_begin(rows, wide, o, some, b);
#pragma GCC unroll 16
    for (int32_t k = 0; k < rows * wide; k++)
      sum[k] = qcc_neon_add_back(o->kind, b[k], sum[k]);
  }
  qcc_neon_finish(rows, wide, o, n, some, sum, y);
}

/* All channels of n pixels, n 1 .. rows. */
QCC_INLINE void qcc_dot_channels(int32_t rows, const struct qcc_line_layer *out,
                                 const struct qcc_lines *l, int32_t at, int32_t n, int8_t *y) {
  int32_t depth = l->n * ((l->run + 3) / 4 * 4), groups = l->n * qcc_neon_groups(out, l->run);
  struct qcc_line_layer o = *out;
  for (int32_t c = 0, block; c < o.cols; c += block) {
    int32_t some = o.cols - c;
    block = qcc_neon_block(some, o.kind);
    if (block == 16)
      qcc_dot_tile(rows, 4, &o, l, at, n, qcc_min(some, 16), o.w, y + c * qcc_line_bytes(out));
    else if (block == 8)
      qcc_dot_tile(rows, 2, &o, l, at, n, qcc_min(some, 8), o.w, y + c * qcc_line_bytes(out));
    else
      qcc_dot_tile(rows, 1, &o, l, at, n, some, o.w, y + c * qcc_line_bytes(out));
    qcc_neon_next(&o, block, depth, groups);
  }
}

QCC_INLINE void qcc_dot_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  int8_t *y = (int8_t *)to;
  int32_t i = 0;
  for (; i + (l->slack ? 2 : 4) <= n; i += 4)
    qcc_dot_channels(4, o, l, i * l->step, qcc_min(n - i, 4), y + i * o->cols * qcc_line_bytes(o));
  for (; i < n; i++)
    qcc_dot_channels(1, o, l, i * l->step, 1, y + i * o->cols * qcc_line_bytes(o));
}

#endif
