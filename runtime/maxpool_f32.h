/* maxpool_f32.h - float maximum pool over NHWC images; padding never wins.  A window without a
 * single valid tap gives minus infinity. y must not overlap x. */
#ifndef QCC_MAXPOOL_F32_H
#define QCC_MAXPOOL_F32_H

#include <math.h>

#include "real.h"
#include "window.h"

/* All channels of one output pixel. */
QCC_INLINE void qcc_maxpool_pixel_real(int e, const struct qcc_window *g, const struct qcc_taps *t,
                                       const void *QCC_RESTRICT x, void *QCC_RESTRICT y) {
  for (int32_t i = 0; i < g->out_c; i++)
    qcc_put(e, y, i, -INFINITY);
  for (int32_t ky = 0; ky < t->ky1 - t->ky0; ky++)
    for (int32_t kx = 0; kx < t->kx1 - t->kx0; kx++) {
      int32_t at = t->first + (ky * g->dilation_h * g->in_w + kx * g->dilation_w) * g->in_c;
      for (int32_t i = 0; i < g->out_c; i++) {
        float v = qcc_get(e, x, at + i), most = qcc_get(e, y, i);
        qcc_put(e, y, i, v > most ? v : most);
      }
    }
}

QCC_INLINE void qcc_maxpool_real(int e, const struct qcc_window *g, const void *QCC_RESTRICT x,
                                 void *QCC_RESTRICT y) {
  int32_t size = g->in_h * g->in_w * g->in_c;
  for (int32_t n = 0; n < g->batch; n++, x = qcc_at(e, x, size))
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y = qcc_place(e, y, g->out_c)) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        qcc_maxpool_pixel_real(e, g, &t, x, y);
      }
}

QCC_KERNEL void qcc_maxpool_f32(const struct qcc_window *g, const float *QCC_RESTRICT x,
                                float *QCC_RESTRICT y) {
  qcc_maxpool_real(QCC_F32, g, x, y);
}

QCC_KERNEL void qcc_maxpool_f16(const struct qcc_window *g, const uint16_t *QCC_RESTRICT x,
                                uint16_t *QCC_RESTRICT y) {
  qcc_maxpool_real(QCC_F16, g, x, y);
}

#endif
