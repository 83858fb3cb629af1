/* wasm/depthwise.h - depthwise convolution of int8 codes by i32x4.dot_i16x8_s, 8 channels of two
 * pixels at a time, from the lines of lines.h: any kernel of up to 16 by 16, stride, dilation and
 * padding.  Two taps are interleaved, so that a lane holds both of one channel.
 *
 * Weights are [pairs of taps][channels][2], channels padded to a multiple of 8, the tap behind the
 * last with zeros; int4 weights are packed as int8 ones. */
#ifndef QCC_WASM_DEPTHWISE_H
#define QCC_WASM_DEPTHWISE_H

#include "wasm/codes.h"

/* Two taps of one pixel, x0 and x1, for eight channels. */
QCC_INLINE void qcc_depthwise_pair(const int8_t *x0, const int8_t *x1, const v128_t *w,
                                   v128_t *sum) {
  v128_t a = wasm_i16x8_load8x8(x0), b = wasm_i16x8_load8x8(x1);
  v128_t low = wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  v128_t high = wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  sum[0] = wasm_i32x4_add(sum[0], wasm_i32x4_dot_i16x8(low, w[0]));
  sum[1] = wasm_i32x4_add(sum[1], wasm_i32x4_dot_i16x8(high, w[1]));
}

/* Where a tap of pixel 0 lies. */
struct qcc_depthwise_at {
  int32_t ky, kx;
};

QCC_INLINE const int8_t *qcc_depthwise_tap(const struct qcc_window *g, const struct qcc_lines *l,
                                           struct qcc_depthwise_at t) {
  return (const int8_t *)l->line[t.ky] + t.kx * g->dilation_w * g->in_c;
}

/* The next tap; behind the last one that again. */
QCC_INLINE struct qcc_depthwise_at qcc_depthwise_next(const struct qcc_window *g,
                                                      struct qcc_depthwise_at t) {
  struct qcc_depthwise_at next = {t.ky, t.kx + 1};
  if (next.kx < g->kernel_w)
    return next;
  next.ky++;
  next.kx = 0;
  return next.ky < g->kernel_h ? next : t;
}

/* sum[2 * r + v]: pixels `at` and, where rows is 2, the next one. */
QCC_INLINE void qcc_depthwise_sums(int32_t rows, const struct qcc_window *g,
                                   const struct qcc_lines *l, int32_t at, const int8_t *w,
                                   v128_t *sum) {
  int32_t padded = (g->in_c + 7) / 8 * 8, taps = g->kernel_h * g->kernel_w;
  struct qcc_depthwise_at t = {0, 0};
#pragma clang loop unroll(full)
  for (int32_t i = 0; i < taps; i += 2, w += 2 * padded) {
    v128_t v[2] = {wasm_i16x8_load8x8(w), wasm_i16x8_load8x8(w + 8)};
    const int8_t *x0 = qcc_depthwise_tap(g, l, t) + at, *x1;
    t = qcc_depthwise_next(g, t);
    x1 = qcc_depthwise_tap(g, l, t) + at;
    t = qcc_depthwise_next(g, t);
#pragma GCC unroll 2
    for (int32_t r = 0; r < rows; r++)
      qcc_depthwise_pair(x0 + r * l->step, x1 + r * l->step, v, sum + 2 * r);
  }
}

QCC_INLINE void qcc_depthwise_tile(int32_t rows, const struct qcc_line_layer *o,
                                   const struct qcc_lines *l,
                                   const struct qcc_wasm_channels *channels, int32_t at,
                                   int32_t some, const int8_t *w, int8_t *y) {
  v128_t sum[4];
#pragma GCC unroll 4
  for (int32_t k = 0; k < 2 * rows; k++)
    sum[k] = channels->b[k % 2];
  qcc_depthwise_sums(rows, o->g, l, at, w, sum);
  qcc_wasm_finish(rows, 2, o, channels, rows, some, sum, y);
}

QCC_INLINE void qcc_depthwise_line(const void *layer, const struct qcc_lines *l, int32_t n,
                                   void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  for (int32_t c = 0; c < o->cols; c += 8) {
    int32_t some = qcc_min(o->cols - c, 8), i = 0;
    const int8_t *w = o->w + 2 * c;
    int8_t *y = (int8_t *)to + c;
    struct qcc_wasm_channels channels;
    qcc_wasm_begin(2, o, c, some, &channels);
    for (; i + 2 <= n; i += 2)
      qcc_depthwise_tile(2, o, l, &channels, i * l->step + c, some, w, y + i * o->cols);
    if (i < n)
      qcc_depthwise_tile(1, o, l, &channels, i * l->step + c, some, w, y + i * o->cols);
  }
}

QCC_KERNEL void qcc_depthwise_s8_wasm(const struct qcc_conv *p, const int8_t *x, const void *w,
                                      const int32_t *b, const int32_t *m, const int8_t *table,
                                      void *scratch, int8_t *y) {
  qcc_line_depthwise(qcc_depthwise_line, qcc_lookup_s8, 8, p, x, w, b, m, table, scratch, y);
}

#endif
