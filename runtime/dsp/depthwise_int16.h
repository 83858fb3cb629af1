/* dsp/depthwise_int16.h - depthwise convolution of int16 codes, whose zero point is 0, with int8
 * weights, any kernel: the sums of four channels stay in registers over all taps, SXTB16 widens
 * their weights. Weights are w[kernel_h][kernel_w][channels]; y must not overlap x. */
#ifndef QCC_DSP_DEPTHWISE_INT16_H
#define QCC_DSP_DEPTHWISE_INT16_H

#include "depthwise_s16.h"
#include "dsp/dsp.h"

/* Four channels of one output pixel; x, w, b, m and y at the first of them. */
QCC_INLINE void qcc_dsp_depthwise_four_s16(const struct qcc_conv *p, const struct qcc_taps *t,
                                           const int16_t *x, const int8_t *w, const int32_t *b,
                                           const int32_t *m, int16_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t s0 = b[0], s1 = b[1], s2 = b[2], s3 = b[3];
  for (int32_t ky = t->ky0; ky < t->ky1; ky++) {
    const int16_t *v = x + t->first + (ky - t->ky0) * g->dilation_h * g->in_w * g->in_c;
    const int8_t *tap = w + (ky * g->kernel_w + t->kx0) * g->in_c;
    for (int32_t kx = t->kx0; kx < t->kx1; kx++, v += g->dilation_w * g->in_c, tap += g->in_c) {
      uint32_t lower = qcc_dsp_load(v), upper = qcc_dsp_load(v + 2), four = qcc_dsp_load(tap);
      uint32_t even = qcc_dsp_even(four), odd = qcc_dsp_odd(four);
      s0 += (int16_t)lower * (int16_t)even;
      s1 += ((int32_t)lower >> 16) * (int16_t)odd;
      s2 += (int16_t)upper * ((int32_t)even >> 16);
      s3 += ((int32_t)upper >> 16) * ((int32_t)odd >> 16);
    }
  }
  y[0] = (int16_t)qcc_requantize(&p->out, s0, m[0]);
  y[1] = (int16_t)qcc_requantize(&p->out, s1, m[1]);
  y[2] = (int16_t)qcc_requantize(&p->out, s2, m[2]);
  y[3] = (int16_t)qcc_requantize(&p->out, s3, m[3]);
}

QCC_KERNEL void qcc_depthwise_dsp_s16(const struct qcc_conv *p, const int16_t *x, const int8_t *w,
                                      const int32_t *b, const int32_t *m, int16_t *y) {
  qcc_depthwise_blocks_s16(qcc_dsp_depthwise_four_s16, 4, p, x, w, b, m, y);
}

#endif
