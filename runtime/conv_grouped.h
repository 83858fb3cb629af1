/* conv_grouped.h - convolution of int8 codes with group-scaled weights of 8, 4 or 2 bits over NHWC
 * images, any kernel, stride, dilation, padding and group (depthwise too): acc = b + sum over
 * groups of multiple[o][g] * (sum of the group).  Weights as in conv_s8.h or conv_packed.h,
 * multiple[out_c][n_groups].  A tap in the padding reads x_zero. y must not overlap x. */
#ifndef QCC_CONV_GROUPED_H
#define QCC_CONV_GROUPED_H

#include "dot_grouped.h"

/* Weighted sum of one output channel's weights whose taps lie in the padding. */
QCC_KERNEL int32_t qcc_conv_skipped_grouped(const struct qcc_conv *p, const struct qcc_groups *q,
                                            const struct qcc_runs *r, const uint8_t *w,
                                            const uint8_t *multiple) {
  int32_t sum = 0, left = r->taps.kx0 * r->channels, right = r->taps.kx1 * r->channels;
  for (int32_t ky = 0, at = 0; ky < p->g.kernel_h; ky++, at += r->w_row) {
    if (ky < r->taps.ky0 || ky >= r->taps.ky1) {
      sum += qcc_dot_grouped(q, NULL, w, multiple, at, r->w_row);
    } else {
      sum += qcc_dot_grouped(q, NULL, w, multiple, at, left);
      sum += qcc_dot_grouped(q, NULL, w, multiple, at + right, r->w_row - right);
    }
  }
  return sum;
}

/* The accumulator of one output channel of one pixel, without bias. */
QCC_KERNEL int32_t qcc_conv_sum_grouped(const struct qcc_conv *p, const struct qcc_groups *q,
                                        const struct qcc_runs *r, const int8_t *x,
                                        const uint8_t *w, const uint8_t *multiple) {
  int32_t sum = 0;
  if (r->border && p->x_zero != 0)
    sum = p->x_zero * qcc_conv_skipped_grouped(p, q, r, w, multiple);
  for (int32_t ky = 0; ky < r->rows; ky++) {
    const int8_t *xr = x + r->x_first + ky * r->x_row;
    int32_t at = r->w_first + ky * r->w_row;
    for (int32_t k = 0; k < r->runs; k++, xr += r->x_run, at += r->len)
      sum += qcc_dot_grouped(q, xr, w, multiple, at, r->len);
  }
  return sum;
}

QCC_KERNEL void qcc_conv_grouped(const struct qcc_conv *p, const struct qcc_groups *q,
                                 const int8_t *QCC_RESTRICT x, const void *w,
                                 const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                 const int8_t *table, int8_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t per_group = g->out_c / p->group;
  int32_t bytes = qcc_packed_bytes(q->per_byte, g->kernel_h * g->kernel_w * (g->in_c / p->group));
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_runs r = qcc_find_runs(g, p->group, oy, ox);
        for (int32_t o = 0; o < g->out_c; o++) {
          int32_t acc = qcc_conv_sum_grouped(p, q, &r, x + o / per_group * r.channels,
                                             (const uint8_t *)w + o * bytes,
                                             multiple + o * q->n_groups);
          y[o] = qcc_output_s8(&p->out, acc + (b ? b[o] : 0), m[o], table);
        }
      }
}

#endif
