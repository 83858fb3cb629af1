/* depthwise_f32.h - float depthwise convolution: a vector of channels of four pixels at a time.
 * Weights are packed [channels / vector][taps][vector].  The image is first copied into `scratch`
 * with a border of zeros.  Included behind float.h of an instruction set. */
#ifndef QCC_X86_DEPTHWISE_F32_H
#define QCC_X86_DEPTHWISE_F32_H

#include "x86/shared.h"
#include "x86/fma.h"

struct qcc_fma_depthwise {
  int32_t batch, out_h, out_w, channels;
  int32_t image, line, pixel; /* elements between images, output lines and output pixels */
  int32_t taps;
  struct qcc_act act;
};

/* n channels of four pixels, of which the last may be the same one again. */
QCC_INLINE void qcc_fma_depthwise_tile(const struct qcc_fma_depthwise *p, const int32_t *tap,
                                       int32_t n, const float *const *x, const float *w,
                                       const float *b, float *const *y) {
  qcc_floats acc[4];
#pragma GCC unroll 4
  for (int32_t i = 0; i < 4; i++) acc[i] = qcc_load_floats(b);
  for (int32_t t = 0; t < p->taps; t++, w += QCC_LANES) {
    qcc_floats wv = qcc_load_floats(w);
#pragma GCC unroll 4
    for (int32_t i = 0; i < 4; i++)
      acc[i] = qcc_multiply_add(qcc_load_some(x[i] + tap[t], n), wv, acc[i]);
  }
#pragma GCC unroll 4
  for (int32_t i = 0; i < 4; i++) qcc_store_activated(&p->act, n, acc[i], y[i]);
}

QCC_INLINE void qcc_fma_depthwise(const struct qcc_fma_depthwise *p,
                                  const struct qcc_stage *t, const int32_t *tap,
                                  const float *x, const float *w, const float *b, float *scratch,
                                  float *y) {
  scratch = qcc_align64(scratch);
  qcc_stage_f32(t, x, scratch);
  for (int32_t row = 0; row < p->batch * p->out_h; row++, y += p->out_w * p->channels) {
    const float *s = scratch + row / p->out_h * p->image + row % p->out_h * p->line;
    for (int32_t ox = 0; ox < p->out_w; ox += 4) {
      const float *wc = w;
      for (int32_t c = 0; c < p->channels; c += QCC_LANES, wc += p->taps * QCC_LANES) {
        const float *xs[4];
        float *ys[4];
#pragma GCC unroll 4
        for (int32_t i = 0; i < 4; i++) {
          int32_t at = qcc_min(ox + i, p->out_w - 1);
          xs[i] = s + at * p->pixel + c;
          ys[i] = y + at * p->channels + c;
        }
        if (p->channels - c >= QCC_LANES)
          qcc_fma_depthwise_tile(p, tap, QCC_LANES, xs, wc, b + c, ys);
        else qcc_fma_depthwise_tile(p, tap, p->channels - c, xs, wc, b + c, ys);
      }
    }
  }
}

#endif
