/* vnni.h - what convolutions and matrix products have in common: a tile of pixels by up to 64
 * output channels whose sums stay in registers, fed with four products per lane by VPDPBUSD.
 *
 * Weights are packed in the order in which the tile reads them: groups of up to four blocks of
 * sixteen channels; within a group, step by step, 64 bytes per block (16 channels by 4 inputs,
 * or by 8 where codes have four bits).  With four blocks the channels are dealt out such that
 * narrowing the sums puts them in order.  Inputs are code + 128; the bias holds -128 * sum(w). */
#ifndef QCC_AVX512_VNNI_H
#define QCC_AVX512_VNNI_H

#include "avx512/requantize.h"
#include "x86/shared.h"

struct qcc_vnni {
  int32_t rows_h, rows_w; /* output pixels: batch * rows_h * rows_w */
  int32_t batch;
  int32_t image, line, pixel; /* bytes between images, output lines and output pixels in x */
  int32_t runs_h, runs_w;     /* contiguous runs of inputs that a pixel reads */
  int32_t step_h, step_w;     /* bytes between them */
  int32_t steps;              /* of a run: 4 inputs each, 8 with codes of four bits */
  int32_t out_c;
  int32_t group_steps; /* steps that share a multiple; 0: no multiples */
  struct qcc_rescale out;
};

enum { QCC_TILE = 8 }; /* most pixels of a tile */

/* acc[n][p] += products of one step of four inputs. */
QCC_INLINE void qcc_vnni_step(int32_t n_block, int32_t n_pixel, const uint8_t *const *x, int64_t at,
                              const __m512i *w, __m512i (*acc)[QCC_TILE]) {
#pragma GCC unroll 8
  for (int32_t p = 0; p < n_pixel; p++) {
    int32_t four;
    memcpy(&four, x[p] + at, 4);
    __m512i v = _mm512_set1_epi32(four);
#pragma GCC unroll 4
    for (int32_t n = 0; n < n_block; n++) acc[n][p] = _mm512_dpbusd_epi32(acc[n][p], v, w[n]);
  }
}

/* `steps` steps from byte `at` on, skipping `jump` bytes behind every `run` of them;
 * returns the weights behind them. One loop for all runs: those of small kernels are short. */
QCC_INLINE const uint8_t *qcc_vnni_run(int32_t bits, int32_t n_block, int32_t n_pixel,
                                       int32_t jumps, int32_t steps, int32_t run, int64_t jump,
                                       const uint8_t *const *x, int64_t at, const uint8_t *w,
                                       __m512i (*acc)[QCC_TILE]) {
  const __m512i upper = _mm512_set1_epi8(-16);
  for (int32_t k = 0, left = run; k < steps; k++, w += n_block * 64) {
    __m512i v[4], first[4];
#pragma GCC unroll 4
    for (int32_t n = 0; n < n_block; n++) v[n] = _mm512_loadu_si512(w + n * 64);
    if (bits == 8) {
      qcc_vnni_step(n_block, n_pixel, x, at, v, acc);
    } else {
      /* Nibbles in the upper half of a byte: sixteen times the weight. */
#pragma GCC unroll 4
      for (int32_t n = 0; n < n_block; n++) {
        first[n] = _mm512_and_si512(_mm512_slli_epi16(v[n], 4), upper);
        v[n] = _mm512_and_si512(v[n], upper);
      }
      qcc_vnni_step(n_block, n_pixel, x, at, first, acc);
      qcc_vnni_step(n_block, n_pixel, x, at + 4, v, acc);
    }
    at += bits == 4 ? 8 : 4;
    if (jumps && --left == 0) {
      left = run;
      at += jump;
    }
  }
  return w;
}

