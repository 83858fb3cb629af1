/* conv_f32_w8.h - float convolution whose weights are codes of 8, 4 or 2 bits, OHWI: each output
 * channel is decoded once into scratch[kernel_h * kernel_w * in_c / group] and used for every pixel.  Any
 * group, depthwise too.  y must not overlap x. */
#ifndef QCC_CONV_F32_W8_H
#define QCC_CONV_F32_W8_H

#include "codes_f32.h"
#include "conv_f32.h"

/* One output channel of every image; x at the group's first channel, y at the output channel. */
QCC_KERNEL void qcc_conv_channel_f32(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                                     const float *QCC_RESTRICT w, float bias,
                                     float *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_runs r = qcc_find_runs(g, p->group, oy, ox);
        *y = qcc_activate(&p->act, qcc_conv_sum_real(QCC_F32, QCC_F32, &r, x, w) + bias);
      }
}

QCC_KERNEL void qcc_conv_f32_w8(const struct qcc_conv_f32 *p, const struct qcc_codes *q,
                                const float *QCC_RESTRICT x, const void *w, const float *scale,
                                const uint8_t *multiple, const float *bias,
                                float *QCC_RESTRICT scratch, float *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t channels = g->in_c / p->group, per_group = g->out_c / p->group;
  for (int32_t o = 0; o < g->out_c; o++) {
    qcc_decode_row(q, o, g->kernel_h * g->kernel_w * channels, w, scale, multiple, scratch);
    qcc_conv_channel_f32(p, x + o / per_group * channels, scratch, bias ? bias[o] : 0.0f, y + o);
  }
}

#endif
