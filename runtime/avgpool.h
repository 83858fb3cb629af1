/* avgpool.h - average pool over NHWC codes, global ones included: acc = sum of (x - x_zero) over
 * the window's valid taps, then rule q31 with m[0], or with m[valid taps - 1] where windows at the
 * border average fewer taps.  A block of channels is summed at once. y must not overlap x. */
#ifndef QCC_AVGPOOL_H
#define QCC_AVGPOOL_H

#include "window.h"

#ifndef QCC_BLOCK
#define QCC_BLOCK 32 /* channels whose sums are kept on the stack; even */
#endif

struct qcc_avgpool {
  struct qcc_window g;
  int32_t x_zero;
  int32_t m_by_count; /* 0: m[0] always; 1: m[valid taps - 1] */
  struct qcc_rescale out;
};

/* qcc_avgpool_block: n channels of one output pixel; x is the image at the first of them. */
#define QCC_AVGPOOL(suffix, codes)                                                                \
  QCC_KERNEL void qcc_avgpool_block_##suffix(const struct qcc_avgpool *p,                         \
                                             const struct qcc_taps *t, int32_t n,                 \
                                             const codes *QCC_RESTRICT x, const int32_t *m,       \
                                             codes *QCC_RESTRICT y) {                             \
    const struct qcc_window *g = &p->g;                                                           \
    int32_t rows = t->ky1 - t->ky0, cols = t->kx1 - t->kx0, count = rows * cols;                  \
    int32_t acc[QCC_BLOCK], factor = m[p->m_by_count && count > 0 ? count - 1 : 0];               \
    for (int32_t i = 0; i < n; i++)                                                               \
      acc[i] = -count * p->x_zero;                                                                \
    for (int32_t ky = 0; ky < rows; ky++)                                                         \
      for (int32_t kx = 0; kx < cols; kx++) {                                                     \
        const codes *v =                                                                          \
            x + t->first + (ky * g->dilation_h * g->in_w + kx * g->dilation_w) * g->in_c;         \
        for (int32_t i = 0; i < n; i++)                                                           \
          acc[i] += v[i];                                                                         \
      }                                                                                           \
    for (int32_t i = 0; i < n; i++)                                                               \
      y[i] = (codes)qcc_requantize(&p->out, acc[i], factor);                                      \
  }                                                                                               \
  QCC_KERNEL void qcc_avgpool_##suffix(const struct qcc_avgpool *p, const codes *QCC_RESTRICT x,  \
                                       const int32_t *m, codes *QCC_RESTRICT y) {                 \
    const struct qcc_window *g = &p->g;                                                           \
    for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)                      \
      for (int32_t oy = 0; oy < g->out_h; oy++)                                                   \
        for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {                                \
          struct qcc_taps t = qcc_find_taps(g, oy, ox);                                           \
          for (int32_t c = 0; c < g->out_c; c += QCC_BLOCK)                                       \
            qcc_avgpool_block_##suffix(p, &t, qcc_min(QCC_BLOCK, g->out_c - c), x + c, m, y + c); \
        }                                                                                         \
  }

#endif
