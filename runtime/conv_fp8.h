/* conv_fp8.h - convolution of activations of E4M3 (fp8.h), to float32 or to such codes: any kernel,
 * stride, dilation, padding and group, depthwise too.  The weights of an output channel become integers
 * once, int32 scratch[depth], and are used for every pixel.  y must not overlap x. */
#ifndef QCC_CONV_FP8_H
#define QCC_CONV_FP8_H

#include "fp8.h"
#include "params_f32.h"

QCC_KERNEL int64_t qcc_conv_sum_fp8(const struct qcc_runs *r, const uint8_t *x, const int32_t *w) {
  int64_t sum = 0;
  for (int32_t ky = 0; ky < r->rows; ky++) {
    const uint8_t *xr = x + r->x_first + ky * r->x_row;
    QCC_NO_GATHER
    for (int32_t k = 0; k < r->runs; k++, xr += r->x_run)
      sum += qcc_dot_fp8(xr, w + r->w_first + ky * r->w_row + k * r->len, r->len);
  }
  return sum;
}

QCC_KERNEL void qcc_conv_fp8(const struct qcc_conv_f32 *p, const struct qcc_groups *q,
                             const struct qcc_fp8 *t, const void *x, const void *w,
                             const uint8_t *multiple, const float *b, const float *s,
                             const float *x_scale, void *scratch, void *y) {
  const struct qcc_window *g = &p->g;
  int32_t channels = g->in_c / p->group, per_group = g->out_c / p->group;
  int32_t depth = g->kernel_h * g->kernel_w * channels, pixels = g->out_h * g->out_w;
  for (int32_t o = 0; o < g->out_c; o++) {
    const int32_t *row = qcc_fp8_weights(q, w, multiple, o, depth, scratch);
    for (int32_t i = 0; i < g->batch * pixels; i++) {
      struct qcc_runs r = qcc_find_runs(g, p->group, i % pixels / g->out_w, i % g->out_w);
      const uint8_t *image =
          (const uint8_t *)x + i / pixels * g->in_h * g->in_w * g->in_c + o / per_group * channels;
      float real = (float)qcc_conv_sum_fp8(&r, image, row) * t->unit;
      real *= x_scale[i / t->rows];
      qcc_put_fp8(&p->act, t->y_scale, real, s[o], b ? b[o] : 0.0f, y, i * g->out_c + o);
    }
  }
}

#endif
