/* conv_f32.h - float convolution over NHWC images: any kernel, stride, dilation, padding and group.
 * Weights are OHWI, w[out_c][kernel_h][kernel_w][in_c / group].  The activation is applied to each
 * output.  y must not overlap x. */
#ifndef QCC_CONV_F32_H
#define QCC_CONV_F32_H

#include "conv_params.h"
#include "dot_f32.h"
#include "params_f32.h"

/* One output channel of one pixel; x is the image at the group's first channel. */
QCC_INLINE float qcc_conv_sum_real(int tx, int tw, const struct qcc_runs *r, const void *x,
                                   const void *w) {
  float sum = 0.0f;
  for (int32_t ky = 0; ky < r->rows; ky++) {
    const void *xr = qcc_at(tx, x, r->x_first + ky * r->x_row);
    const void *wr = qcc_at(tw, w, r->w_first + ky * r->w_row);
    for (int32_t k = 0; k < r->runs; k++) {
      sum += qcc_dot_of(tx, tw, xr, wr, r->len);
      xr = qcc_at(tx, xr, r->x_run);
      wr = qcc_at(tw, wr, r->len);
    }
  }
  return sum;
}

/* Elements tx of x and y, tw of w. */
QCC_INLINE void qcc_conv_real(int tx, int tw, const struct qcc_conv_f32 *p,
                              const void *QCC_RESTRICT x, const void *QCC_RESTRICT w,
                              const float *bias, void *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t per_group = g->out_c / p->group, size_x = g->in_h * g->in_w * g->in_c, at = 0;
  for (int32_t n = 0; n < g->batch; n++, x = qcc_at(tx, x, size_x))
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++) {
        struct qcc_runs r = qcc_find_runs(g, p->group, oy, ox);
        int32_t size = g->kernel_h * r.w_row;
        for (int32_t o = 0; o < g->out_c; o++) {
          float sum = qcc_conv_sum_real(tx, tw, &r, qcc_at(tx, x, o / per_group * r.channels),
                                        qcc_at(tw, w, o * size));
          qcc_put(tx, y, at++, qcc_activate(&p->act, sum + (bias ? bias[o] : 0.0f)));
        }
      }
}

QCC_KERNEL void qcc_conv_f32(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                             const float *QCC_RESTRICT w, const float *bias,
                             float *QCC_RESTRICT y) {
  qcc_conv_real(QCC_F32, QCC_F32, p, x, w, bias, y);
}

QCC_KERNEL void qcc_conv_f32_w16(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                                 const uint16_t *QCC_RESTRICT w, const float *bias,
                                 float *QCC_RESTRICT y) {
  qcc_conv_real(QCC_F32, QCC_F16, p, x, w, bias, y);
}

QCC_KERNEL void qcc_conv_f32_wb16(const struct qcc_conv_f32 *p, const float *QCC_RESTRICT x,
                                  const uint16_t *QCC_RESTRICT w, const float *bias,
                                  float *QCC_RESTRICT y) {
  qcc_conv_real(QCC_F32, QCC_BF16, p, x, w, bias, y);
}

QCC_KERNEL void qcc_conv_f16(const struct qcc_conv_f32 *p, const uint16_t *QCC_RESTRICT x,
                             const uint16_t *QCC_RESTRICT w, const float *bias,
                             uint16_t *QCC_RESTRICT y) {
  qcc_conv_real(QCC_F16, QCC_F16, p, x, w, bias, y);
}

#endif
