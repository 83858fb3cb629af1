/* madd.h - what convolutions and matrix products have in common: a tile of up to six pixels by
 * sixteen output channels whose sums stay in registers, fed with two products per lane by
 * VPMADDWD, which is exact (VPMADDUBSW saturates).
 *
 * Weights are packed in the order in which the tile reads them: blocks of sixteen channels,
 * within a block step by step: 32 bytes of 16 channels by 2 inputs (or by 4 where codes have
 * four bits), the channels dealt out such that narrowing the sums puts them in order.  Inputs
 * are widened to int16. */
#ifndef QCC_AVX2_MADD_H
#define QCC_AVX2_MADD_H

#include "avx2/requantize.h"
#include "x86/shared.h"

struct qcc_madd {
  int32_t rows_h, rows_w; /* output pixels: batch * rows_h * rows_w */
  int32_t batch;
  int32_t image, line, pixel; /* elements between images, output lines and output pixels in x */
  int32_t runs_h, runs_w;     /* contiguous runs of inputs that a pixel reads */
  int32_t step_h, step_w;     /* elements between them */
  int32_t steps;              /* of a run: 2 inputs each, 4 with codes of four bits */
  int32_t out_c;
  int32_t group_steps; /* steps that share a multiple; 0: no multiples */
  struct qcc_rescale out;
};

enum { QCC_TILE = 6 }; /* most pixels of a tile */

/* acc[n][p] += products of one step of two inputs. */
QCC_INLINE void qcc_madd_step(int32_t n_pixel, const int16_t *const *x, int64_t at, __m256i w0,
                              __m256i w1, __m256i (*acc)[QCC_TILE]) {
#pragma GCC unroll 6
  for (int32_t p = 0; p < n_pixel; p++) {
    int32_t two;
    memcpy(&two, x[p] + at, 4);
    __m256i v = _mm256_set1_epi32(two);
    acc[0][p] = _mm256_add_epi32(acc[0][p], _mm256_madd_epi16(v, w0));
    acc[1][p] = _mm256_add_epi32(acc[1][p], _mm256_madd_epi16(v, w1));
  }
}

/* `steps` steps from element `at` on, skipping `jump` elements behind every `run` of them;
 * returns the weights behind them. One loop for all runs: those of small kernels are short. */
QCC_INLINE const uint8_t *qcc_madd_run(int32_t bits, int32_t n_pixel, int32_t jumps, int32_t steps,
                                       int32_t run, int64_t jump, const int16_t *const *x,
                                       int64_t at, const uint8_t *w, __m256i (*acc)[QCC_TILE]) {
  for (int32_t k = 0, left = run; k < steps; k++, w += 32) {
    __m256i w0 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
    __m256i w1 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(w + 16)));
    if (bits == 4) {
      /* The low nibbles are the first step, the high ones the second. */
      qcc_madd_step(n_pixel, x, at, _mm256_srai_epi16(_mm256_slli_epi16(w0, 12), 12),
                    _mm256_srai_epi16(_mm256_slli_epi16(w1, 12), 12), acc);
      qcc_madd_step(n_pixel, x, at + 2, _mm256_srai_epi16(w0, 4), _mm256_srai_epi16(w1, 4), acc);
    } else {
      qcc_madd_step(n_pixel, x, at, w0, w1, acc);
    }
    at += bits == 4 ? 4 : 2;
    if (jumps && --left == 0) {
      left = run;
      at += jump;
    }
  }
  return w;
}

QCC_INLINE void qcc_madd_clear(int32_t n_pixel, __m256i (*acc)[QCC_TILE]) {
#pragma GCC unroll 6
  for (int32_t p = 0; p < n_pixel; p++) acc[0][p] = acc[1][p] = _mm256_setzero_si256();
}

