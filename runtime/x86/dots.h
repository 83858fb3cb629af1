/* dots.h - sums of products of codes, for convolutions and matrix products: a tile of pixels by
 * blocks of output channels, a vector of int32 sums each, that stay in registers.  A step adds to
 * every sum the products of four bytes of a pixel's inputs, spread over the vector, with a vector
 * of weights: four inputs as unsigned bytes, or two as int16.
 *
 * Weights are packed in the order in which the tile reads them: groups of up to QCC_BLOCKS blocks
 * of channels; within a group, load by load, a vector per block.  With four bits a load has the
 * weights of two steps, with two bits of four.  In whole groups the channels are dealt out such
 * that narrowing the sums puts them in order.  Where inputs are code + 128, the bias holds
 * -128 * sum(w).  Included behind lanes.h of an instruction set. */
#ifndef QCC_X86_DOTS_H
#define QCC_X86_DOTS_H

#include "x86/stage.h"
#include "x86/tiles.h"

struct qcc_dots {
  struct qcc_tiles g;
  int32_t loads;       /* of weights per run */
  int32_t group_loads; /* that share a multiple; 0: no multiples */
  const int8_t *levels; /* of weights that are indices */
  struct qcc_rescale out;
};

/* acc[n][p] += products of one load of weights and the inputs from byte `at` on. */
QCC_INLINE void qcc_dots_load(int32_t kind, const int8_t *levels, int32_t n_block, int32_t n_pixel,
                              const uint8_t *const *x, int64_t at, const uint8_t *w,
                              qcc_sums (*acc)[QCC_TILE]) {
  qcc_sums packed[QCC_BLOCKS], v[QCC_BLOCKS];
#pragma GCC unroll 4
  for (int32_t n = 0; n < n_block; n++)
    packed[n] = qcc_load_weights(kind, w + n * qcc_load_bytes(kind));
#pragma GCC unroll 4
  for (int32_t step = 0; step < 8 / qcc_weight_bits(kind); step++) {
#pragma GCC unroll 4
    for (int32_t n = 0; n < n_block; n++) v[n] = qcc_weights_of(kind, levels, step, packed[n]);
#pragma GCC unroll 16
    for (int32_t p = 0; p < n_pixel; p++) {
      int32_t four;
      memcpy(&four, x[p] + at + step * 4, 4);
      qcc_sums inputs = qcc_spread_codes(four);
#pragma GCC unroll 4
      for (int32_t n = 0; n < n_block; n++) acc[n][p] = qcc_dot(kind, acc[n][p], inputs, v[n]);
    }
  }
}

/* `loads` loads of weights and the inputs from byte `at` on, skipping `jump` bytes behind every
 * `run` of them; returns the weights behind them. One loop for all runs: those of small kernels
 * are short. */
QCC_INLINE const uint8_t *qcc_dots_run(int32_t kind, const int8_t *levels, int32_t n_block,
                                       int32_t n_pixel, int32_t jumps, int32_t loads, int32_t run,
                                       int64_t jump, const uint8_t *const *x, int64_t at,
                                       const uint8_t *w, qcc_sums (*acc)[QCC_TILE]) {
  for (int32_t k = 0, left = run; k < loads; k++, w += n_block * qcc_load_bytes(kind)) {
    qcc_dots_load(kind, levels, n_block, n_pixel, x, at, w, acc);
    at += 32 / qcc_weight_bits(kind);
    if (jumps && --left == 0) {
      left = run;
      at += jump;
    }
  }
  return w;
}

QCC_INLINE void qcc_dots_clear(int32_t n_block, int32_t n_pixel, qcc_sums (*acc)[QCC_TILE]) {
#pragma GCC unroll 4
  for (int32_t n = 0; n < n_block; n++)
#pragma GCC unroll 16
    for (int32_t p = 0; p < n_pixel; p++) acc[n][p] = qcc_no_sums();
}

