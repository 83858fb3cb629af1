/* fma.h - float convolutions and matrix products: a tile of pixels by two vectors of output
 * channels whose sums stay in registers.  Weights are packed [channels / two vectors][depth][two
 * vectors], the last group one vector wide where that suffices.  Included behind float.h of an
 * instruction set. */
#ifndef QCC_X86_FMA_H
#define QCC_X86_FMA_H

#include "activation_f32.h"
#include "x86/shared.h"

struct qcc_fma {
  int32_t rows_h, rows_w; /* output pixels: batch * rows_h * rows_w */
  int32_t batch;
  int32_t image, line, pixel; /* elements between images, output lines and output pixels in x */
  int32_t runs_h, runs_w;     /* contiguous runs of inputs that a pixel reads */
  int32_t step_h, step_w;     /* elements between them */
  int32_t steps;              /* elements of a run */
  int32_t out_c;
  struct qcc_act act;
};

/* An image and its copy with a border of zeros. */
struct qcc_float_stage {
  int32_t batch;
  int32_t in_h, in_w, in_c;
  int32_t h, w; /* of the copy */
  int32_t pad_top, pad_left;
};

QCC_KERNEL void qcc_stage_f32(const struct qcc_float_stage *t, const float *x, float *s) {
  int32_t row = t->w * t->in_c, left = t->pad_left * t->in_c;
  int32_t inside = qcc_min(t->in_w * t->in_c, row - left);
  for (int32_t n = 0; n < t->batch; n++, x += t->in_h * t->in_w * t->in_c)
    for (int32_t y = 0; y < t->h; y++, s += row) {
      int32_t from = y - t->pad_top;
      if (from < 0 || from >= t->in_h || inside <= 0) {
        memset(s, 0, (size_t)row * sizeof *s);
        continue;
      }
      memset(s, 0, (size_t)left * sizeof *s);
      memcpy(s + left, x + from * t->in_w * t->in_c, (size_t)inside * sizeof *s);
      memset(s + left + inside, 0, (size_t)(row - left - inside) * sizeof *s);
    }
}

/* Writes n outputs; rare activations are applied behind the store. */
QCC_INLINE void qcc_store_activated(const struct qcc_act *act, int32_t n, qcc_floats v, float *y) {
  if (act->kind == QCC_ACT_RELU) v = qcc_larger(qcc_spread(0.0f), v);
  else if (act->kind == QCC_ACT_CLIP)
    v = qcc_smaller(qcc_spread(act->b), qcc_larger(qcc_spread(act->a), v));
  qcc_store_some(y, n, v);
  if (act->kind != QCC_ACT_NONE && act->kind != QCC_ACT_RELU && act->kind != QCC_ACT_CLIP)
    qcc_activate_f32(act, qcc_min(n, QCC_LANES), y, y);
}

/* One tile by n_vector vectors of output channels from o on; returns the weights behind them. */
QCC_INLINE const float *qcc_fma_tile(const struct qcc_fma *v, int32_t n_vector, int32_t n_pixel,
                                     const float *const *x, const float *w, const float *b,
                                     int32_t o, float *const *y) {
  qcc_floats acc[2][QCC_FLOAT_TILE];
#pragma GCC unroll 2
  for (int32_t n = 0; n < n_vector; n++)
#pragma GCC unroll 8
    for (int32_t p = 0; p < n_pixel; p++) acc[n][p] = qcc_load_floats(b + o + n * QCC_LANES);
  for (int32_t h = 0; h < v->runs_h; h++)
    for (int32_t i = 0; i < v->runs_w; i++) {
      int64_t at = (int64_t)h * v->step_h + (int64_t)i * v->step_w;
      for (int32_t k = 0; k < v->steps; k++, at++, w += n_vector * QCC_LANES) {
        qcc_floats wv[2];
#pragma GCC unroll 2
        for (int32_t n = 0; n < n_vector; n++) wv[n] = qcc_load_floats(w + n * QCC_LANES);
#pragma GCC unroll 8
        for (int32_t p = 0; p < n_pixel; p++) {
          qcc_floats xv = qcc_spread(x[p][at]);
#pragma GCC unroll 2
          for (int32_t n = 0; n < n_vector; n++) acc[n][p] = qcc_multiply_add(wv[n], xv, acc[n][p]);
        }
      }
    }
#pragma GCC unroll 8
  for (int32_t p = 0; p < n_pixel; p++)
#pragma GCC unroll 2
    for (int32_t n = 0; n < n_vector; n++)
      qcc_store_activated(&v->act, v->out_c - o - n * QCC_LANES, acc[n][p],
                          y[p] + o + n * QCC_LANES);
  return w;
}

