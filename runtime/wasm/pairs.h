/* wasm/pairs.h - matrix products by i32x4.dot_i16x8_s: a pair of inputs of one pixel in every lane
 * times the pairs of weights of four output channels.  Tiles are two pixels by 16 channels or four
 * by 8 or 4, which leaves the sums in the registers that x86 has.
 *
 * Weights are packed in blocks of 16, 8 or 4 output channels by steps of two codes,
 * w[steps][channels][2], runs padded with zeros to whole steps (int4: to two, int2: to four).
 * Narrow weights come in blocks of 16 or 8 and share bytes: of each 32 codes in that order (int2:
 * 64) the first 16 are the lowest bits.  They are used where they are highest, times 16 or 64, and
 * the sums shifted back. */
#ifndef QCC_WASM_PAIRS_H
#define QCC_WASM_PAIRS_H

#include "wasm/codes.h"

/* Pair k of x in every lane; k is a constant. */
QCC_INLINE v128_t qcc_pairs_lane(v128_t x, int32_t k) {
  switch (k) {
    case 0: return wasm_i32x4_shuffle(x, x, 0, 0, 0, 0);
    case 1: return wasm_i32x4_shuffle(x, x, 1, 1, 1, 1);
    case 2: return wasm_i32x4_shuffle(x, x, 2, 2, 2, 2);
    default: return wasm_i32x4_shuffle(x, x, 3, 3, 3, 3);
  }
}

/* Step k of four channels, v, times that of the pixels. */
QCC_INLINE void qcc_pairs_add(int32_t rows, int32_t wide, int32_t v, const v128_t *pair, v128_t w,
                              v128_t *sum) {
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
    sum[r * wide + v] = wasm_i32x4_add(sum[r * wide + v], wasm_i32x4_dot_i16x8(w, pair[r]));
}

QCC_INLINE void qcc_pairs_step(int32_t rows, int32_t wide, int32_t k, const v128_t *x,
                               const int8_t *w, v128_t *sum) {
  v128_t pair[4];
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
    pair[r] = qcc_pairs_lane(x[r], k);
#pragma GCC unroll 4
  for (int32_t v = 0; v < wide; v++)
    qcc_pairs_add(rows, wide, v, pair, wasm_i16x8_load8x8(w + 8 * v), sum);
}

/* As many inputs, from step k on, as fill two vectors of 16 channels' narrow weights or one of 8
 * channels'.  A vector has a plane of 16 codes at every place in the byte: half a step of 16
 * channels or a step of 8. */
QCC_INLINE void qcc_pairs_narrow(int32_t rows, int32_t wide, int32_t bits, int32_t k,
                                 const v128_t *x, const int8_t *w, v128_t *sum) {
  v128_t mask = wasm_i8x16_splat((int8_t)(bits == 4 ? -16 : -64)), pair[4];
  int32_t planes = 8 / bits;
#pragma GCC unroll 8
  for (int32_t i = 0; i < wide / 2 * planes; i++) {
    v128_t code = wasm_v128_load(w + i / planes * 16);
    int32_t v = wide == 4 ? i % 2 * 2 : 0, up = 8 - bits * (i % planes + 1);
    code = wasm_v128_and(up ? wasm_i16x8_shl(code, (uint32_t)up) : code, mask);
    if (v == 0)
#pragma GCC unroll 4
      for (int32_t r = 0; r < rows; r++)
        pair[r] = qcc_pairs_lane(x[r], k + (wide == 4 ? i / 2 : i));
    qcc_pairs_add(rows, wide, v, pair, wasm_i16x8_extend_low_i8x16(code), sum);
    qcc_pairs_add(rows, wide, v + 1, pair, wasm_i16x8_extend_high_i8x16(code), sum);
  }
}

/* Up to `left` of the eight inputs in x; returns the weights behind them. */
QCC_INLINE const int8_t *qcc_pairs_eight(int32_t rows, int32_t wide, int32_t bits, int32_t left,
                                         const v128_t *x, const int8_t *w, v128_t *sum) {
  int32_t unit = 16 / bits;
#pragma GCC unroll 4
  for (int32_t k = 0; k < 8 / unit; k++)
    if (unit * k < left) {
      if (bits == 8)
        qcc_pairs_step(rows, wide, k, x, w, sum);
      else
        qcc_pairs_narrow(rows, wide, bits, k * unit / 2, x, w, sum);
      w += 8 * wide;
    }
  return w;
}

QCC_INLINE void qcc_pairs_load(int32_t rows, const int8_t *x, int32_t step, v128_t *v) {
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
    v[r] = wasm_i16x8_load8x8(x + r * step);
}

/* Adds the products of n codes of each pixel, `step` codes apart; returns the weights behind them. */
QCC_INLINE const int8_t *qcc_pairs_run(int32_t rows, int32_t wide, int32_t bits, int32_t n,
                                       const int8_t *v, int32_t step, const int8_t *w,
                                       v128_t *sum) {
  v128_t x[4];
  int32_t i = 0;
  for (; i + 8 <= n; i += 8) {
    qcc_pairs_load(rows, v + i, step, x);
    w = qcc_pairs_eight(rows, wide, bits, 8, x, w, sum);
  }
  if (i < n) {
    qcc_pairs_load(rows, v + i, step, x);
    w = qcc_pairs_eight(rows, wide, bits, n - i, x, w, sum);
  }
  return w;
}

