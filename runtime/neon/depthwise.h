/* neon/depthwise.h - depthwise convolution of int8 codes by NEON, 16 or 8 channels at a time,
 * from the lines of lines.h: any kernel of up to 16 by 16, stride, dilation and padding.
 *
 * Products are summed in 16 bits, two taps of int8 weights (none of which is -128) or a kernel
 * row of narrower ones, before they are widened.  The weights of a 3x3 kernel stay in registers
 * along a row of the output.  Weights are [taps][channels], channels padded to a multiple of 8;
 * of int4 weights the low nibbles are tap 2 * t, the high ones tap 2 * t + 1, of int2 weights four
 * taps share a byte. */
#ifndef QCC_NEON_DEPTHWISE_H
#define QCC_NEON_DEPTHWISE_H

#include "neon/tile.h"

/* Tap t of 16 channels, or 8 where half. */
QCC_INLINE int8x16_t qcc_depthwise_weight(int32_t bits, int32_t half, const int8_t *w,
                                          int32_t padded, int32_t t) {
  const int8_t *v = w + t * bits / 8 * padded;
  int8x16_t code = half ? vcombine_s8(vld1_s8(v), vdup_n_s8(0)) : vld1q_s8(v);
  int32_t low = t % (8 / bits) * bits; /* bit of a byte */
  if (low + bits < 8)
    code = vshlq_s8(code, vdupq_n_s8((int8_t)(8 - bits - low)));
  return bits == 8 ? code : bits == 4 ? vshrq_n_s8(code, 4) : vshrq_n_s8(code, 6);
}

QCC_INLINE void qcc_depthwise_tap(int32_t half, int32_t first, int8x16_t x, int8x16_t w,
                                  int16x8_t *s) {
  int8x8_t xl = vget_low_s8(x), wl = vget_low_s8(w);
  s[0] = first ? vmull_s8(xl, wl) : vmlal_s8(s[0], xl, wl);
  if (!half)
    s[1] = first ? vmull_high_s8(x, w) : vmlal_high_s8(s[1], x, w);
}

QCC_INLINE void qcc_depthwise_widen(int32_t half, const int16x8_t *s, int32x4_t *sum) {
  sum[0] = vaddw_s16(sum[0], vget_low_s16(s[0]));
  sum[1] = vaddw_high_s16(sum[1], s[0]);
  if (!half) {
    sum[2] = vaddw_s16(sum[2], vget_low_s16(s[1]));
    sum[3] = vaddw_high_s16(sum[3], s[1]);
  }
}

/* One pixel of a 3x3 kernel whose weights are in registers. */
QCC_INLINE void qcc_depthwise_nine(int32_t bits, int32_t half, const struct qcc_lines *l,
                                   int32_t at, int32_t tap, const int8x16_t *w, int32x4_t *sum) {
  int16x8_t s[2] = {vdupq_n_s16(0), vdupq_n_s16(0)};
#pragma GCC unroll 9
  for (int32_t t = 0; t < 9; t++) {
    int32_t first = bits == 8 ? t % 2 == 0 : t == 0, last = t == 8 || (bits == 8 && t % 2);
    const int8_t *x = (const int8_t *)l->line[t / 3] + at + t % 3 * tap;
    qcc_depthwise_tap(half, first, vld1q_s8(x), w[t], s);
    if (last)
      qcc_depthwise_widen(half, s, sum);
  }
}

/* One pixel of any kernel. */
QCC_INLINE void qcc_depthwise_any(int32_t bits, int32_t half, const struct qcc_window *g,
                                  const struct qcc_lines *l, int32_t at, const int8_t *w,
                                  int32x4_t *sum) {
  int32_t padded = (g->in_c + 7) / 8 * 8, tap = g->dilation_w * g->in_c, group = bits == 8 ? 2 : 16;
  for (int32_t ky = 0, t = 0; ky < g->kernel_h; ky++) {
    const int8_t *x = (const int8_t *)l->line[ky] + at;
    for (int32_t kx = 0; kx < g->kernel_w; kx += group) {
      int16x8_t s[2] = {vdupq_n_s16(0), vdupq_n_s16(0)};
      for (int32_t k = kx; k < qcc_min(kx + group, g->kernel_w); k++, t++, x += tap)
        qcc_depthwise_tap(half, 0, vld1q_s8(x), qcc_depthwise_weight(bits, half, w, padded, t), s);
      qcc_depthwise_widen(half, s, sum);
    }
  }
}

/* Channels c .. of one row of the output: 16, or 8 where half, of which `some` are stored. */
QCC_INLINE void qcc_depthwise_block(int32_t bits, int32_t half, const struct qcc_lines *l,
                                    const struct qcc_line_layer *o, int32_t c, int32_t some,
                                    int8_t *y) {
  const struct qcc_window *g = o->g;
  const int8_t *w = o->w;
  int32_t padded = (g->in_c + 7) / 8 * 8, nine = g->kernel_h == 3 && g->kernel_w == 3;
  int32x4_t b[4], sum[4];
  int8x16_t weight[9];
  qcc_neon_begin(1, half ? 2 : 4, o, some, b);
  for (int32_t t = 0; nine && t < 9; t++)
    weight[t] = qcc_depthwise_weight(bits, half, w + c, padded, t);
  for (int32_t i = 0; i < g->out_w; i++) {
#pragma GCC unroll 4
    for (int32_t k = 0; k < (half ? 2 : 4); k++)
      sum[k] = b[k];
    if (nine)
      qcc_depthwise_nine(bits, half, l, i * l->step + c, g->dilation_w * g->in_c, weight, sum);
    else
      qcc_depthwise_any(bits, half, g, l, i * l->step + c, w + c, sum);
    qcc_neon_finish(1, half ? 2 : 4, o, 1, some, sum, y + i * g->out_c + c);
  }
}

QCC_INLINE void qcc_depthwise_line(const void *layer, const struct qcc_lines *l, int32_t n,
                                   void *to) {
  const struct qcc_line_layer *all = (const struct qcc_line_layer *)layer;
  int8_t *y = (int8_t *)to;
  (void)n; /* g->out_w */
  for (int32_t c = 0, left = all->cols; left > 0; c += 16, left -= 16) {
    struct qcc_line_layer o = *all;
    o.b = o.b ? o.b + c : NULL;
    o.m += c;
    if (left > 8)
      qcc_depthwise_block(o.kind, 0, l, &o, c, qcc_min(left, 16), y);
    else
      qcc_depthwise_block(o.kind, 1, l, &o, c, left, y);
  }
}

QCC_KERNEL void qcc_depthwise_s8_neon(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                      const int32_t *b, const int32_t *m, const int8_t *table,
                                      void *scratch, int8_t *y) {
  qcc_line_depthwise(qcc_depthwise_line, qcc_neon_lookup, 8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_depthwise_s2_neon(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                      const int32_t *b, const int32_t *m, const int8_t *table,
                                      void *scratch, int8_t *y) {
  qcc_line_depthwise(qcc_depthwise_line, qcc_neon_lookup, 2, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_depthwise_s4_neon(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                      const int32_t *b, const int32_t *m, const int8_t *table,
                                      void *scratch, int8_t *y) {
  qcc_line_depthwise(qcc_depthwise_line, qcc_neon_lookup, 4, p, x, w, b, m, table, scratch, y);
}

#endif