/* The whole reduction of one tile. */
QCC_INLINE const uint8_t *qcc_madd_sum(const struct qcc_madd *v, int32_t bits, int32_t n_pixel,
                                       const int16_t *const *x, const uint8_t *w,
                                       __m256i (*acc)[QCC_TILE]) {
  qcc_madd_clear(n_pixel, acc);
  /* Dense kernels are one loop over all rows, dilated ones a loop per row. */
  int32_t dense = v->runs_w == 1, rows = dense ? 1 : v->runs_h;
  int32_t runs = dense ? v->runs_h : v->runs_w;
  int64_t jump = (dense ? v->step_h : v->step_w) - (int64_t)v->steps * (bits == 4 ? 4 : 2);
  if (n_pixel == 1 && dense && runs == 1) {
    w = qcc_madd_run(bits, n_pixel, 0, v->steps, 0, 0, x, 0, w, acc);
    rows = 0;
  }
  for (int32_t h = 0; h < rows; h++)
    w = qcc_madd_run(bits, n_pixel, 1, runs * v->steps, v->steps, jump, x, (int64_t)h * v->step_h,
                     w, acc);
  return w;
}

/* sum += multiple * acc, acc = 0. */
QCC_INLINE void qcc_madd_weigh(int32_t n_pixel, const uint8_t *multiple, __m256i (*acc)[QCC_TILE],
                               __m256i (*sum)[QCC_TILE]) {
#pragma GCC unroll 2
  for (int32_t n = 0; n < 2; n++) {
    __m256i factor =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(multiple + n * 8)));
#pragma GCC unroll 6
    for (int32_t p = 0; p < n_pixel; p++) {
      sum[n][p] = _mm256_add_epi32(sum[n][p], _mm256_mullo_epi32(acc[n][p], factor));
      acc[n][p] = _mm256_setzero_si256();
    }
  }
}

/* The same where runs of group_steps steps have a multiple each; moves *multiple on. */
QCC_INLINE const uint8_t *qcc_madd_sum_grouped(const struct qcc_madd *v, int32_t bits,
                                               int32_t n_pixel, const int16_t *const *x,
                                               const uint8_t *w, const uint8_t **multiple,
                                               __m256i (*sum)[QCC_TILE]) {
  __m256i acc[2][QCC_TILE];
  int32_t left = v->group_steps, per_step = bits == 4 ? 4 : 2;
  qcc_madd_clear(n_pixel, acc);
  qcc_madd_clear(n_pixel, sum);
  for (int32_t h = 0; h < v->runs_h; h++)
    for (int32_t i = 0; i < v->runs_w; i++) {
      int64_t at = (int64_t)h * v->step_h + (int64_t)i * v->step_w;
      for (int32_t k = 0; k < v->steps;) {
        int32_t take = qcc_min(left, v->steps - k);
        w = qcc_madd_run(bits, n_pixel, 0, take, 0, 0, x, at + k * per_step, w, acc);
        k += take;
        left -= take;
        if (left > 0) continue;
        qcc_madd_weigh(n_pixel, *multiple, acc, sum);
        *multiple += 16;
        left = v->group_steps;
      }
    }
  if (left < v->group_steps) {
    qcc_madd_weigh(n_pixel, *multiple, acc, sum);
    *multiple += 16;
  }
  return w;
}

/* Every output channel of one tile. */
QCC_INLINE void qcc_madd_pixels(const struct qcc_madd *v, int32_t bits, int32_t n_pixel,
                                const int16_t *const *x, const uint8_t *w, const uint8_t *multiple,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                int8_t *const *y) {
  for (int32_t o = 0; o < v->out_c; o += 16) {
    __m256i acc[2][QCC_TILE], r[2];
    if (multiple) w = qcc_madd_sum_grouped(v, bits, n_pixel, x, w, &multiple, acc);
    else w = qcc_madd_sum(v, bits, n_pixel, x, w, acc);
#pragma GCC unroll 6
    for (int32_t p = 0; p < n_pixel; p++) {
#pragma GCC unroll 2
      for (int32_t n = 0; n < 2; n++) {
        __m256i s = _mm256_add_epi32(acc[n][p], qcc_load_avx2(b + o + n * 8));
        r[n] = qcc_requantize_avx2(&v->out, s, qcc_load_avx2(m + o + n * 8));
      }
      qcc_store_avx2(qcc_pack2_avx2(&v->out, r), table, v->out_c - o, y[p] + o);
    }
  }
}

