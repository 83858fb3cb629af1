/* maxpool.h - maximum pool over NHWC codes; padding never wins.  A window without a single valid
 * tap gives the smallest code.  y must not overlap x. */
#ifndef QCC_MAXPOOL_H
#define QCC_MAXPOOL_H

#include "window.h"

/* qcc_maxpool_pixel: all channels of one output pixel. */
#define QCC_MAXPOOL(suffix, codes, smallest)                                                      \
  QCC_KERNEL void qcc_maxpool_pixel_##suffix(const struct qcc_window *g,                          \
                                             const struct qcc_taps *t,                            \
                                             const codes *QCC_RESTRICT x,                         \
                                             codes *QCC_RESTRICT y) {                             \
    for (int32_t i = 0; i < g->out_c; i++)                                                        \
      y[i] = smallest;                                                                            \
    for (int32_t ky = 0; ky < t->ky1 - t->ky0; ky++)                                              \
      for (int32_t kx = 0; kx < t->kx1 - t->kx0; kx++) {                                          \
        const codes *v =                                                                          \
            x + t->first + (ky * g->dilation_h * g->in_w + kx * g->dilation_w) * g->in_c;         \
        for (int32_t i = 0; i < g->out_c; i++)                                                    \
          y[i] = v[i] > y[i] ? v[i] : y[i];                                                       \
      }                                                                                           \
  }                                                                                               \
  QCC_KERNEL void qcc_maxpool_##suffix(const struct qcc_window *g, const codes *QCC_RESTRICT x,   \
                                       codes *QCC_RESTRICT y) {                                   \
    for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)                      \
      for (int32_t oy = 0; oy < g->out_h; oy++)                                                   \
        for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {                                \
          struct qcc_taps t = qcc_find_taps(g, oy, ox);                                           \
          qcc_maxpool_pixel_##suffix(g, &t, x, y);                                                \
        }                                                                                         \
  }

#endif