/* The whole reduction of one tile. */
QCC_INLINE const uint8_t *qcc_vnni_sum(const struct qcc_vnni *v, int32_t bits, int32_t n_block,
                                       int32_t n_pixel, const uint8_t *const *x, const uint8_t *w,
                                       __m512i (*acc)[QCC_TILE]) {
#pragma GCC unroll 4
  for (int32_t n = 0; n < n_block; n++)
#pragma GCC unroll 8
    for (int32_t p = 0; p < n_pixel; p++) acc[n][p] = _mm512_setzero_si512();
  /* Dense kernels are one loop over all rows, dilated ones a loop per row. */
  int32_t dense = v->runs_w == 1, rows = dense ? 1 : v->runs_h;
  int32_t runs = dense ? v->runs_h : v->runs_w;
  int64_t jump = (dense ? v->step_h : v->step_w) - (int64_t)v->steps * (bits == 4 ? 8 : 4);
  if (n_pixel == 1 && dense && runs == 1) {
    w = qcc_vnni_run(bits, n_block, n_pixel, 0, v->steps, 0, 0, x, 0, w, acc);
    rows = 0;
  }
  for (int32_t h = 0; h < rows; h++)
    w = qcc_vnni_run(bits, n_block, n_pixel, 1, runs * v->steps, v->steps, jump, x,
                     (int64_t)h * v->step_h, w, acc);
  if (bits == 4) {
#pragma GCC unroll 4
    for (int32_t n = 0; n < n_block; n++)
#pragma GCC unroll 8
      for (int32_t p = 0; p < n_pixel; p++) acc[n][p] = _mm512_srai_epi32(acc[n][p], 4);
  }
  return w;
}

/* sum += multiple * acc, acc = 0; the multiples of n_block * 16 channels. */
QCC_INLINE void qcc_vnni_weigh(int32_t bits, int32_t n_block, int32_t n_pixel,
                               const uint8_t *multiple, __m512i (*acc)[QCC_TILE],
                               __m512i (*sum)[QCC_TILE]) {
#pragma GCC unroll 4
  for (int32_t n = 0; n < n_block; n++) {
    __m512i factor =
        _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(multiple + n * 16)));
#pragma GCC unroll 8
    for (int32_t p = 0; p < n_pixel; p++) {
      __m512i part = bits == 4 ? _mm512_srai_epi32(acc[n][p], 4) : acc[n][p];
      sum[n][p] = _mm512_add_epi32(sum[n][p], _mm512_mullo_epi32(part, factor));
      acc[n][p] = _mm512_setzero_si512();
    }
  }
}

/* The same where runs of group_steps steps have a multiple each; moves *multiple on. */
QCC_INLINE const uint8_t *qcc_vnni_sum_grouped(const struct qcc_vnni *v, int32_t bits,
                                               int32_t n_block, int32_t n_pixel,
                                               const uint8_t *const *x, const uint8_t *w,
                                               const uint8_t **multiple, __m512i (*sum)[QCC_TILE]) {
  __m512i acc[4][QCC_TILE];
  int32_t left = v->group_steps, per_step = bits == 4 ? 8 : 4;
#pragma GCC unroll 4
  for (int32_t n = 0; n < n_block; n++)
#pragma GCC unroll 8
    for (int32_t p = 0; p < n_pixel; p++) acc[n][p] = sum[n][p] = _mm512_setzero_si512();
  for (int32_t h = 0; h < v->runs_h; h++)
    for (int32_t i = 0; i < v->runs_w; i++) {
      int64_t at = (int64_t)h * v->step_h + (int64_t)i * v->step_w;
      for (int32_t k = 0; k < v->steps;) {
        int32_t take = qcc_min(left, v->steps - k);
        w = qcc_vnni_run(bits, n_block, n_pixel, 0, take, 0, 0, x, at + k * per_step, w, acc);
        k += take;
        left -= take;
        if (left > 0) continue;
        qcc_vnni_weigh(bits, n_block, n_pixel, *multiple, acc, sum);
        *multiple += n_block * 16;
        left = v->group_steps;
      }
    }
  if (left < v->group_steps) {
    qcc_vnni_weigh(bits, n_block, n_pixel, *multiple, acc, sum);
    *multiple += n_block * 16;
  }
  return w;
}