/* The same group after group, each times its multiple; narrow weights as they are. */
QCC_INLINE const int8_t *qcc_pairs_groups(int32_t rows, int32_t wide,
                                          const struct qcc_line_layer *o, int32_t run,
                                          const uint8_t *multiple, const int8_t *v, int32_t step,
                                          const int8_t *w, v128_t *sum) {
  for (int32_t i = 0; i < run; i += o->size) {
    v128_t part[8];
#pragma GCC unroll 8
    for (int32_t k = 0; k < rows * wide; k++)
      part[k] = wasm_i32x4_const_splat(0);
    w = qcc_pairs_run(rows, wide, o->kind, qcc_min(o->size, run - i), v + i, step, w, part);
#pragma GCC unroll 4
    for (int32_t k = 0; k < wide; k++, multiple += 4) {
      v128_t m = wasm_u32x4_extend_low_u16x8(
          wasm_u16x8_extend_low_u8x16(wasm_v128_load32_zero(multiple)));
#pragma GCC unroll 4
      for (int32_t r = 0; r < rows; r++) {
        v128_t whole = wasm_i32x4_shr(part[r * wide + k], (uint32_t)(8 - o->kind));
        sum[r * wide + k] = wasm_i32x4_add(sum[r * wide + k], wasm_i32x4_mul(whole, m));
      }
    }
  }
  return w;
}

/* Multiples of a channel in one line. */
QCC_INLINE int32_t qcc_pairs_multiples(const struct qcc_line_layer *o, int32_t run) {
  return o->multiple ? (run + o->size - 1) / o->size : 0;
}

/* sum[r * wide + v]: the products of pixel r, channels 4 * v .., added.  What a convolution's window
 * says too comes from there: there it may be a constant. */
QCC_INLINE void qcc_pairs_sums(int32_t rows, int32_t wide, const struct qcc_line_layer *o,
                               const struct qcc_lines *l, const uint8_t *multiple, int32_t at,
                               const int8_t *w, v128_t *sum) {
  int32_t run = o->g ? o->g->kernel_w * o->g->in_c : l->run, n = o->g ? o->g->kernel_h : 1;
  for (int32_t j = 0; j < n; j++) {
    const int8_t *v = (const int8_t *)l->line[j] + at;
    if (multiple)
      w = qcc_pairs_groups(rows, wide, o, run,
                           multiple + j * qcc_pairs_multiples(o, run) * 4 * wide, v, l->step, w,
                           sum);
    else
      w = qcc_pairs_run(rows, wide, o->kind, run, v, l->step, w, sum);
  }
}

/* The block's channels of `rows` pixels, of which n are stored. */
QCC_INLINE void qcc_pairs_tile(int32_t rows, int32_t wide, const struct qcc_line_layer *o,
                               const struct qcc_lines *l, const struct qcc_wasm_channels *channels,
                               const uint8_t *multiple, int32_t at, int32_t n, int32_t some,
                               const int8_t *w, int8_t *y) {
  int32_t back = o->kind < 8 && !multiple;
  v128_t sum[8];
#pragma GCC unroll 8
  for (int32_t k = 0; k < rows * wide; k++)
    sum[k] = back ? wasm_i32x4_const_splat(0) : channels->b[k % wide];
  qcc_pairs_sums(rows, wide, o, l, multiple, at, w, sum);
  if (back)
#pragma GCC unroll 8
    for (int32_t k = 0; k < rows * wide; k++)
      sum[k] = wasm_i32x4_add(wasm_i32x4_shr(sum[k], (uint32_t)(8 - o->kind)), channels->b[k % wide]);
  qcc_wasm_finish(rows, wide, o, channels, n, some, sum, y);
}

/* The block's channels, from c on, of n pixels. */
QCC_INLINE void qcc_pairs_block(int32_t wide, const struct qcc_line_layer *o,
                                const struct qcc_lines *l, int32_t c, int32_t n, const int8_t *w,
                                const uint8_t *multiple, int8_t *y) {
  int32_t some = qcc_min(o->cols - c, 4 * wide), i = 0;
  struct qcc_wasm_channels channels;
  qcc_wasm_begin(wide, o, c, some, &channels);
  if (wide == 4) {
    for (; i + 2 <= n; i += 2)
      qcc_pairs_tile(2, 4, o, l, &channels, multiple, i * l->step, 2, some, w, y + i * o->cols + c);
  } else {
    for (; i + (l->slack ? 2 : 4) <= n; i += 4)
      qcc_pairs_tile(4, wide, o, l, &channels, multiple, i * l->step, qcc_min(n - i, 4), some, w,
                     y + i * o->cols + c);
  }
  for (; i < n; i++)
    qcc_pairs_tile(1, wide, o, l, &channels, multiple, i * l->step, 1, some, w,
                   y + i * o->cols + c);
}

/* Output channels of the next block, as the compiler has ordered the weights; the last may have
 * more channels than the layer. */
QCC_INLINE int32_t qcc_pairs_width(int32_t left, int32_t bits) {
  if (bits < 8)
    return left > 8 ? 16 : 8;
  return left > 12 ? 16 : left > 4 ? 8 : 4;
}

QCC_INLINE void qcc_pairs_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  int32_t unit = 16 / o->kind, depth = l->n * ((l->run + unit - 1) / unit * unit);
  int32_t groups = l->n * qcc_pairs_multiples(o, l->run);
  const int8_t *w = o->w;
  const uint8_t *s = o->multiple;
  for (int32_t c = 0, block; c < o->cols; c += block, w += block * depth * o->kind / 8) {
    block = qcc_pairs_width(o->cols - c, o->kind);
    if (block == 16)
      qcc_pairs_block(4, o, l, c, n, w, s, (int8_t *)to);
    else if (block == 8)
      qcc_pairs_block(2, o, l, c, n, w, s, (int8_t *)to);
    else
      qcc_pairs_block(1, o, l, c, n, w, s, (int8_t *)to);
    s = s ? s + block * groups : NULL;
  }
}

#endif
