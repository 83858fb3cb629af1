/* fours/conv_f32.h - float convolutions and matrix products by vectors of four: two or four pixels
 * (QCC_FOURS_ROWS) by up to sixteen output channels at a time, a vector of weights times a lane of
 * x.  Included behind the float.h of an instruction set.
 *
 * Weights are packed in blocks of 16 channels, the last one of 4, 8 or 12 where that suffices:
 * w[block][depth][channels].  The right side of a product of activations lies as it is,
 * w[depth][cols], with at least four columns: its last tiles overlap those before. */
#ifndef QCC_FOURS_CONV_F32_H
#define QCC_FOURS_CONV_F32_H

#include "line_layers_f32.h"

/* One row of w times lane `lane` of x. */
QCC_INLINE void qcc_fours_step(int32_t rows, int32_t wide, int32_t lane, const qcc_fours *x,
                              const float *w, qcc_fours *sum) {
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++) {
    qcc_fours v = qcc_fours_load(w + 4 * k);
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++)
      sum[r * wide + k] = qcc_fours_add_lane(sum[r * wide + k], v, x[r], lane);
  }
}

/* n of `rows` pixels from float `at` of the lines on, and `some` channels of 4 * wide. */
QCC_INLINE void qcc_fours_tile(int32_t rows, int32_t wide, const struct qcc_float_layer *o,
                              const struct qcc_lines *l, int32_t at, int32_t n, int32_t some,
                              const float *w, const float *b, float *y) {
  int32_t next = o->next ? o->next : 4 * wide;
  qcc_fours sum[16], x[4];
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++) {
    sum[k] = b ? qcc_fours_some(b + 4 * k, some - 4 * k) : qcc_fours_spread(0.0f);
#pragma GCC unroll 4
    for (int32_t r = 1; r < rows; r++)
      sum[r * wide + k] = sum[k];
  }
  for (int32_t j = 0; j < l->n; j++) {
    const float *v = (const float *)l->line[j] + at;
    int32_t i = 0;
    for (; i + 4 <= l->run; i += 4) {
#pragma GCC unroll 4
      for (int32_t r = 0; r < rows; r++)
        x[r] = qcc_fours_load(v + r * l->step + i);
#pragma GCC unroll 4
      for (int32_t lane = 0; lane < 4; lane++, w += next)
        qcc_fours_step(rows, wide, lane, x, w, sum);
    }
    for (; i < l->run; i++, w += next) {
#pragma GCC unroll 4
      for (int32_t r = 0; r < rows; r++)
        x[r] = qcc_fours_spread(v[r * l->step + i]);
      qcc_fours_step(rows, wide, 0, x, w, sum);
    }
  }
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int32_t k = 0; k < wide; k++)
      if (r < n && some > 4 * k)
        qcc_fours_put(&o->act, sum[r * wide + k], some - 4 * k, y + r * o->cols + 4 * k);
}

/* All channels of n pixels, at most `rows`. */
QCC_INLINE void qcc_fours_channels(int32_t rows, const struct qcc_float_layer *o,
                                  const struct qcc_lines *l, int32_t at, int32_t n, float *y) {
  int32_t depth = l->n * l->run;
  for (int32_t c = 0, wide; c < o->cols; c += 4 * wide) {
    int32_t some = o->cols - c;
    wide = qcc_min((some + 3) / 4, 4);
    if (o->next && some < 16) {
      wide = some < 8 ? 1 : some / 4;
      c = some < 4 ? o->cols - 4 : c;
    }
    some = qcc_min(o->cols - c, 4 * wide);
    const float *w = o->next ? o->w + c : o->w + (ptrdiff_t)c * depth, *b = o->b ? o->b + c : NULL;
    if (wide == 4)
      qcc_fours_tile(rows, 4, o, l, at, n, some, w, b, y + c);
    else if (wide == 3)
      qcc_fours_tile(rows, 3, o, l, at, n, some, w, b, y + c);
    else if (wide == 2)
      qcc_fours_tile(rows, 2, o, l, at, n, some, w, b, y + c);
    else
      qcc_fours_tile(rows, 1, o, l, at, n, some, w, b, y + c);
  }
}

QCC_INLINE void qcc_fours_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_float_layer *o = (const struct qcc_float_layer *)layer;
  float *y = (float *)to;
  int32_t i = 0;
  for (; i + (l->slack ? 2 : QCC_FOURS_ROWS) <= n; i += QCC_FOURS_ROWS)
    qcc_fours_channels(QCC_FOURS_ROWS, o, l, i * l->step, qcc_min(n - i, QCC_FOURS_ROWS),
                       y + i * o->cols);
  for (; i < n; i++)
    qcc_fours_channels(1, o, l, i * l->step, 1, y + i * o->cols);
}

#endif