/* Codes of one pixel of the tile: adds the bias, requantizes, writes n channels. */
QCC_INLINE void qcc_vnni_store(const struct qcc_vnni *v, int32_t n_block, int32_t p,
                               __m512i (*acc)[QCC_TILE], const int32_t *b, const int32_t *m,
                               const int8_t *table, int32_t n, int8_t *y) {
  __m512i r[4];
#pragma GCC unroll 4
  for (int32_t i = 0; i < n_block; i++) {
    __m512i s = _mm512_add_epi32(acc[i][p], _mm512_loadu_si512(b + i * 16));
    r[i] = qcc_requantize_avx512(&v->out, s, _mm512_loadu_si512(m + i * 16));
  }
  if (n_block == 4 && n == 64) {
    _mm512_storeu_si512(y, qcc_pack4_avx512(&v->out, r));
  } else if (n_block == 4) {
    _mm512_mask_storeu_epi8(y, ~UINT64_C(0) >> (64 - n), qcc_pack4_avx512(&v->out, r));
  } else {
#pragma GCC unroll 4
    for (int32_t i = 0; i < n_block; i++) {
      if (n >= i * 16 + 16) {
        _mm_storeu_si128((__m128i *)(void *)(y + i * 16), qcc_pack_avx512(&v->out, r[i]));
        continue;
      }
      __mmask16 mask = (__mmask16)(0xffffu >> (16 - qcc_min(16, n - i * 16)));
      _mm_mask_storeu_epi8(y + i * 16, mask, qcc_pack_avx512(&v->out, r[i]));
    }
  }
  if (table) qcc_table_row(table, n, y);
}

/* One tile by one group of n_block blocks from channel `o` on. */
QCC_INLINE const uint8_t *qcc_vnni_tile(const struct qcc_vnni *v, int32_t bits, int32_t n_block,
                                        int32_t n_pixel, const uint8_t *const *x, const uint8_t *w,
                                        const uint8_t **multiple, const int32_t *b,
                                        const int32_t *m, const int8_t *table, int32_t o,
                                        int8_t *const *y) {
  __m512i acc[4][QCC_TILE];
  if (multiple) w = qcc_vnni_sum_grouped(v, bits, n_block, n_pixel, x, w, multiple, acc);
  else w = qcc_vnni_sum(v, bits, n_block, n_pixel, x, w, acc);
#pragma GCC unroll 8
  for (int32_t p = 0; p < n_pixel; p++)
    qcc_vnni_store(v, n_block, p, acc, b + o, m + o, table, qcc_min(n_block * 16, v->out_c - o),
                   y[p] + o);
  return w;
}

/* Every output channel of one tile; there are registers for 6 pixels by 64 channels, or 8 by 32. */
QCC_INLINE void qcc_vnni_pixels(const struct qcc_vnni *v, int32_t bits, int32_t n_pixel,
                                const uint8_t *const *x, const uint8_t *w, const uint8_t *multiple,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                int8_t *const *y) {
  const uint8_t **g = multiple ? &multiple : NULL;
  int32_t o = 0, left = (v->out_c + 15) >> 4;
  for (; n_pixel <= 6 && left >= 4; left -= 4, o += 64)
    w = qcc_vnni_tile(v, bits, 4, n_pixel, x, w, g, b, m, table, o, y);
  if (n_pixel <= 6 && left == 3) qcc_vnni_tile(v, bits, 3, n_pixel, x, w, g, b, m, table, o, y);
  else if (left == 2) qcc_vnni_tile(v, bits, 2, n_pixel, x, w, g, b, m, table, o, y);
  else if (left == 1) qcc_vnni_tile(v, bits, 1, n_pixel, x, w, g, b, m, table, o, y);
}

