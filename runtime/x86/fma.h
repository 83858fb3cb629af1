/* fma.h - float convolutions and matrix products: a tile of pixels by two vectors of output
 * channels whose sums stay in registers.  Weights are packed [channels / two vectors][depth][two
 * vectors], the last group one vector wide where that suffices.  Included behind float.h of an
 * instruction set. */
#ifndef QCC_X86_FMA_H
#define QCC_X86_FMA_H

#include "activation_f32.h"
#include "x86/stage.h"
#include "x86/tiles.h"

struct qcc_fma {
  struct qcc_tiles g;
  int32_t steps; /* elements of a run */
  struct qcc_act act;
};

/* Writes n outputs; activations that are no clamp are applied behind the store. */
QCC_INLINE void qcc_store_activated(const struct qcc_act *act, int32_t n, qcc_floats v, float *y) {
  int32_t clamp = act->kind == QCC_ACT_CLIP, relu = act->kind == QCC_ACT_RELU;
  const float lo = clamp ? act->a : relu ? 0.0f : -INFINITY, hi = clamp ? act->b : INFINITY;
  v = qcc_smaller(qcc_spread(hi), qcc_larger(qcc_spread(lo), v));
  qcc_store_some(y, n, v);
  if (act->kind != QCC_ACT_NONE && !relu && !clamp)
    qcc_activate_f32(act, qcc_min(n, QCC_LANES), y, y);
}

QCC_INLINE qcc_floats qcc_spread_float(const uint8_t *p) {
  float v;
  memcpy(&v, p, sizeof v);
  return qcc_spread(v);
}

/* One tile by n_vector vectors of output channels from o on; returns the weights behind them. */
QCC_INLINE const float *qcc_fma_tile(const struct qcc_fma *v, int32_t n_vector, int32_t n_pixel,
                                     const uint8_t *const *x, const float *w, const float *b,
                                     int32_t o, uint8_t *const *y) {
  qcc_floats acc[2][QCC_FLOAT_NARROW];
#pragma GCC unroll 2
  for (int32_t n = 0; n < n_vector; n++)
#pragma GCC unroll 16
    for (int32_t p = 0; p < n_pixel; p++) acc[n][p] = qcc_load_floats(b + o + n * QCC_LANES);
  for (int32_t h = 0; h < v->g.runs_h; h++)
    for (int32_t i = 0; i < v->g.runs_w; i++) {
      int64_t at = (int64_t)h * v->g.step_h + (int64_t)i * v->g.step_w;
      for (int32_t k = 0; k < v->steps; k++, at += 4, w += n_vector * QCC_LANES) {
        qcc_floats wv[2];
#pragma GCC unroll 2
        for (int32_t n = 0; n < n_vector; n++) wv[n] = qcc_load_floats(w + n * QCC_LANES);
#pragma GCC unroll 16
        for (int32_t p = 0; p < n_pixel; p++) {
          qcc_floats xv = qcc_spread_float(x[p] + at);
#pragma GCC unroll 2
          for (int32_t n = 0; n < n_vector; n++) acc[n][p] = qcc_multiply_add(wv[n], xv, acc[n][p]);
        }
      }
    }
#pragma GCC unroll 16
  for (int32_t p = 0; p < n_pixel; p++)
#pragma GCC unroll 2
    for (int32_t n = 0; n < n_vector; n++)
      qcc_store_activated(&v->act, v->g.out_c - o - n * QCC_LANES, acc[n][p],
                          (float *)(void *)y[p] + o + n * QCC_LANES);
  return w;
}