/* All pixels, n_pixel at a time; the last tile repeats its last pixel. */
QCC_INLINE void qcc_madd_walk(const struct qcc_madd *v, int32_t bits, int32_t n_pixel,
                              const int16_t *x, const uint8_t *w, const uint8_t *multiple,
                              const int32_t *b, const int32_t *m, const int8_t *table, int8_t *y) {
  int32_t left = v->batch * v->rows_h * v->rows_w, ox = 0, oy = 0;
  const int16_t *line = x, *image = x, *xs[QCC_TILE];
  int8_t *ys[QCC_TILE];
  const struct qcc_madd own = *v; /* which the stores of codes cannot change */
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
    qcc_madd_pixels(&own, bits, n_pixel, xs, w, multiple, b, m, table, ys);
  }
}

/* One copy of each walk for all layers. */
QCC_SHARED void qcc_madd_s8_1(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_madd_walk(v, 8, 1, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_madd_s8_6(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_madd_walk(v, 8, 6, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_madd_s8_grouped_1(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                                      const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                      const int8_t *table, int8_t *y) {
  qcc_madd_walk(v, 8, 1, x, w, multiple, b, m, table, y);
}
QCC_SHARED void qcc_madd_s8_grouped_3(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                                      const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                      const int8_t *table, int8_t *y) {
  qcc_madd_walk(v, 8, 3, x, w, multiple, b, m, table, y);
}
QCC_SHARED void qcc_madd_s4_1(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_madd_walk(v, 4, 1, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_madd_s4_6(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                              const uint8_t *multiple, const int32_t *b, const int32_t *m,
                              const int8_t *table, int8_t *y) {
  (void)multiple;
  qcc_madd_walk(v, 4, 6, x, w, NULL, b, m, table, y);
}
QCC_SHARED void qcc_madd_s4_grouped_1(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                                      const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                      const int8_t *table, int8_t *y) {
  qcc_madd_walk(v, 4, 1, x, w, multiple, b, m, table, y);
}
QCC_SHARED void qcc_madd_s4_grouped_3(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                                      const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                      const int8_t *table, int8_t *y) {
  qcc_madd_walk(v, 4, 3, x, w, multiple, b, m, table, y);
}

/* x is staged; w, b, m and multiple are packed. */
QCC_INLINE void qcc_madd_s8(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                            const uint8_t *multiple, const int32_t *b, const int32_t *m,
                            const int8_t *table, int8_t *y) {
  int32_t pixels = v->batch * v->rows_h * v->rows_w;
  if (multiple && pixels == 1) qcc_madd_s8_grouped_1(v, x, w, multiple, b, m, table, y);
  else if (multiple) qcc_madd_s8_grouped_3(v, x, w, multiple, b, m, table, y);
  else if (pixels == 1) qcc_madd_s8_1(v, x, w, NULL, b, m, table, y);
  else qcc_madd_s8_6(v, x, w, NULL, b, m, table, y);
}

QCC_INLINE void qcc_madd_s4(const struct qcc_madd *v, const int16_t *x, const uint8_t *w,
                            const uint8_t *multiple, const int32_t *b, const int32_t *m,
                            const int8_t *table, int8_t *y) {
  int32_t pixels = v->batch * v->rows_h * v->rows_w;
  if (multiple && pixels == 1) qcc_madd_s4_grouped_1(v, x, w, multiple, b, m, table, y);
  else if (multiple) qcc_madd_s4_grouped_3(v, x, w, multiple, b, m, table, y);
  else if (pixels == 1) qcc_madd_s4_1(v, x, w, NULL, b, m, table, y);
  else qcc_madd_s4_6(v, x, w, NULL, b, m, table, y);
}

#endif