/* The whole reduction of one tile. */
QCC_INLINE const uint8_t *qcc_dots_sum(const struct qcc_dots *v, int32_t kind, int32_t n_block,
                                       int32_t n_pixel, const uint8_t *const *x, const uint8_t *w,
                                       qcc_sums (*sum)[QCC_TILE]) {
  qcc_dots_clear(n_block, n_pixel, sum);
  /* Dense kernels are one loop over all rows, dilated ones a loop per row. */
  int32_t dense = v->g.runs_w == 1, rows = dense ? 1 : v->g.runs_h;
  int32_t runs = dense ? v->g.runs_h : v->g.runs_w;
  int32_t load = 32 / qcc_weight_bits(kind); /* bytes of inputs */
  int64_t jump = (dense ? v->g.step_h : v->g.step_w) - (int64_t)v->loads * load;
  if (n_pixel == 1 && dense && runs == 1) {
    w = qcc_dots_run(kind, v->levels, n_block, n_pixel, 0, v->loads, 0, 0, x, 0, w, sum);
    rows = 0;
  }
  for (int32_t h = 0; h < rows; h++)
    w = qcc_dots_run(kind, v->levels, n_block, n_pixel, 1, runs * v->loads, v->loads, jump, x,
                     (int64_t)h * v->g.step_h, w, sum);
#pragma GCC unroll 4
  for (int32_t n = 0; n < n_block; n++)
#pragma GCC unroll 16
    for (int32_t p = 0; p < n_pixel; p++) sum[n][p] = qcc_whole_sums(kind, sum[n][p]);
  return w;
}

/* sum += acc, times the channels' multiples where there are any; acc = 0. */
QCC_INLINE void qcc_dots_move(int32_t kind, int32_t n_block, int32_t n_pixel,
                              const uint8_t *multiple, qcc_sums (*acc)[QCC_TILE],
                              qcc_sums (*sum)[QCC_TILE]) {
#pragma GCC unroll 4
  for (int32_t n = 0; n < n_block; n++) {
    qcc_sums factor = multiple ? qcc_load_multiples(multiple + n * QCC_SUMS) : qcc_no_sums();
#pragma GCC unroll 16
    for (int32_t p = 0; p < n_pixel; p++) {
      qcc_sums part = qcc_whole_sums(kind, acc[n][p]);
      sum[n][p] = qcc_add_sums(sum[n][p], multiple ? qcc_multiply_sums(part, factor) : part);
      acc[n][p] = qcc_no_sums();
    }
  }
}

/* The same in parts: where runs of group_loads loads have a multiple each, and where acc has room
 * for a few products only; moves *multiple on. */
QCC_INLINE const uint8_t *qcc_dots_sum_parts(const struct qcc_dots *v, int32_t kind,
                                             int32_t n_block, int32_t n_pixel,
                                             const uint8_t *const *x, const uint8_t *w,
                                             const uint8_t **multiple, qcc_sums (*sum)[QCC_TILE]) {
  qcc_sums acc[QCC_BLOCKS][QCC_TILE];
  int32_t room = qcc_room(kind), group = multiple ? v->group_loads : INT32_MAX, left = group;
  int32_t free = room; /* loads that acc still has room for */
  qcc_dots_clear(n_block, n_pixel, acc);
  qcc_dots_clear(n_block, n_pixel, sum);
  for (int32_t h = 0; h < v->g.runs_h; h++)
    for (int32_t i = 0; i < v->g.runs_w; i++) {
      int64_t at = (int64_t)h * v->g.step_h + (int64_t)i * v->g.step_w;
      for (int32_t k = 0; k < v->loads;) {
        int32_t take = qcc_min(qcc_min(left, free), v->loads - k);
        w = qcc_dots_run(kind, v->levels, n_block, n_pixel, 0, take, 0, 0, x, at, w, acc);
        k += take;
        at += take * (32 / qcc_weight_bits(kind));
        left -= take;
        free -= take;
        if (left > 0 && free > 0) continue;
        qcc_dots_move(kind, n_block, n_pixel, multiple ? *multiple : NULL, acc, sum);
        free = room;
        if (left > 0) continue;
        if (multiple) *multiple += n_block * QCC_SUMS;
        left = group;
      }
    }
  if (left < group || !multiple)
    qcc_dots_move(kind, n_block, n_pixel, multiple ? *multiple : NULL, acc, sum);
  if (multiple && left < group) *multiple += n_block * QCC_SUMS;
  return w;
}

