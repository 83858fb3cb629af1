/* conv3_f32.h - float convolution of one to three dimensions, transposed or not, grouped, channels first or
 * last: the general case, plainly summed.  y must not overlap x. */
#ifndef QCC_CONV3_F32_H
#define QCC_CONV3_F32_H

#include "activation_f32.h"
#include "real.h"
#include "window3.h"

struct qcc_conv3 {
  struct qcc_window3 g;
  int32_t group;
  int32_t w_tap, w_in, w_out, w_group; /* elements of w between taps, channels of x and y, and groups */
  struct qcc_act act;
};

/* One output channel; x is the image at the group's first channel, w the weights of the channel. */
QCC_INLINE float qcc_conv3_sum(int e, const struct qcc_conv3 *p, const int32_t *at, const void *x,
                               const void *w) {
  int32_t k[3] = {0, 0, 0}, tap = 0, channels = p->g.in_c / p->group;
  float sum = 0.0f;
  do {
    int32_t from = qcc_in3(&p->g, at, k);
    for (int32_t c = 0; from >= 0 && c < channels; c++)
      sum += qcc_get(e, x, from + c * p->g.in_channel) * qcc_get(e, w, tap * p->w_tap + c * p->w_in);
    tap++;
  } while (qcc_next3(p->g.kernel, k));
  return sum;
}

QCC_INLINE void qcc_conv3_real(int e, const struct qcc_conv3 *p, const void *QCC_RESTRICT x,
                               const void *QCC_RESTRICT w, const float *bias, void *QCC_RESTRICT y) {
  const struct qcc_window3 *g = &p->g;
  int32_t inputs = g->in_c / p->group, outputs = g->out_c / p->group;
  for (int32_t n = 0; n < g->batch; n++) {
    int32_t at[3] = {0, 0, 0};
    do
      for (int32_t o = 0; o < g->out_c; o++) {
        int32_t group = o / outputs;
        const void *image = qcc_at(e, x, n * g->in_batch + group * inputs * g->in_channel);
        const void *own = qcc_at(e, w, group * p->w_group + o % outputs * p->w_out);
        float sum = qcc_conv3_sum(e, p, at, image, own) + (bias ? bias[o] : 0.0f);
        qcc_put(e, y, qcc_out3(g, n, at) + o * g->out_channel, qcc_activate(&p->act, sum));
      }
    while (qcc_next3(g->out, at));
  }
}

QCC_KERNEL void qcc_conv3_f32(const struct qcc_conv3 *p, const float *QCC_RESTRICT x,
                              const float *QCC_RESTRICT w, const float *bias, float *QCC_RESTRICT y) {
  qcc_conv3_real(QCC_F32, p, x, w, bias, y);
}

QCC_KERNEL void qcc_conv3_f16(const struct qcc_conv3 *p, const uint16_t *QCC_RESTRICT x,
                              const uint16_t *QCC_RESTRICT w, const float *bias,
                              uint16_t *QCC_RESTRICT y) {
  qcc_conv3_real(QCC_F16, p, x, w, bias, y);
}

#endif
