/* depthwise_s8.h - depthwise convolution of int8 codes, one output channel per input channel.
 * Weights are packed w[kernel_h][kernel_w][channels], so that a block of channels is contiguous in
 * the image, the weights and the sums, and the loop over it vectorises.  A tap in the padding adds
 * x_zero * w.  y must not overlap x. */
#ifndef QCC_DEPTHWISE_S8_H
#define QCC_DEPTHWISE_S8_H

#include "conv_params.h"

#ifndef QCC_BLOCK
#define QCC_BLOCK 32 /* channels whose sums are kept on the stack; even */
#endif

/* n channels of one output pixel whose window begins at row iy, column ix; `step` weights from one
 * tap to the next. */
QCC_KERNEL void qcc_depthwise_block_s8(const struct qcc_conv *p, int32_t iy, int32_t ix,
                                       int32_t n, const int8_t *x, const int8_t *w, int32_t step,
                                       int32_t *QCC_RESTRICT acc) {
  const struct qcc_window *g = &p->g;
  for (int32_t ky = 0; ky < g->kernel_h; ky++, iy += g->dilation_h) {
    for (int32_t kx = 0, at = ix; kx < g->kernel_w; kx++, at += g->dilation_w, w += step) {
      if (iy >= 0 && iy < g->in_h && at >= 0 && at < g->in_w) {
        const int8_t *v = x + (iy * g->in_w + at) * g->in_c;
        for (int32_t i = 0; i < n; i++)
          acc[i] += (int32_t)v[i] * w[i];
      } else if (p->x_zero != 0) {
        for (int32_t i = 0; i < n; i++)
          acc[i] += p->x_zero * w[i];
      }
    }
  }
}

/* The first `count` channels of every pixel. */
QCC_KERNEL void qcc_depthwise_channels_s8(const struct qcc_conv *p, int32_t count, int32_t step,
                                          const int8_t *QCC_RESTRICT x,
                                          const int8_t *QCC_RESTRICT w, const int32_t *b,
                                          const int32_t *m, const int8_t *table,
                                          int8_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t acc[QCC_BLOCK];
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c)
        for (int32_t c = 0; c < count; c += QCC_BLOCK) {
          int32_t n = qcc_min(QCC_BLOCK, count - c);
          for (int32_t i = 0; i < n; i++)
            acc[i] = b ? b[c + i] : 0;
          qcc_depthwise_block_s8(p, oy * g->stride_h - g->pad_top, ox * g->stride_w - g->pad_left,
                                 n, x + c, w + c, step, acc);
          for (int32_t i = 0; i < n; i++)
            y[c + i] = qcc_output_s8(&p->out, acc[i], m + c + i, table);
        }
}

QCC_KERNEL void qcc_depthwise_s8(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 int8_t *y) {
  qcc_depthwise_channels_s8(p, p->g.out_c, p->g.in_c, x, w, b, m, table, y);
}

#endif