/* All pixels, n_pixel at a time; the last tile repeats its last pixel. */
QCC_INLINE void qcc_vnni_walk(const struct qcc_vnni *v, int32_t bits, int32_t n_pixel,
                              const uint8_t *x, const uint8_t *w, const uint8_t *multiple,
                              const int32_t *b, const int32_t *m, const int8_t *table, int8_t *y) {
  int32_t left = v->batch * v->rows_h * v->rows_w, ox = 0, oy = 0;
  const uint8_t *line = x, *image = x, *xs[QCC_TILE];
  int8_t *ys[QCC_TILE];
  const struct qcc_vnni own = *v; /* which the stores of codes cannot change */
  while (left > 0) {
    for (int32_t p = 0; p < n_pixel; p++) {
      xs[p] = x;
      ys[p] = y;
      if (--left <= 0) continue;
      y += v->out_c;
      x += v->pixel;
      if (++ox < v->rows_w) continue;
      ox = 0;
      x = line = line + v->line;
      if (++oy < v->rows_h) continue;
      oy = 0;
      x = line = image = image + v->image;
    }
    qcc_vnni_pixels(&own, bits, n_pixel, xs, w, multiple, b, m, table, ys);
  }
}

/* One copy of each walk for all layers: narrow layers have larger tiles. */
QCC_SHARED void qcc_vnni_s8_1(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_vnni_walk(v, 8, 1, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s8_6(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_vnni_walk(v, 8, 6, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s8_8(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_vnni_walk(v, 8, 8, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s8_grouped_1(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                                      const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                      const int8_t *table, int8_t *y) {
  qcc_vnni_walk(v, 8, 1, x, w, multiple, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s8_grouped_3(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                                      const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                      const int8_t *table, int8_t *y) {
  qcc_vnni_walk(v, 8, 3, x, w, multiple, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s4_1(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_vnni_walk(v, 4, 1, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s4_6(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_vnni_walk(v, 4, 6, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s4_8(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_vnni_walk(v, 4, 8, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s4_grouped_1(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                                      const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                      const int8_t *table, int8_t *y) {
  qcc_vnni_walk(v, 4, 1, x, w, multiple, b, m, table, y);
}
QCC_SHARED void qcc_vnni_s4_grouped_3(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                                      const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                      const int8_t *table, int8_t *y) {
  qcc_vnni_walk(v, 4, 3, x, w, multiple, b, m, table, y);
}

/* x is staged; w, b, m and multiple are packed. */
QCC_INLINE void qcc_vnni_s8(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                            const uint8_t *multiple, const int32_t *b, const int32_t *m,
                            const int8_t *table, int8_t *y) {
  int32_t pixels = v->batch * v->rows_h * v->rows_w;
  if (multiple && pixels == 1) qcc_vnni_s8_grouped_1(v, x, w, multiple, b, m, table, y);
  else if (multiple) qcc_vnni_s8_grouped_3(v, x, w, multiple, b, m, table, y);
  else if (pixels == 1) qcc_vnni_s8_1(v, x, w, NULL, b, m, table, y);
  else if (v->out_c > 32) qcc_vnni_s8_6(v, x, w, NULL, b, m, table, y);
  else qcc_vnni_s8_8(v, x, w, NULL, b, m, table, y);
}

QCC_INLINE void qcc_vnni_s4(const struct qcc_vnni *v, const uint8_t *x, const uint8_t *w,
                            const uint8_t *multiple, const int32_t *b, const int32_t *m,
                            const int8_t *table, int8_t *y) {
  int32_t pixels = v->batch * v->rows_h * v->rows_w;
  if (multiple && pixels == 1) qcc_vnni_s4_grouped_1(v, x, w, multiple, b, m, table, y);
  else if (multiple) qcc_vnni_s4_grouped_3(v, x, w, multiple, b, m, table, y);
  else if (pixels == 1) qcc_vnni_s4_1(v, x, w, NULL, b, m, table, y);
  else if (v->out_c > 32) qcc_vnni_s4_6(v, x, w, NULL, b, m, table, y);
  else qcc_vnni_s4_8(v, x, w, NULL, b, m, table, y);
}

#endif