/* One pixel: four sums per vector, or a sum would wait for the one before. */
QCC_INLINE const float *qcc_fma_row(const struct qcc_fma *v, int32_t n_vector, const uint8_t *x,
                                    const float *w, const float *b, int32_t o, uint8_t *y) {
  qcc_floats acc[2][4];
#pragma GCC unroll 2
  for (int32_t n = 0; n < n_vector; n++) {
    acc[n][0] = qcc_load_floats(b + o + n * QCC_LANES);
    acc[n][1] = acc[n][2] = acc[n][3] = qcc_spread(0.0f);
  }
  for (int32_t h = 0; h < v->g.runs_h; h++)
    for (int32_t i = 0; i < v->g.runs_w; i++) {
      int64_t at = (int64_t)h * v->g.step_h + (int64_t)i * v->g.step_w;
      int32_t k = 0;
      for (; k + 4 <= v->steps; k += 4, at += 16)
#pragma GCC unroll 4
        for (int32_t j = 0; j < 4; j++)
#pragma GCC unroll 2
          for (int32_t n = 0; n < n_vector; n++, w += QCC_LANES)
            acc[n][j] = qcc_multiply_add(qcc_load_floats(w), qcc_spread_float(x + at + j * 4),
                                         acc[n][j]);
      for (; k < v->steps; k++, at += 4)
#pragma GCC unroll 2
        for (int32_t n = 0; n < n_vector; n++, w += QCC_LANES)
          acc[n][0] = qcc_multiply_add(qcc_load_floats(w), qcc_spread_float(x + at), acc[n][0]);
    }
#pragma GCC unroll 2
  for (int32_t n = 0; n < n_vector; n++) {
    const qcc_floats one = qcc_spread(1.0f);
    qcc_floats low = qcc_multiply_add(acc[n][0], one, acc[n][1]);
    qcc_floats high = qcc_multiply_add(acc[n][2], one, acc[n][3]);
    qcc_store_activated(&v->act, v->g.out_c - o - n * QCC_LANES, qcc_multiply_add(low, one, high),
                        (float *)(void *)y + o + n * QCC_LANES);
  }
  return w;
}

/* Every output channel of one tile, n_vector vectors at a time. */
QCC_INLINE void qcc_fma_pixels(const struct qcc_fma *v, int32_t n_vector, int32_t n_pixel,
                               const uint8_t *const *x, const float *w, const float *b,
                               uint8_t *const *y) {
  int32_t o = 0;
  for (; o + (n_vector - 1) * QCC_LANES < v->g.out_c; o += n_vector * QCC_LANES)
    w = n_pixel == 1 ? qcc_fma_row(v, n_vector, x[0], w, b, o, y[0])
                     : qcc_fma_tile(v, n_vector, n_pixel, x, w, b, o, y);
  if (n_vector == 1 || o >= v->g.out_c) return;
  if (n_pixel == 1) qcc_fma_row(v, 1, x[0], w, b, o, y[0]);
  else qcc_fma_tile(v, 1, n_pixel, x, w, b, o, y);
}

/* All pixels, n_pixel at a time. */
QCC_INLINE void qcc_fma_walk(const struct qcc_fma *v, int32_t n_vector, int32_t n_pixel,
                             const float *x, const float *w, const float *b, float *y) {
  const struct qcc_fma own = *v; /* which the stores cannot change */
  struct qcc_walk walk = qcc_begin_walk(&own.g, x, y);
  const uint8_t *xs[QCC_FLOAT_NARROW];
  uint8_t *ys[QCC_FLOAT_NARROW];
  while (walk.left > 0) {
    qcc_next_tile(&own.g, &walk, n_pixel, (own.g.out_c + own.g.other_c) * 4, xs, ys);
    qcc_fma_pixels(&own, n_vector, n_pixel, xs, w, b, ys);
  }
}

/* One copy of each walk for all layers; few channels leave room for more pixels. */
QCC_SHARED void qcc_fma_one(const struct qcc_fma *v, const float *x, const float *w, const float *b,
                            float *y) {
  qcc_fma_walk(v, 2, 1, x, w, b, y);
}
QCC_SHARED void qcc_fma_wide(const struct qcc_fma *v, const float *x, const float *w,
                             const float *b, float *y) {
  qcc_fma_walk(v, 2, QCC_FLOAT_TILE, x, w, b, y);
}
QCC_SHARED void qcc_fma_narrow(const struct qcc_fma *v, const float *x, const float *w,
                               const float *b, float *y) {
  qcc_fma_walk(v, 1, QCC_FLOAT_NARROW, x, w, b, y);
}

QCC_INLINE void qcc_fma_all(const struct qcc_fma *v, const float *x, const float *w, const float *b,
                            float *y) {
  if (v->g.batch * v->g.rows_h * v->g.rows_w == 1) qcc_fma_one(v, x, w, b, y);
  else if (v->g.out_c <= QCC_LANES) qcc_fma_narrow(v, x, w, b, y);
  else qcc_fma_wide(v, x, w, b, y);
}

/* A convolution over the copy x, group by group. */
QCC_INLINE void qcc_fma_groups(const struct qcc_fma *v, const float *x, const float *w,
                               const float *b, float *y) {
  for (int32_t i = 0; i <= v->g.more; i++)
    qcc_fma_all(v, x + i * v->g.x_next / 4, w + (int64_t)i * v->g.w_next, b + i * v->g.slots,
                y + i * v->g.out_c);
}

#endif
