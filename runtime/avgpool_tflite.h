/* avgpool_tflite.h - average pool over NHWC codes as TensorFlow Lite's reference kernel has it: the sum of codes
 * as they stand over the window's valid taps, divided by their number, halves away from zero.  A block of
 * channels is summed at once.  y must not overlap x. */
#ifndef QCC_AVGPOOL_TFLITE_H
#define QCC_AVGPOOL_TFLITE_H

#include "window.h"

#ifndef QCC_BLOCK
#define QCC_BLOCK 32 /* channels whose sums are kept on the stack; even */
#endif

struct qcc_avgpool_tflite {
  struct qcc_window g;
  int32_t lo, hi;
};

/* n channels of one output pixel; x is the image at the first of them. */
QCC_KERNEL void qcc_avgpool_tflite_block(const struct qcc_avgpool_tflite *p, const struct qcc_taps *t, int32_t n,
                                         const int8_t *QCC_RESTRICT x, int8_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t rows = t->ky1 - t->ky0, cols = t->kx1 - t->kx0, count = rows * cols, acc[QCC_BLOCK];
  for (int32_t i = 0; i < n; i++)
    acc[i] = 0;
  for (int32_t ky = 0; ky < rows; ky++)
    for (int32_t kx = 0; kx < cols; kx++) {
      const int8_t *v = x + t->first + (ky * g->dilation_h * g->in_w + kx * g->dilation_w) * g->in_c;
      for (int32_t i = 0; i < n; i++)
        acc[i] += v[i];
    }
  for (int32_t i = 0; i < n; i++) {
    int32_t half = acc[i] > 0 ? count / 2 : -(count / 2);
    y[i] = (int8_t)qcc_clamp(count > 0 ? (acc[i] + half) / count : 0, p->lo, p->hi);
  }
}

QCC_KERNEL void qcc_avgpool_tflite(const struct qcc_avgpool_tflite *p, const int8_t *QCC_RESTRICT x,
                                   int8_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        for (int32_t c = 0; c < g->out_c; c += QCC_BLOCK)
          qcc_avgpool_tflite_block(p, &t, qcc_min(QCC_BLOCK, g->out_c - c), x + c, y + c);
      }
}

#endif
