/* mve/depthwise_f32.h - depthwise convolution of floats or float16 on Helium: any kernel, stride,
 * dilation and padding.  Scratch holds a ring of the input rows that the kernel covers, padded with zeros; four
 * channels (float16: eight) of four output pixels share the loads of weights, w[kernel_h][kernel_w][channels].  y
 * may be x, as in mve/conv_f32.h. */
#ifndef QCC_MVE_DEPTHWISE_F32_H
#define QCC_MVE_DEPTHWISE_F32_H

#include "mve/real.h"
#include "mve/ring.h"
#include "params_f32.h"

/* Four channels, or the first n, of `pixels` output pixels, at most four, `step` bytes apart in the
 * ring; `at` is the first pixel's first tap. */
QCC_INLINE void qcc_mve_depthwise_sums_f32(const struct qcc_conv_f32 *p,
                                           const struct qcc_mve_ring *r, int32_t pixels,
                                           int32_t step, int32_t n, const int8_t *at,
                                           const float *w, float32x4_t bias, float *y) {
  const struct qcc_window *g = &p->g;
  const int8_t *end = r->rows + r->span * r->pitch;
  float32x4_t acc[4] = {bias, bias, bias, bias};
  for (int32_t ky = 0; ky < g->kernel_h; ky++) {
    const int8_t *x = at;
    for (int32_t kx = 0; kx < g->kernel_w; kx++, w += g->out_c, x += g->dilation_w * 4 * g->in_c) {
      float32x4_t v = qcc_mve_load_f32(w, n);
      for (int32_t i = 0; i < pixels; i++)
        acc[i] = vfmaq_f32(acc[i], vldrwq_f32((const float *)(const void *)(x + i * step)), v);
    }
    at += g->dilation_h * r->pitch;
    if (at >= end)
      at -= r->span * r->pitch;
  }
  for (int32_t i = 0; i < pixels; i++)
    qcc_mve_store_f32(&p->act, acc[i], n, y + i * g->out_c);
}

/* Eight channels, or the first n, of float16.  There are too few taps for the sums to lose much. */
QCC_INLINE void qcc_mve_depthwise_sums_f16(const struct qcc_conv_f32 *p,
                                           const struct qcc_mve_ring *r, int32_t pixels,
                                           int32_t step, int32_t n, const int8_t *at,
                                           const uint16_t *w, struct qcc_mve_eight bias,
                                           uint16_t *y) {
  const struct qcc_window *g = &p->g;
  const int8_t *end = r->rows + r->span * r->pitch;
  float16x8_t zero = vdupq_n_f16(0), acc[4] = {zero, zero, zero, zero};
  for (int32_t ky = 0; ky < g->kernel_h; ky++) {
    const int8_t *x = at;
    for (int32_t kx = 0; kx < g->kernel_w; kx++, w += g->out_c, x += g->dilation_w * 2 * g->in_c) {
      float16x8_t v = qcc_mve_load_some_f16(w, n);
      for (int32_t i = 0; i < pixels; i++)
        acc[i] = vfmaq_f16(
            acc[i], qcc_mve_load_f16((const uint16_t *)(const void *)(x + i * step)), v);
    }
    at += g->dilation_h * r->pitch;
    if (at >= end)
      at -= r->span * r->pitch;
  }
  for (int32_t i = 0; i < pixels; i++)
    qcc_mve_store_run_f16(&p->act, acc[i], bias, n, y + i * g->out_c);
}

/* The channels of a vector at channel c, of `pixels` pixels. */
QCC_INLINE void qcc_mve_depthwise_vector(int t, const struct qcc_conv_f32 *p,
                                         const struct qcc_mve_ring *r, int32_t pixels, int32_t step,
                                         int32_t c, const int8_t *at, const void *w,
                                         const float *bias, void *y) {
  int32_t n = p->g.in_c - c;
  const void *f = qcc_at(t, w, c);
  void *to = qcc_place(t, y, c);
  if (t == QCC_F16) {
    struct qcc_mve_eight b = qcc_mve_bias_f16(bias ? bias + c : NULL, qcc_min(n, 8));
    qcc_mve_depthwise_sums_f16(p, r, pixels, step, n, at + 2 * c, f, b, to);
  } else {
    float32x4_t b = bias ? qcc_mve_load_f32(bias + c, n) : vdupq_n_f32(0.0f);
    qcc_mve_depthwise_sums_f32(p, r, pixels, step, n, at + 4 * c, f, b, to);
  }
}

/* One output row, four pixels at a time, then one; `at` is the first tap of its first pixel. */
QCC_INLINE void qcc_mve_depthwise_row(int t, const struct qcc_conv_f32 *p,
                                      const struct qcc_mve_ring *r, const int8_t *at,
                                      const void *w, const float *bias, void *y) {
  const struct qcc_window *g = &p->g;
  int32_t lanes = t == QCC_F16 ? 8 : 4, step = 16 / lanes * g->stride_w * g->in_c, pixels;
  for (int32_t ox = 0; ox < g->out_w; ox += pixels, at += pixels * step) {
    pixels = g->out_w - ox >= 4 ? 4 : 1;
    for (int32_t c = 0; c < g->in_c; c += lanes) {
      if (pixels == 4)
        qcc_mve_depthwise_vector(t, p, r, 4, step, c, at, w, bias, y);
      else
        qcc_mve_depthwise_vector(t, p, r, 1, step, c, at, w, bias, y);
    }
    y = qcc_place(t, y, pixels * g->out_c);
  }
}

QCC_INLINE void qcc_mve_depthwise_real(int t, const struct qcc_conv_f32 *p, const void *x,
                                       const void *w, const float *bias, void *scratch, void *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_window bytes = p->g;
  bytes.in_c = (t == QCC_F16 ? 2 : 4) * g->in_c;
  const int8_t *image = (const int8_t *)x;
  struct qcc_mve_ring r = qcc_mve_make_ring(&bytes, scratch);
  void *to = y;
  for (int32_t k = 0; k < g->batch; k++, image += g->in_h * g->in_w * bytes.in_c) {
    qcc_mve_fill(r.rows, 0, r.span * r.pitch);
    for (int32_t oy = 0, next = 0; oy < g->out_h; oy++) {
      int32_t iy = oy * g->stride_h - g->pad_top, end = iy + r.span;
      qcc_mve_load_rows(&bytes, &r, 0, iy > next ? iy : next, end, image);
      next = end > next ? end : next;
      qcc_mve_depthwise_row(t, p, &r, r.rows + (oy * g->stride_h) % r.span * r.pitch, w, bias, to);
      to = qcc_place(t, to, g->out_w * g->out_c);
    }
  }
  qcc_mve_finish_real(t, &p->act, g->batch * g->out_h * g->out_w * g->out_c, y);
}

QCC_KERNEL void qcc_mve_depthwise_f32(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                      const float *bias, void *scratch, float *y) {
  qcc_mve_depthwise_real(QCC_F32, p, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_mve_depthwise_f16(const struct qcc_conv_f32 *p, const uint16_t *x,
                                      const uint16_t *w, const float *bias, void *scratch,
                                      uint16_t *y) {
  qcc_mve_depthwise_real(QCC_F16, p, x, w, bias, scratch, y);
}

#endif