/* One pixel: four sums per vector, or a sum would wait for the one before. */
QCC_INLINE const float *qcc_fma_row(const struct qcc_fma *v, int32_t n_vector, const float *x,
                                    const float *w, const float *b, int32_t o, float *y) {
  qcc_floats acc[2][4];
#pragma GCC unroll 2
  for (int32_t n = 0; n < n_vector; n++) {
    acc[n][0] = qcc_load_floats(b + o + n * QCC_LANES);
    acc[n][1] = acc[n][2] = acc[n][3] = qcc_spread(0.0f);
  }
  for (int32_t h = 0; h < v->runs_h; h++)
    for (int32_t i = 0; i < v->runs_w; i++) {
      int64_t at = (int64_t)h * v->step_h + (int64_t)i * v->step_w;
      int32_t k = 0;
      for (; k + 4 <= v->steps; k += 4, at += 4)
#pragma GCC unroll 4
        for (int32_t j = 0; j < 4; j++)
#pragma GCC unroll 2
          for (int32_t n = 0; n < n_vector; n++, w += QCC_LANES)
            acc[n][j] = qcc_multiply_add(qcc_load_floats(w), qcc_spread(x[at + j]), acc[n][j]);
      for (; k < v->steps; k++, at++)
#pragma GCC unroll 2
        for (int32_t n = 0; n < n_vector; n++, w += QCC_LANES)
          acc[n][0] = qcc_multiply_add(qcc_load_floats(w), qcc_spread(x[at]), acc[n][0]);
    }
#pragma GCC unroll 2
  for (int32_t n = 0; n < n_vector; n++) {
    const qcc_floats one = qcc_spread(1.0f);
    qcc_floats low = qcc_multiply_add(acc[n][0], one, acc[n][1]);
    qcc_floats high = qcc_multiply_add(acc[n][2], one, acc[n][3]);
    qcc_store_activated(&v->act, v->out_c - o - n * QCC_LANES, qcc_multiply_add(low, one, high),
                        y + o + n * QCC_LANES);
  }
  return w;
}

/* Every output channel of one tile. */
QCC_INLINE void qcc_fma_pixels(const struct qcc_fma *v, int32_t n_pixel, const float *const *x,
                               const float *w, const float *b, float *const *y) {
  int32_t o = 0;
  for (; o + QCC_LANES < v->out_c; o += 2 * QCC_LANES)
    w = n_pixel == 1 ? qcc_fma_row(v, 2, x[0], w, b, o, y[0])
                     : qcc_fma_tile(v, 2, n_pixel, x, w, b, o, y);
  if (o < v->out_c && n_pixel == 1) qcc_fma_row(v, 1, x[0], w, b, o, y[0]);
  else if (o < v->out_c) qcc_fma_tile(v, 1, n_pixel, x, w, b, o, y);
}

/* All pixels, n_pixel at a time; the last tile repeats its last pixel. */
QCC_INLINE void qcc_fma_walk(const struct qcc_fma *v, int32_t n_pixel, const float *x,
                             const float *w, const float *b, float *y) {
  int32_t left = v->batch * v->rows_h * v->rows_w, ox = 0, oy = 0;
  const float *line = x, *image = x, *xs[QCC_FLOAT_TILE];
  float *ys[QCC_FLOAT_TILE];
  const struct qcc_fma own = *v; /* which the stores cannot change */
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
    qcc_fma_pixels(&own, n_pixel, xs, w, b, ys);
  }
}

/* One copy of each walk for all layers. */
QCC_SHARED void qcc_fma_one(const struct qcc_fma *v, const float *x, const float *w, const float *b,
                            float *y) {
  qcc_fma_walk(v, 1, x, w, b, y);
}
QCC_SHARED void qcc_fma_many(const struct qcc_fma *v, const float *x, const float *w,
                             const float *b, float *y) {
  qcc_fma_walk(v, QCC_FLOAT_TILE, x, w, b, y);
}

QCC_INLINE void qcc_fma_all(const struct qcc_fma *v, const float *x, const float *w, const float *b,
                            float *y) {
  if (v->batch * v->rows_h * v->rows_w == 1) qcc_fma_one(v, x, w, b, y);
  else qcc_fma_many(v, x, w, b, y);
}

#endif
