/* maxpool_s8.h - maximum pool over NHWC codes, int8 or uint8; padding never wins.  A window without
 * a single valid tap gives the smallest code.  y must not overlap x. */
#ifndef QCC_MAXPOOL_S8_H
#define QCC_MAXPOOL_S8_H

#include "window.h"

/* All channels of one output pixel. */
QCC_KERNEL void qcc_maxpool_pixel_s8(const struct qcc_window *g, const struct qcc_taps *t,
                                     const int8_t *QCC_RESTRICT x, int8_t *QCC_RESTRICT y) {
  for (int32_t i = 0; i < g->out_c; i++)
    y[i] = -128;
  for (int32_t ky = 0; ky < t->ky1 - t->ky0; ky++)
    for (int32_t kx = 0; kx < t->kx1 - t->kx0; kx++) {
      const int8_t *v =
          x + t->first + (ky * g->dilation_h * g->in_w + kx * g->dilation_w) * g->in_c;
      for (int32_t i = 0; i < g->out_c; i++)
        y[i] = v[i] > y[i] ? v[i] : y[i];
    }
}

QCC_KERNEL void qcc_maxpool_s8(const struct qcc_window *g, const int8_t *QCC_RESTRICT x,
                               int8_t *QCC_RESTRICT y) {
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        qcc_maxpool_pixel_s8(g, &t, x, y);
      }
}

QCC_KERNEL void qcc_maxpool_pixel_u8(const struct qcc_window *g, const struct qcc_taps *t,
                                     const uint8_t *QCC_RESTRICT x, uint8_t *QCC_RESTRICT y) {
  memset(y, 0, (size_t)g->out_c);
  for (int32_t ky = 0; ky < t->ky1 - t->ky0; ky++)
    for (int32_t kx = 0; kx < t->kx1 - t->kx0; kx++) {
      const uint8_t *v =
          x + t->first + (ky * g->dilation_h * g->in_w + kx * g->dilation_w) * g->in_c;
      for (int32_t i = 0; i < g->out_c; i++)
        y[i] = v[i] > y[i] ? v[i] : y[i];
    }
}

QCC_KERNEL void qcc_maxpool_u8(const struct qcc_window *g, const uint8_t *QCC_RESTRICT x,
                               uint8_t *QCC_RESTRICT y) {
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        qcc_maxpool_pixel_u8(g, &t, x, y);
      }
}

#endif
