/* fours/depthwise_f32.h - float depthwise convolution by vectors of four channels, four pixels at a
 * time, from the lines of lines.h.  The weights of a 3x3 kernel stay in registers along a row of
 * the output.  Weights are w[channels / 4][taps][4].  Included behind the float.h of an
 * instruction set. */
#ifndef QCC_FOURS_DEPTHWISE_F32_H
#define QCC_FOURS_DEPTHWISE_F32_H

#include "line_layers_f32.h"

/* One tap of four pixels. */
QCC_INLINE void qcc_depthwise_tap_f32(const float *x, int32_t step, qcc_fours w,
                                      qcc_fours *sum) {
#pragma GCC unroll 4
  for (int32_t r = 0; r < 4; r++)
    sum[r] = qcc_fours_add(sum[r], qcc_fours_load(x + r * step), w);
}

/* Four channels of a row of n pixels, `some` of them stored; `at` is the first of them. */
QCC_INLINE void qcc_depthwise_four_f32(const struct qcc_float_layer *o, const struct qcc_lines *l,
                                       int32_t n, int32_t at, int32_t some, const float *w,
                                       float *y) {
  const struct qcc_window *g = o->g;
  int32_t tap = g->dilation_w * g->in_c, nine = g->kernel_h == 3 && g->kernel_w == 3;
  qcc_fours sum[4], weight[9], b = qcc_fours_spread(0.0f);
  if (o->b)
    b = qcc_fours_some(o->b + at, some);
  for (int32_t t = 0; nine && t < 9; t++)
    weight[t] = qcc_fours_load(w + 4 * t);
  for (int32_t i = 0; i < n; i += 4) {
    int32_t from = at + i * l->step;
    sum[0] = sum[1] = sum[2] = sum[3] = b;
    if (nine) {
#pragma GCC unroll 9
      for (int32_t t = 0; t < 9; t++)
        qcc_depthwise_tap_f32((const float *)l->line[t / 3] + from + t % 3 * tap, l->step,
                              weight[t], sum);
    } else {
      const float *v = w;
      for (int32_t ky = 0; ky < g->kernel_h; ky++)
        for (int32_t kx = 0; kx < g->kernel_w; kx++, v += 4)
          qcc_depthwise_tap_f32((const float *)l->line[ky] + from + kx * tap, l->step,
                                qcc_fours_load(v), sum);
    }
#pragma GCC unroll 4
    for (int32_t r = 0; r < 4; r++)
      if (i + r < n)
        qcc_fours_put(&o->act, sum[r], some, y + (i + r) * o->cols + at);
  }
}

QCC_INLINE void qcc_depthwise_line_f32(const void *layer, const struct qcc_lines *l, int32_t n,
                                       void *to) {
  const struct qcc_float_layer *o = (const struct qcc_float_layer *)layer;
  int32_t taps = o->g->kernel_h * o->g->kernel_w, c = 0;
  for (; c + 4 <= o->cols; c += 4)
    qcc_depthwise_four_f32(o, l, n, c, 4, o->w + c * taps, (float *)to);
  if (c < o->cols)
    qcc_depthwise_four_f32(o, l, n, c, o->cols - c, o->w + c * taps, (float *)to);
}

#endif
