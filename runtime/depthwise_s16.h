/* depthwise_s16.h - depthwise convolution of int16 codes, whose zero point is 0, with int8
 * weights, one output channel per input channel.  Weights are packed
 * w[kernel_h][kernel_w][channels], so that a block of channels is contiguous in the image, the
 * weights and the sums.  y must not overlap x. */
#ifndef QCC_DEPTHWISE_S16_H
#define QCC_DEPTHWISE_S16_H

#include "conv_params.h"

#ifndef QCC_BLOCK
#define QCC_BLOCK 32 /* channels whose sums are kept on the stack; even */
#endif

/* n channels of one output pixel; x, w, b, m and y at the first of them. */
QCC_KERNEL void qcc_depthwise_block_s16(const struct qcc_conv *p, const struct qcc_taps *t,
                                        int32_t n, const int16_t *QCC_RESTRICT x,
                                        const int8_t *QCC_RESTRICT w, const int32_t *b,
                                        const int32_t *m, int16_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t acc[QCC_BLOCK];
  for (int32_t i = 0; i < n; i++)
    acc[i] = b ? b[i] : 0;
  for (int32_t ky = t->ky0; ky < t->ky1; ky++) {
    const int16_t *v = x + t->first + (ky - t->ky0) * g->dilation_h * g->in_w * g->in_c;
    const int8_t *tap = w + (ky * g->kernel_w + t->kx0) * g->in_c;
    for (int32_t kx = t->kx0; kx < t->kx1; kx++, v += g->dilation_w * g->in_c, tap += g->in_c)
      for (int32_t i = 0; i < n; i++)
        acc[i] += (int32_t)v[i] * tap[i];
  }
  for (int32_t i = 0; i < n; i++)
    y[i] = (int16_t)qcc_requantize(&p->out, acc[i], m[i]);
}

/* A certain number of channels of one output pixel, by the instructions of a target. */
typedef void qcc_channels_s16(const struct qcc_conv *p, const struct qcc_taps *t, const int16_t *x,
                              const int8_t *w, const int32_t *b, const int32_t *m, int16_t *y);

/* All channels: `count` at a time by `some`, where it is not NULL, the others in plain C. */
QCC_INLINE void qcc_depthwise_blocks_s16(qcc_channels_s16 *some, int32_t count,
                                         const struct qcc_conv *p, const int16_t *x,
                                         const int8_t *w, const int32_t *b, const int32_t *m,
                                         int16_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t whole = some ? g->out_c / count * count : 0;
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        for (int32_t c = 0; c < whole; c += count)
          some(p, &t, x + c, w + c, b + c, m + c, y + c);
        for (int32_t c = whole; c < g->out_c; c += QCC_BLOCK)
          qcc_depthwise_block_s16(p, &t, qcc_min(QCC_BLOCK, g->out_c - c), x + c, w + c,
                                  b ? b + c : NULL, m + c, y + c);
      }
}

QCC_KERNEL void qcc_depthwise_s16(const struct qcc_conv *p, const int16_t *x, const int8_t *w,
                                  const int32_t *b, const int32_t *m, int16_t *y) {
  qcc_depthwise_blocks_s16(NULL, 1, p, x, w, b, m, y);
}

#endif
