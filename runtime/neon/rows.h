/* neon/rows.h - matrix products by plain NEON (Armv8-A): a vector of codes times one of weights
 * along the depth.  As many products as fit are summed in 16 bits, two with int8 weights, none of
 * which is -128, then added in pairs to sums of 32 bits; the four partial sums of an output are
 * added at the end.  Tiles are four pixels by four channels.
 *
 * Weights are packed in blocks of four channels by steps of 16 codes, the last of a run 8 (with
 * int2 weights 16), w[steps][4][16].  int4 weights share bytes: of each 32 codes in that order the
 * first 16 are the low nibbles; of 64 int2 weights the first 16 are the lowest bits.  Indices share
 * bytes as int4 weights do, and are looked up by TBL. */
#ifndef QCC_NEON_ROWS_H
#define QCC_NEON_ROWS_H

#include "neon/tile.h"

/* Codes 0..15 (0..7 where half) of channel k of a step. */
QCC_INLINE int8x16_t qcc_rows_weight(int32_t kind, int8x16_t levels, int32_t half, int32_t k,
                                     const int8_t *w) {
  int32_t bits = qcc_weight_bits(kind);
  int32_t low = (half ? k / 2 : k % (8 / bits)) * bits; /* bit of a byte */
  int8x16_t v;
  if (bits == 8)
    return half ? vcombine_s8(vld1_s8(w + 8 * k), vdup_n_s8(0)) : vld1q_s8(w + 16 * k);
  v = vld1q_s8(half ? w : w + k * bits / 8 * 16);
  if (kind < 8 && low + bits < 8)
    v = vshlq_s8(v, vdupq_n_s8((int8_t)(8 - bits - low)));
  v = kind > 16 ? qcc_neon_look(levels, low, v) : bits == 4 ? vshrq_n_s8(v, 4) : vshrq_n_s8(v, 6);
  return half && k % 2 ? vextq_s8(v, v, 8) : v;
}

/* Steps whose products 16 bits hold. */
QCC_INLINE int32_t qcc_rows_room(int32_t kind) {
  return kind == 4 ? 15 : kind == 2 ? 63 : kind == QCC_LEVELS_5 ? 7 : 1;
}

/* Are products of one step added to 32 bits at once, without multiples? */
QCC_INLINE int32_t qcc_rows_widens(const struct qcc_line_layer *o) {
  return qcc_rows_room(o->kind) == 1 && !o->multiple;
}

/* A sum of 16 bits added to one of 32, times the multiple of channel k where there is one. */
QCC_INLINE int32x4_t qcc_rows_widen(const uint8_t *multiple, int32_t k, int32x4_t sum,
                                    int16x8_t s) {
  if (!multiple)
    return vpadalq_s16(sum, s);
  sum = vmlal_n_s16(sum, vget_low_s16(s), multiple[k]);
  return vmlal_high_n_s16(sum, s, multiple[k]);
}

QCC_INLINE void qcc_rows_widen_all(int32_t rows, const uint8_t *multiple, const int16x8_t *s,
                                   int32x4_t *sum) {
#pragma GCC unroll 16
  for (int32_t k = 0; k < 4 * rows; k++)
    sum[k] = qcc_rows_widen(multiple, k % 4, sum[k], s[k]);
}

/* One step added to sums of 16 bits, or where `first` in place of them; with weights of eight bits,
 * which leave no room for another, to those of 32. */
QCC_INLINE void qcc_rows_step(int32_t rows, const struct qcc_line_layer *o, int8x16_t levels,
                              int32_t half, int32_t first, const int8x16_t *x, const int8_t *w,
                              int16x8_t *s, int32x4_t *sum) {
#pragma GCC unroll 4
  for (int32_t k = 0; k < 4; k++) {
    int8x16_t v = qcc_rows_weight(o->kind, levels, half, k, w);
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++) {
      int8x8_t xl = vget_low_s8(x[r]), wl = vget_low_s8(v);
      int16x8_t p = first ? vmull_s8(xl, wl) : vmlal_s8(s[4 * r + k], xl, wl);
      p = half ? p : vmlal_high_s8(p, x[r], v);
      if (qcc_rows_widens(o))
        sum[4 * r + k] = qcc_rows_widen(NULL, k, sum[4 * r + k], p);
      else
        s[4 * r + k] = p;
    }
  }
}

