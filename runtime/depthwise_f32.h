/* depthwise_f32.h - float depthwise convolution, one output channel per input channel, weights
 * w[kernel_h][kernel_w][channels]: the loop over channels is contiguous in the image, the weights
 * and the output, which holds the sums meanwhile. y must not overlap x. */
#ifndef QCC_DEPTHWISE_F32_H
#define QCC_DEPTHWISE_F32_H

#include "conv_f32.h"

/* All channels of one output pixel. */
QCC_INLINE void qcc_depthwise_pixel_real(int tx, int tw, const struct qcc_window *g,
                                         const struct qcc_taps *t, const void *QCC_RESTRICT x,
                                         const void *QCC_RESTRICT w, float *QCC_RESTRICT sums) {
  for (int32_t ky = t->ky0; ky < t->ky1; ky++)
    for (int32_t kx = t->kx0; kx < t->kx1; kx++) {
      int32_t row = (ky - t->ky0) * g->dilation_h, col = (kx - t->kx0) * g->dilation_w;
      const void *v = qcc_at(tx, x, t->first + (row * g->in_w + col) * g->in_c);
      const void *f = qcc_at(tw, w, (ky * g->kernel_w + kx) * g->in_c);
      for (int32_t c = 0; c < g->in_c; c++)
        sums[c] += qcc_get(tx, v, c) * qcc_get(tw, f, c);
    }
}

/* Elements tx of x and y, tw of w. */
QCC_INLINE void qcc_depthwise_real(int tx, int tw, const struct qcc_conv_f32 *p,
                                   const void *QCC_RESTRICT x, const void *QCC_RESTRICT w,
                                   const float *bias, void *scratch, void *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t size = g->in_h * g->in_w * g->in_c;
  for (int32_t n = 0; n < g->batch; n++, x = qcc_at(tx, x, size))
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y = qcc_place(tx, y, g->out_c)) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        float *sums = qcc_float_sums(tx, scratch, y);
        for (int32_t c = 0; c < g->out_c; c++)
          sums[c] = bias ? bias[c] : 0.0f;
        qcc_depthwise_pixel_real(tx, tw, g, &t, x, w, sums);
        for (int32_t c = 0; c < g->out_c; c++)
          qcc_put(tx, y, c, qcc_activate(&p->act, sums[c]));
      }
}

QCC_KERNEL void qcc_depthwise_f32(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                                  const float *QCC_RESTRICT w, const float *bias,
                                  float *QCC_RESTRICT y) {
  qcc_depthwise_real(QCC_F32, QCC_F32, p, x, w, bias, NULL, y);
}

QCC_KERNEL void qcc_depthwise_f32_w16(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                                      const uint16_t *QCC_RESTRICT w, const float *bias,
                                      float *QCC_RESTRICT y) {
  qcc_depthwise_real(QCC_F32, QCC_F16, p, x, w, bias, NULL, y);
}

QCC_KERNEL void qcc_depthwise_f32_wb16(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                                       const uint16_t *QCC_RESTRICT w, const float *bias,
                                       float *QCC_RESTRICT y) {
  qcc_depthwise_real(QCC_F32, QCC_BF16, p, x, w, bias, NULL, y);
}

/* Scratch: a sum per channel. */
QCC_KERNEL void qcc_depthwise_f16(const struct qcc_conv_f32 *p, const uint16_t *QCC_RESTRICT x,
                                  const uint16_t *QCC_RESTRICT w, const float *bias, void *scratch,
                                  uint16_t *QCC_RESTRICT y) {
  qcc_depthwise_real(QCC_F16, QCC_F16, p, x, w, bias, scratch, y);
}

#endif
