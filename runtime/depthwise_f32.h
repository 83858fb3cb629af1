/* depthwise_f32.h - float depthwise convolution, one output channel per input channel, weights
 * w[kernel_h][kernel_w][channels]: the loop over channels is contiguous in the image, the weights
 * and the output, which holds the sums meanwhile. y must not overlap x. */
#ifndef QCC_DEPTHWISE_F32_H
#define QCC_DEPTHWISE_F32_H

#include "conv_f32.h"

/* All channels of one output pixel. */
QCC_KERNEL void qcc_depthwise_pixel_f32(const struct qcc_window *g, const struct qcc_taps *t,
                                        const float *QCC_RESTRICT x, const float *QCC_RESTRICT w,
                                        float *QCC_RESTRICT y) {
  for (int32_t ky = t->ky0; ky < t->ky1; ky++)
    for (int32_t kx = t->kx0; kx < t->kx1; kx++) {
      int32_t row = (ky - t->ky0) * g->dilation_h, col = (kx - t->kx0) * g->dilation_w;
      const float *v = x + t->first + (row * g->in_w + col) * g->in_c;
      const float *f = w + (ky * g->kernel_w + kx) * g->in_c;
      for (int32_t c = 0; c < g->in_c; c++)
        y[c] += v[c] * f[c];
    }
}

QCC_KERNEL void qcc_depthwise_f32(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                                  const float *QCC_RESTRICT w, const float *bias,
                                  float *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        for (int32_t c = 0; c < g->out_c; c++)
          y[c] = bias ? bias[c] : 0.0f;
        qcc_depthwise_pixel_f32(g, &t, x, w, y);
        for (int32_t c = 0; c < g->out_c; c++)
          y[c] = qcc_activate(&p->act, y[c]);
      }
}

#endif
