/* conv_dynamic.h - convolution of int8 codes whose images have a scale each, found at run time, to
 * floats (dynamic.h): any kernel, stride, dilation, padding and group, depthwise too.  The weights of
 * an output channel are unpacked into scratch once, where they are not bytes already, and used for every
 * pixel.  A tap in the padding counts for nothing.  y must not overlap x. */
#ifndef QCC_CONV_DYNAMIC_H
#define QCC_CONV_DYNAMIC_H

#include "dynamic.h"
#include "params_f32.h"

QCC_KERNEL int32_t qcc_conv_sum_dynamic(int32_t folded, const struct qcc_runs *r, const int8_t *x,
                                        const void *w) {
  int32_t sum = 0;
  for (int32_t ky = 0; ky < r->rows; ky++) {
    const int8_t *xr = x + r->x_first + ky * r->x_row;
    QCC_NO_GATHER
    for (int32_t k = 0; k < r->runs; k++, xr += r->x_run)
      sum += qcc_dynamic_dot(folded, xr, w, r->w_first + ky * r->w_row + k * r->len, r->len);
  }
  return sum;
}

/* The sum of the weights that the same pixel multiplies. */
QCC_KERNEL int32_t qcc_conv_weights_dynamic(int32_t folded, const struct qcc_runs *r, const void *w) {
  int32_t sum = 0;
  for (int32_t ky = 0; ky < r->rows; ky++)
    for (int32_t k = 0; k < r->runs; k++) {
      int32_t at = r->w_first + ky * r->w_row + k * r->len;
      sum += folded ? qcc_sum_folded((const int16_t *)w + at, r->len) : qcc_sum_s8((const int8_t *)w + at, r->len);
    }
  return sum;
}

QCC_KERNEL void qcc_conv_dynamic(const struct qcc_conv_f32 *p, const struct qcc_groups *q,
                                 const struct qcc_x_scales *t, const int8_t *x, const void *w,
                                 const uint8_t *multiple, const float *b, const float *s,
                                 const float *x_scale, const struct qcc_zeros *z,
                                 const int32_t *x_zero, void *scratch, float *y) {
  const struct qcc_window *g = &p->g;
  int32_t channels = g->in_c / p->group, per_group = g->out_c / p->group;
  int32_t depth = g->kernel_h * g->kernel_w * channels, pixels = g->out_h * g->out_w;
  int32_t folded = qcc_is_folded(multiple, z);
  for (int32_t o = 0; o < g->out_c; o++) {
    const void *row = qcc_dynamic_weights(q, w, multiple, z, o, depth, scratch);
    for (int32_t i = 0; i < g->batch * pixels; i++) {
      struct qcc_runs r = qcc_find_runs(g, p->group, i % pixels / g->out_w, i % g->out_w);
      const int8_t *image = x + i / pixels * g->in_h * g->in_w * g->in_c + o / per_group * channels;
      int32_t sum = qcc_conv_sum_dynamic(folded, &r, image, row);
      if (x_zero) {
        int32_t whole = r.rows * r.runs * r.len == depth;
        sum -= *x_zero * (whole ? z->w_sum[o] : qcc_conv_weights_dynamic(folded, &r, row));
      }
      float real = (float)sum, scale = x_zero ? *x_scale * s[o] : s[o];
      real *= x_zero ? 1.0f : x_scale[i / t->rows];
      y[i * g->out_c + o] = qcc_dynamic_output(&p->act, real, scale, b ? b[o] : 0.0f);
    }
  }
}

#endif