/* Sums of n_block blocks as they are, int32, at most n of them, in the order of the channels: in a whole
 * group vector k holds, of each quarter of the channels, numbers 4k to 4k + 3. */
QCC_INLINE void qcc_store_sums(int32_t n_block, const qcc_sums *r, int32_t n, uint8_t *y) {
  int32_t whole = n_block == QCC_BLOCKS, v[QCC_SUMS];
#pragma GCC unroll 4
  for (int32_t k = 0; k < n_block; k++) {
    memcpy(v, &r[k], sizeof v);
#pragma GCC unroll 4
    for (int32_t q = 0; q < QCC_SUMS / 4; q++) {
      int32_t at = whole ? 4 * QCC_BLOCKS * q + 4 * k : QCC_SUMS * k + 4 * q;
      if (at + 4 <= n) memcpy(y + 4 * at, v + 4 * q, 16);
      else if (at < n) memcpy(y + 4 * at, v + 4 * q, 4 * (size_t)(n - at));
    }
  }
}

/* One tile by one group of n_block blocks from channel `o` on.  raw: y gets the sums. */
QCC_INLINE const uint8_t *qcc_dots_tile(const struct qcc_dots *v, int32_t kind, int32_t raw,
                                        int32_t n_block, int32_t n_pixel, const uint8_t *const *x, const uint8_t *w,
                                        const uint8_t **multiple, const int32_t *b,
                                        const int32_t *m, const int8_t *table, int32_t o,
                                        uint8_t *const *y) {
  qcc_sums sum[QCC_BLOCKS][QCC_TILE], r[QCC_BLOCKS];
  if (multiple || qcc_room(kind) < INT32_MAX)
    w = qcc_dots_sum_parts(v, kind, n_block, n_pixel, x, w, multiple, sum);
  else w = qcc_dots_sum(v, kind, n_block, n_pixel, x, w, sum);
#pragma GCC unroll 16
  for (int32_t p = 0; p < n_pixel; p++) {
#pragma GCC unroll 4
    for (int32_t n = 0; n < n_block; n++) {
      qcc_sums s = qcc_add_sums(sum[n][p], qcc_load_sums(b + o + n * QCC_SUMS));
      r[n] = raw ? s : qcc_requantize_sums(&v->out, s, m + o + n * QCC_SUMS);
    }
    if (raw) qcc_store_sums(n_block, r, v->g.out_c - o, y[p] + 4 * o);
    else
      qcc_store_codes(&v->out, n_block, r, table, v->g.out_c - o, (int8_t *)y[p] + o);
  }
  return w;
}

/* Every output channel of one tile, at most `most` blocks at a time. */
QCC_INLINE void qcc_dots_pixels(const struct qcc_dots *v, int32_t kind, int32_t raw,
                                int32_t n_pixel, int32_t most, const uint8_t *const *x, const uint8_t *w,
                                const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                const int8_t *table, uint8_t *const *y) {
  const uint8_t **g = multiple ? &multiple : NULL;
  int32_t o = 0, left = (v->g.out_c + QCC_SUMS - 1) / QCC_SUMS;
  for (; left >= most; left -= most, o += most * QCC_SUMS)
    w = qcc_dots_tile(v, kind, raw, most, n_pixel, x, w, g, b, m, table, o, y);
  /* gcc warns of what three blocks would write, even where the tile has no room for them. */
  enum { THREE = QCC_BLOCKS > 3 ? 3 : QCC_BLOCKS };
  if (most > 3 && left == 3) qcc_dots_tile(v, kind, raw, THREE, n_pixel, x, w, g, b, m, table, o, y);
  else if (most > 2 && left == 2) qcc_dots_tile(v, kind, raw, 2, n_pixel, x, w, g, b, m, table, o, y);
  else if (most > 1 && left == 1) qcc_dots_tile(v, kind, raw, 1, n_pixel, x, w, g, b, m, table, o, y);
}

