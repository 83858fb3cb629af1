/* conv_f32.h - float convolution over NHWC images: any kernel, stride, dilation, padding and group.
 * Weights are OHWI, w[out_c][kernel_h][kernel_w][in_c / group].  The activation is applied to each
 * output.  y must not overlap x. */
#ifndef QCC_CONV_F32_H
#define QCC_CONV_F32_H

#include "conv_params.h"
#include "dot_f32.h"
#include "params_f32.h"

/* One output channel of one pixel; x is the image at the group's first channel. */
QCC_KERNEL float qcc_conv_sum_f32(const struct qcc_runs *r, const float *x, const float *w) {
  float sum = 0.0f;
  for (int32_t ky = 0; ky < r->rows; ky++) {
    const float *xr = x + r->x_first + ky * r->x_row, *wr = w + r->w_first + ky * r->w_row;
    for (int32_t k = 0; k < r->runs; k++, xr += r->x_run, wr += r->len)
      sum += qcc_dot_f32(xr, wr, r->len);
  }
  return sum;
}

QCC_KERNEL void qcc_conv_f32(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                             const float *QCC_RESTRICT w, const float *bias,
                             float *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t per_group = g->out_c / p->group;
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_runs r = qcc_find_runs(g, p->group, oy, ox);
        int32_t size = g->kernel_h * r.w_row;
        for (int32_t o = 0; o < g->out_c; o++) {
          float sum = qcc_conv_sum_f32(&r, x + o / per_group * r.channels, w + o * size);
          y[o] = qcc_activate(&p->act, sum + (bias ? bias[o] : 0.0f));
        }
      }
}

#endif
