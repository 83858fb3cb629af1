/* maxpool_f32.h - float maximum pool over NHWC images; padding never wins.  A window without a
 * single valid tap gives minus infinity. y must not overlap x. */
#ifndef QCC_MAXPOOL_F32_H
#define QCC_MAXPOOL_F32_H

#include <math.h>

#include "window.h"

/* All channels of one output pixel. */
QCC_KERNEL void qcc_maxpool_pixel_f32(const struct qcc_window *g, const struct qcc_taps *t,
                                      const float *QCC_RESTRICT x, float *QCC_RESTRICT y) {
  for (int32_t i = 0; i < g->out_c; i++)
    y[i] = -INFINITY;
  for (int32_t ky = 0; ky < t->ky1 - t->ky0; ky++)
    for (int32_t kx = 0; kx < t->kx1 - t->kx0; kx++) {
      const float *v = x + t->first + (ky * g->dilation_h * g->in_w + kx * g->dilation_w) * g->in_c;
      for (int32_t i = 0; i < g->out_c; i++)
        y[i] = v[i] > y[i] ? v[i] : y[i];
    }
}

QCC_KERNEL void qcc_maxpool_f32(const struct qcc_window *g, const float *QCC_RESTRICT x,
                                float *QCC_RESTRICT y) {
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        qcc_maxpool_pixel_f32(g, &t, x, y);
      }
}

#endif