/* All pixels, n_pixel at a time. */
QCC_INLINE void qcc_dots_walk(const struct qcc_dots *v, int32_t kind, int32_t raw, int32_t n_pixel,
                              int32_t most, const uint8_t *x, const uint8_t *w, const uint8_t *multiple,
                              const int32_t *b, const int32_t *m, const int8_t *table, int8_t *y) {
  const struct qcc_dots own = *v; /* which the stores of codes cannot change */
  struct qcc_walk walk = qcc_begin_walk(&own.g, x, y);
  const uint8_t *xs[QCC_TILE];
  uint8_t *ys[QCC_TILE];
  while (walk.left > 0) {
    qcc_next_tile(&own.g, &walk, n_pixel, (own.g.out_c + own.g.other_c) * (raw ? 4 : 1), xs, ys);
    qcc_dots_pixels(&own, kind, raw, n_pixel, most, xs, w, multiple, b, m, table, ys);
  }
}

/* One copy of each walk for all layers; x is staged; w, b, m and multiple are packed.  Layers with
 * few channels have tiles of more pixels. */
#define QCC_DOTS_PARAMETERS                                                                       \
  const struct qcc_dots *v, const uint8_t *x, const uint8_t *w, const uint8_t *multiple,          \
      const int32_t *b, const int32_t *m, const int8_t *table, int8_t *y
#define QCC_DOTS_WALK(name, kind, raw, n_pixel, most, grouped)                                    \
  QCC_SHARED void qcc_dots_##name(QCC_DOTS_PARAMETERS) {                                          \
    qcc_dots_walk(v, kind, raw, n_pixel, most, x, w, grouped ? multiple : NULL, b, m, table, y);  \
  }
#define QCC_DOTS_OF(name, kind, raw, wide, narrow)                                                \
  QCC_DOTS_WALK(name##_row, kind, raw, 1, QCC_BLOCKS, 0)                                          \
  QCC_DOTS_WALK(name##_wide, kind, raw, wide, QCC_BLOCKS, 0)                                      \
  QCC_DOTS_WALK(name##_narrow, kind, raw, narrow, QCC_BLOCKS / 2, 0)                              \
  QCC_DOTS_WALK(name##_grouped_row, kind, raw, 1, QCC_BLOCKS, 1)                                  \
  QCC_DOTS_WALK(name##_grouped, kind, raw, 3, QCC_BLOCKS, 1)                                      \
  QCC_INLINE void qcc_dots_##name(QCC_DOTS_PARAMETERS) {                                          \
    int32_t row = v->g.batch * v->g.rows_h * v->g.rows_w == 1;                                    \
    int32_t few = v->g.out_c <= QCC_BLOCKS / 2 * QCC_SUMS;                                        \
    if (multiple && row) qcc_dots_##name##_grouped_row(v, x, w, multiple, b, m, table, y);        \
    else if (multiple) qcc_dots_##name##_grouped(v, x, w, multiple, b, m, table, y);              \
    else if (row) qcc_dots_##name##_row(v, x, w, NULL, b, m, table, y);                           \
    else if (few) qcc_dots_##name##_narrow(v, x, w, NULL, b, m, table, y);                        \
    else qcc_dots_##name##_wide(v, x, w, NULL, b, m, table, y);                                   \
  }
#define QCC_DOTS_BY(name, kind, wide, narrow)                                                     \
  QCC_DOTS_OF(name, kind, 0, wide, narrow)                                                        \
  QCC_DOTS_OF(name##_raw, kind, 1, wide, narrow)
QCC_DOTS_BY(s8, 8, QCC_TILE_8, QCC_NARROW_8)
QCC_DOTS_BY(s4, 4, QCC_TILE_4, QCC_NARROW_4)
QCC_DOTS_BY(s2, 2, QCC_TILE_4, QCC_NARROW_4)
QCC_DOTS_BY(l8, QCC_LEVELS_8, QCC_TILE_L8, QCC_NARROW_4)
QCC_DOTS_BY(l5, QCC_LEVELS_5, QCC_TILE_4, QCC_NARROW_4)
#undef QCC_DOTS_BY
#undef QCC_DOTS_OF
#undef QCC_DOTS_WALK
#undef QCC_DOTS_PARAMETERS

#endif
