/* conv_grouped.h - convolution of int8 codes with group-scaled weights of 8 bits and less over NHWC
 * images, any kernel, stride, dilation, padding and group (depthwise too): acc = b + sum over
 * groups of multiple[o][g] * (sum of the group).  Weights as in conv_s8.h or conv_packed.h,
 * multiple[out_c][n_groups].  The weights of an output channel are folded with their multiples
 * into scratch[kernel_h * kernel_w * in_c / group] once, and used for every pixel.  A tap in the
 * padding reads x_zero.  y must not overlap x. */
#ifndef QCC_CONV_GROUPED_H
#define QCC_CONV_GROUPED_H

#include "folded.h"

/* Sum of one output channel's weights whose taps lie in the padding. */
QCC_KERNEL int32_t qcc_conv_skipped_folded(const struct qcc_conv *p, const struct qcc_runs *r,
                                           const int16_t *w) {
  int32_t inside = 0, wide = (r->taps.kx1 - r->taps.kx0) * r->channels;
  for (int32_t ky = 0; ky < r->rows; ky++)
    inside += qcc_sum_folded(w + r->w_first + ky * r->w_row, wide);
  return qcc_sum_folded(w, p->g.kernel_h * r->w_row) - inside;
}

/* The accumulator of one output channel of one pixel, without bias. */
QCC_KERNEL int32_t qcc_conv_sum_folded(const struct qcc_conv *p, const struct qcc_runs *r,
                                       const int8_t *x, const int16_t *w) {
  int32_t sum = 0;
  if (r->border && p->x_zero != 0)
    sum = p->x_zero * qcc_conv_skipped_folded(p, r, w);
  for (int32_t ky = 0; ky < r->rows; ky++) {
    const int8_t *xr = x + r->x_first + ky * r->x_row;
    const int16_t *wr = w + r->w_first + ky * r->w_row;
    QCC_NO_GATHER
    for (int32_t k = 0; k < r->runs; k++, xr += r->x_run, wr += r->len)
      sum += qcc_dot_folded(xr, wr, r->len);
  }
  return sum;
}

/* One output channel of every pixel; x at its group's first channel, y at the channel. */
QCC_KERNEL void qcc_conv_channel_folded(const struct qcc_conv *p, const int8_t *QCC_RESTRICT x,
                                        const int16_t *w, int32_t b, const int32_t *m,
                                        const int8_t *table, int8_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_runs r = qcc_find_runs(g, p->group, oy, ox);
        *y = qcc_output_s8(&p->out, b + qcc_conv_sum_folded(p, &r, x, w), m, table);
      }
}

QCC_KERNEL void qcc_conv_grouped(const struct qcc_conv *p, const struct qcc_groups *q,
                                 const int8_t *x, const void *w, const uint8_t *multiple,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 void *scratch, int8_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t channels = g->in_c / p->group, per_group = g->out_c / p->group;
  int32_t depth = g->kernel_h * g->kernel_w * channels;
  for (int32_t o = 0; o < g->out_c; o++) {
    qcc_fold_row(q, o, w, multiple, depth, scratch);
    qcc_conv_channel_folded(p, x + o / per_group * channels, scratch, b ? b[o] : 0, m + o, table,
                            y + o);
  }
}

#endif
