/* mve/depthwise_f32.h - depthwise convolution of floats on Helium: any kernel, stride, dilation and
 * padding.  Scratch holds a ring of the input rows that the kernel covers, padded with zeros; four
 * channels of four output pixels share the loads of weights, w[kernel_h][kernel_w][channels].  y
 * may be x, as in mve/conv_f32.h. */
#ifndef QCC_MVE_DEPTHWISE_F32_H
#define QCC_MVE_DEPTHWISE_F32_H

#include "mve/float.h"
#include "mve/ring.h"
#include "params_f32.h"

/* Four channels, or the first n, of four pixels `next` bytes apart; `at` is the first pixel's first
 * tap, in the ring. */
QCC_INLINE void qcc_mve_depthwise_sums_f32(const struct qcc_window *g, const struct qcc_mve_ring *r,
                                           const int8_t *at, const int32_t next[4], int32_t n,
                                           const float *w, float32x4_t acc[4]) {
  const int8_t *end = r->rows + r->span * r->pitch;
  for (int32_t ky = 0; ky < g->kernel_h; ky++) {
    const int8_t *x = at;
    for (int32_t kx = 0; kx < g->kernel_w; kx++, w += g->out_c, x += g->dilation_w * 4 * g->in_c) {
      float32x4_t v = qcc_mve_load_f32(w, n);
      for (int32_t i = 0; i < 4; i++)
        acc[i] = vfmaq_f32(acc[i], vldrwq_f32((const float *)(const void *)(x + next[i])), v);
    }
    at += g->dilation_h * r->pitch;
    if (at >= end)
      at -= r->span * r->pitch;
  }
}

/* One output row; `at` is the first tap of its first pixel. */
QCC_KERNEL void qcc_mve_depthwise_row_f32(const struct qcc_conv_f32 *p,
                                          const struct qcc_mve_ring *r, const int8_t *at,
                                          const float *w, const float *bias, float *y) {
  const struct qcc_window *g = &p->g;
  int32_t step = 4 * g->stride_w * g->in_c;
  for (int32_t ox = 0; ox < g->out_w; ox += 4, at += 4 * step, y += 4 * g->out_c) {
    int32_t last = qcc_min(4, g->out_w - ox) - 1, next[4];
    for (int32_t i = 0; i < 4; i++)
      next[i] = step * qcc_min(i, last);
    for (int32_t c = 0; c < g->in_c; c += 4) {
      int32_t n = g->in_c - c;
      float32x4_t b = bias ? qcc_mve_load_f32(bias + c, n) : vdupq_n_f32(0.0f), acc[4];
      for (int32_t i = 0; i < 4; i++)
        acc[i] = b;
      qcc_mve_depthwise_sums_f32(g, r, at + 4 * c, next, n, w + c, acc);
      for (int32_t i = 0; i < 4; i++)
        qcc_mve_store_f32(&p->act, acc[i], n, y + qcc_min(i, last) * g->out_c + c);
    }
  }
}

QCC_KERNEL void qcc_mve_depthwise_f32(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                      const float *bias, void *scratch, float *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_window bytes = p->g;
  bytes.in_c = 4 * g->in_c;
  const int8_t *image = (const int8_t *)x;
  struct qcc_mve_ring r = qcc_mve_make_ring(&bytes, scratch);
  float *to = y;
  for (int32_t k = 0; k < g->batch; k++, image += g->in_h * g->in_w * bytes.in_c) {
    qcc_mve_fill(r.rows, 0, r.span * r.pitch);
    for (int32_t oy = 0, next = 0; oy < g->out_h; oy++, to += g->out_w * g->out_c) {
      int32_t iy = oy * g->stride_h - g->pad_top, end = iy + r.span;
      qcc_mve_load_rows(&bytes, &r, 0, iy > next ? iy : next, end, image);
      next = end > next ? end : next;
      qcc_mve_depthwise_row_f32(p, &r, r.rows + (oy * g->stride_h) % r.span * r.pitch, w, bias, to);
    }
  }
  qcc_mve_finish_f32(&p->act, g->batch * g->out_h * g->out_w * g->out_c, y);
}

#endif
