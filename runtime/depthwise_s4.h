/* depthwise_s4.h - depthwise convolution of int8 codes with int4 weights, one output channel per
 * input channel.  Weights are w[kernel_h][kernel_w][(channels + 1) / 2] bytes, low nibble first:
 * each tap starts on a byte boundary.  A tap in the padding adds x_zero * w.
 * y must not overlap x. */
#ifndef QCC_DEPTHWISE_S4_H
#define QCC_DEPTHWISE_S4_H

#include "conv_params.h"
#include "dot_s4.h"

#ifndef QCC_BLOCK
#define QCC_BLOCK 32 /* channels whose sums are kept on the stack; even */
#endif

/* acc[i] += v[i * step] * weight[i]: step 1 for codes, 0 for the one code of the padding. */
QCC_INLINE void qcc_depthwise_tap_s4(int32_t n, int32_t step, const int8_t *v, const uint8_t *w,
                                     int32_t *QCC_RESTRICT acc) {
  int32_t pairs = n >> 1;
  for (int32_t i = 0; i < pairs; i++) {
    acc[2 * i] += v[2 * i * step] * qcc_low_s4(w[i]);
    acc[2 * i + 1] += v[(2 * i + 1) * step] * qcc_high_s4(w[i]);
  }
  if (n & 1)
    acc[n - 1] += v[(n - 1) * step] * qcc_low_s4(w[pairs]);
}

/* n channels of one output pixel whose window begins at row iy, column ix. */
QCC_KERNEL void qcc_depthwise_block_s4(const struct qcc_conv *p, int32_t iy, int32_t ix,
                                       int32_t n, const int8_t *x, const uint8_t *w,
                                       int32_t *QCC_RESTRICT acc) {
  const struct qcc_window *g = &p->g;
  int32_t bytes = (g->in_c + 1) >> 1;
  int8_t zero = (int8_t)p->x_zero;
  for (int32_t ky = 0; ky < g->kernel_h; ky++, iy += g->dilation_h) {
    for (int32_t kx = 0, at = ix; kx < g->kernel_w; kx++, at += g->dilation_w, w += bytes) {
      if (iy >= 0 && iy < g->in_h && at >= 0 && at < g->in_w)
        qcc_depthwise_tap_s4(n, 1, x + (iy * g->in_w + at) * g->in_c, w, acc);
      else if (zero != 0)
        qcc_depthwise_tap_s4(n, 0, &zero, w, acc);
    }
  }
}

QCC_KERNEL void qcc_depthwise_s4(const struct qcc_conv *p, const int8_t *QCC_RESTRICT x,
                                 const uint8_t *QCC_RESTRICT w, const int32_t *b, const int32_t *m,
                                 const int8_t *table, int8_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t acc[QCC_BLOCK];
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c)
        for (int32_t c = 0; c < g->out_c; c += QCC_BLOCK) {
          int32_t n = qcc_min(QCC_BLOCK, g->out_c - c);
          for (int32_t i = 0; i < n; i++)
            acc[i] = b ? b[c + i] : 0;
          qcc_depthwise_block_s4(p, oy * g->stride_h - g->pad_top, ox * g->stride_w - g->pad_left,
                                 n, x + c, w + c / 2, acc);
          for (int32_t i = 0; i < n; i++)
            y[c + i] = qcc_output_s8(&p->out, acc[i], m[c + i], table);
        }
}

#endif