/* 16 codes (8 where half) of each pixel, `step` codes apart. */
QCC_INLINE void qcc_rows_load(int32_t rows, int32_t half, const int8_t *v, int32_t step,
                              int8x16_t *x) {
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
    x[r] = half ? vcombine_s8(vld1_s8(v + r * step), vdup_n_s8(0)) : vld1q_s8(v + r * step);
}

/* sum[4 * r + k]: pixel r, channel k.  16 bits hold the products of 15 steps with int4 weights, of
 * 63 with int2 weights, of 7 with levels of 5 bits. */
QCC_INLINE void qcc_rows_sums(int32_t rows, const struct qcc_line_layer *o,
                              const struct qcc_lines *l, int32_t at, int32x4_t *sum) {
  int32_t bits = qcc_weight_bits(o->kind), unit = bits == 2 ? 16 : 8;
  int32_t padded = (l->run + unit - 1) / unit * unit;
  const uint8_t *multiple = o->multiple;
  const int8_t *w = o->w;
  int32_t most = 16 * qcc_rows_room(o->kind), widens = qcc_rows_widens(o);
  int8x16_t levels = qcc_neon_levels(o);
  int16x8_t s[16];
  int8x16_t x[4];
  for (int32_t j = 0; j < l->n; j++) {
    const int8_t *v = (const int8_t *)l->line[j] + at;
    int32_t i = 0, next = multiple ? o->size : padded; /* the next group */
    while (i + 16 <= padded) {
      int32_t end = qcc_min(qcc_min(padded - 15, next), i + most);
      qcc_rows_load(rows, 0, v + i, l->step, x);
      qcc_rows_step(rows, o, levels, 0, 1, x, w, s, sum);
      for (i += 16, w += 8 * bits; most > 16 && i < end; i += 16, w += 8 * bits) {
        qcc_rows_load(rows, 0, v + i, l->step, x);
        qcc_rows_step(rows, o, levels, 0, 0, x, w, s, sum);
      }
      if (!widens)
        qcc_rows_widen_all(rows, multiple, s, sum);
      if (multiple && i >= next)
        next += o->size, multiple += 4;
    }
    if (i < padded) {
      qcc_rows_load(rows, 1, v + i, l->step, x);
      qcc_rows_step(rows, o, levels, 1, 1, x, w, s, sum);
      if (!widens)
        qcc_rows_widen_all(rows, multiple, s, sum);
      w += 4 * bits;
    }
    if (multiple && next - o->size < l->run)
      multiple += 4;
  }
}

QCC_INLINE void qcc_rows_tile(int32_t rows, const struct qcc_line_layer *o,
                              const struct qcc_lines *l, int32_t at, int32_t n, int32_t some,
                              int8_t *y) {
  int32x4_t part[16], sum[4];
#pragma GCC unroll 16
  for (int32_t k = 0; k < 4 * rows; k++)
    part[k] = vdupq_n_s32(0);
  qcc_rows_sums(rows, o, l, at, part);
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
  int32_t unit = out->kind == 2 ? 16 : 8, depth = l->n * ((l->run + unit - 1) / unit * unit);
  int32_t groups = l->n * qcc_neon_groups(out, l->run);
  struct qcc_line_layer o = *out;
  for (int32_t c = 0; c < o.cols; c += 4) {
    qcc_rows_tile(rows, &o, l, at, n, qcc_min(o.cols - c, 4), y + c * qcc_line_bytes(out));
    qcc_neon_next(&o, 4, depth, groups);
  }
}

QCC_INLINE void qcc_rows_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  int8_t *y = (int8_t *)to;
  int32_t i = 0;
  for (; i + (l->slack ? 2 : 4) <= n; i += 4)
    qcc_rows_channels(4, o, l, i * l->step, qcc_min(n - i, 4), y + i * o->cols * qcc_line_bytes(o));
  for (; i < n; i++)
    qcc_rows_channels(1, o, l, i * l->step, 1, y + i * o->cols * qcc_line_bytes(o));
}

#endif
