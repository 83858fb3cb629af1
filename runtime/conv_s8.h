/* conv_s8.h - convolution of int8 codes with int8 weights over NHWC images: any kernel, stride,
 * dilation, padding and group.  Weights are OHWI, w[out_c][kernel_h][kernel_w][in_c / group].
 * A tap in the padding reads x_zero: the weights that the border skips are summed and multiplied by
 * it.  Four output channels share the loads of x.  y must not overlap x. */
#ifndef QCC_CONV_S8_H
#define QCC_CONV_S8_H

#include "conv_params.h"
#include "dot_s8.h"

/* Sum of one output channel's weights whose taps lie in the padding. */
QCC_KERNEL int32_t qcc_conv_skipped_s8(const struct qcc_conv *p, const struct qcc_runs *r,
                                       const int8_t *w) {
  int32_t sum = 0, left = r->taps.kx0 * r->channels, right = r->taps.kx1 * r->channels;
  for (int32_t ky = 0; ky < p->g.kernel_h; ky++, w += r->w_row) {
    if (ky < r->taps.ky0 || ky >= r->taps.ky1)
      sum += qcc_sum_s8(w, r->w_row);
    else
      sum += qcc_sum_s8(w, left) + qcc_sum_s8(w + right, r->w_row - right);
  }
  return sum;
}

/* n output channels (1 or 4) of one pixel; x is the image at the group's first channel. */
QCC_INLINE void qcc_conv_lanes_s8(const struct qcc_conv *p, const struct qcc_runs *r, int32_t n,
                                  const int8_t *x, const int8_t *w, int32_t acc[4]) {
  int32_t size = p->g.kernel_h * r->w_row;
  if (r->border && p->x_zero != 0)
    for (int32_t j = 0; j < n; j++)
      acc[j] += p->x_zero * qcc_conv_skipped_s8(p, r, w + j * size);
  for (int32_t ky = 0; ky < r->rows; ky++) {
    const int8_t *xr = x + r->x_first + ky * r->x_row, *wr = w + r->w_first + ky * r->w_row;
    QCC_NO_GATHER
    for (int32_t k = 0; k < r->runs; k++, xr += r->x_run, wr += r->len) {
      if (n == 4)
        qcc_dot4_s8(xr, wr, size, r->len, acc);
      else
        acc[0] += qcc_dot_s8(xr, wr, r->len);
    }
  }
}

/* `count` output channels of one pixel; w, b, m and y at the first of them. */
QCC_KERNEL void qcc_conv_pixel_s8(const struct qcc_conv *p, const struct qcc_runs *r, int32_t count,
                                  const int8_t *x, const int8_t *w, const int32_t *b,
                                  const int32_t *m, const int8_t *table, int8_t *y) {
  int32_t size = p->g.kernel_h * r->w_row;
  for (int32_t o = 0, n; o < count; o += n) {
    int32_t acc[4] = {0, 0, 0, 0};
    n = count - o >= 4 ? 4 : 1;
    for (int32_t j = 0; b && j < n; j++)
      acc[j] = b[o + j];
    if (n == 4)
      qcc_conv_lanes_s8(p, r, 4, x, w + o * size, acc);
    else
      qcc_conv_lanes_s8(p, r, 1, x, w + o * size, acc);
    for (int32_t j = 0; j < n; j++)
      y[o + j] = qcc_output_s8(&p->out, acc[j], m + o + j, table);
  }
}

/* `count` output channels of each of `groups` groups, of every pixel; x, w, b, m and y at the first
 * one. */
QCC_KERNEL void qcc_conv_channels_s8(const struct qcc_conv *p, int32_t count, int32_t groups,
                                     const int8_t *QCC_RESTRICT x, const int8_t *QCC_RESTRICT w,
                                     const int32_t *b, const int32_t *m, const int8_t *table,
                                     int8_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_runs r = qcc_find_runs(g, p->group, oy, ox);
        for (int32_t k = 0; k < groups; k++) {
          int32_t o = k * count;
          qcc_conv_pixel_s8(p, &r, count, x + k * r.channels, w + o * g->kernel_h * r.w_row,
                            b ? b + o : NULL, m + o, table, y + o);
        }
      }
}

QCC_KERNEL void qcc_conv_s8(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                            const int32_t *b, const int32_t *m, const int8_t *table, int8_t *y) {
  qcc_conv_channels_s8(p, p->g.out_c / p->group, p->group, x, w, b, m, table, y);
}

#endif
