/* winograd_f32.h - float convolution 3x3 with stride 1 by minimal filtering, F(2x2, 3x3): four
 * outputs cost 16 products per input channel instead of 36 (A. Lavin and S. Gray, Fast algorithms
 * for convolutional neural networks, CVPR 2016).
 *
 * Every tile of 2x2 outputs reads 4x4 inputs.  These are transformed, which gives 16 matrices
 * [tiles][in_c]; each is multiplied with its matrix of weights, transformed by the compiler; the
 * products are transformed back.  Some tiles at a time, so that the matrices stay in the cache.
 * Included behind float.h of an instruction set. */
#ifndef QCC_X86_WINOGRAD_F32_H
#define QCC_X86_WINOGRAD_F32_H

#include "x86/fma.h"

struct qcc_winograd {
  int32_t batch, out_h, out_w, in_c, out_c; /* in_c: a multiple of a vector */
  int32_t tiles;                            /* at a time */
  int32_t plane;                            /* floats of one of the 16 matrices of weights */
  struct qcc_act act;
};

/* d -> B^T d */
QCC_INLINE void qcc_winograd_spread(const qcc_floats *d, int32_t step, qcc_floats *t) {
  t[0] = qcc_subtract(d[0], d[2 * step]);
  t[step] = qcc_add(d[step], d[2 * step]);
  t[2 * step] = qcc_subtract(d[2 * step], d[step]);
  t[3 * step] = qcc_subtract(d[step], d[3 * step]);
}

/* m -> A^T m */
QCC_INLINE void qcc_winograd_join(const qcc_floats *m, int32_t step, qcc_floats *s) {
  s[0] = qcc_add(qcc_add(m[0], m[step]), m[2 * step]);
  s[step] = qcc_subtract(qcc_subtract(m[step], m[2 * step]), m[3 * step]);
}

/* A vector of channels of 4x4 inputs to v[16], `apart` floats apart. */
QCC_INLINE void qcc_winograd_input(const float *x, int32_t line, int32_t pixel, int64_t apart,
                                   float *v) {
  qcc_floats d[16], t[16];
#pragma GCC unroll 16
  for (int32_t i = 0; i < 16; i++) d[i] = qcc_load_floats(x + i / 4 * line + i % 4 * pixel);
#pragma GCC unroll 4
  for (int32_t j = 0; j < 4; j++) qcc_winograd_spread(d + j, 4, t + j);
#pragma GCC unroll 4
  for (int32_t i = 0; i < 4; i++) qcc_winograd_spread(t + 4 * i, 1, d + 4 * i);
#pragma GCC unroll 16
  for (int32_t i = 0; i < 16; i++) qcc_store_floats(v + i * apart, d[i]);
}

/* n channels of 2x2 outputs from 16 products, to those of y[4] that exist. */
QCC_INLINE void qcc_winograd_output(const struct qcc_act *act, const float *m, int64_t apart,
                                    const float *b, int32_t n, float *const *y) {
  qcc_floats d[16], s[16];
#pragma GCC unroll 16
  for (int32_t i = 0; i < 16; i++) d[i] = qcc_load_some(m + i * apart, n);
#pragma GCC unroll 4
  for (int32_t j = 0; j < 4; j++) qcc_winograd_join(d + j, 4, s + j);
  const qcc_floats bias = qcc_load_floats(b);
#pragma GCC unroll 2
  for (int32_t i = 0; i < 2; i++) {
    qcc_winograd_join(s + 4 * i, 1, d);
#pragma GCC unroll 2
    for (int32_t j = 0; j < 2; j++)
      if (y[2 * i + j]) qcc_store_activated(act, n, qcc_add(d[j], bias), y[2 * i + j]);
  }
}

/* Tiles first .. first + n - 1 of an image: x is its copy with a border, which ends with the last
 * tile; v[16][n][in_c], m[16][n][out_c]. */
QCC_INLINE void qcc_winograd_tiles(const struct qcc_winograd *p, int32_t first, int32_t n,
                                   const float *x, const float *w, const float *b,
                                   const float *zeros, float *v, float *m, float *y) {
  int32_t columns = (p->out_w + 1) / 2, line = (2 * columns + 2) * p->in_c;
  int64_t v_apart = (int64_t)n * p->in_c, m_apart = (int64_t)n * p->out_c;
  for (int32_t t = 0; t < n; t++) {
    int32_t row = (first + t) / columns, column = (first + t) % columns;
    const float *from = x + 2 * row * line + 2 * column * p->in_c;
    for (int32_t c = 0; c < p->in_c; c += QCC_LANES)
      qcc_winograd_input(from + c, line, p->in_c, v_apart, v + (int64_t)t * p->in_c + c);
  }
  const struct qcc_fma product = {.g = {.rows_h = 1,
                                        .rows_w = n,
                                        .batch = 1,
                                        .pixel = p->in_c * 4,
                                        .runs_h = 1,
                                        .runs_w = 1,
                                        .out_c = p->out_c},
                                  .steps = p->in_c,
                                  .act = {.kind = QCC_ACT_NONE}};
  for (int32_t i = 0; i < 16; i++)
    qcc_fma_all(&product, v + i * v_apart, w + (int64_t)i * p->plane, zeros, m + i * m_apart);
  for (int32_t t = 0; t < n; t++) {
    int32_t row = (first + t) / columns * 2, column = (first + t) % columns * 2;
    for (int32_t c = 0; c < p->out_c; c += QCC_LANES) {
      float *ys[4];
      for (int32_t i = 0; i < 4; i++) {
        int32_t oy = row + i / 2, ox = column + i % 2;
        int32_t exists = oy < p->out_h && ox < p->out_w;
        ys[i] = exists ? y + (oy * p->out_w + ox) * p->out_c + c : NULL;
      }
      qcc_winograd_output(&p->act, m + (int64_t)t * p->out_c + c, m_apart, b + c, p->out_c - c, ys);
    }
  }
}

QCC_INLINE void qcc_winograd(const struct qcc_winograd *p, const struct qcc_stage *t,
                             const float *x, const float *w, const float *b, float *scratch,
                             float *y) {
  int32_t count = (p->out_h + 1) / 2 * ((p->out_w + 1) / 2), image = t->h * t->w * p->in_c;
  float *copy = qcc_align64(scratch), *v = copy + (int64_t)p->batch * image;
  float *m = v + (int64_t)16 * p->tiles * p->in_c, *zeros = m + (int64_t)16 * p->tiles * p->out_c;
  qcc_stage_f32(t, x, copy);
  memset(zeros, 0, (size_t)(p->out_c + 2 * QCC_LANES) * sizeof *zeros);
  for (int32_t i = 0; i < p->batch; i++, copy += image, y += p->out_h * p->out_w * p->out_c)
    for (int32_t first = 0; first < count; first += p->tiles)
      qcc_winograd_tiles(p, first, qcc_min(p->tiles, count - first), copy, w, b, zeros, v, m, y);
}

#endif
