/* conv_s16.h - convolution of int16 codes, whose zero point is 0, with int8 weights over NHWC
 * images: any kernel, stride, dilation, padding and group.  Weights are OHWI,
 * w[out_c][kernel_h][kernel_w] [in_c / group].  Four output channels share the loads of x.  y must
 * not overlap x. */
#ifndef QCC_CONV_S16_H
#define QCC_CONV_S16_H

#include "conv_params.h"
#include "dot_s16.h"

/* n output channels (1 or 4) of one pixel; x is the image at the group's first channel, w, b, m and
 * y at the first output channel. */
QCC_INLINE void qcc_conv_lanes_s16(int32_t wide, const struct qcc_conv *p, const struct qcc_runs *r,
                                   int32_t n, const int16_t *x, const int8_t *w, const int32_t *b,
                                   const int32_t *m, int16_t *y) {
  int64_t acc[4] = {0, 0, 0, 0};
  for (int32_t j = 0; b && j < n; j++)
    acc[j] = b[j];
  for (int32_t ky = 0; ky < r->rows; ky++) {
    const int16_t *xr = x + r->x_first + ky * r->x_row;
    const int8_t *wr = w + r->w_first + ky * r->w_row;
    QCC_NO_GATHER
    for (int32_t k = 0; k < r->runs; k++, xr += r->x_run, wr += r->len)
      qcc_add_run_s16(wide, n, xr, wr, p->g.kernel_h * r->w_row, r->len, acc);
  }
  for (int32_t j = 0; j < n; j++)
    y[j] = qcc_output_s16(wide, &p->out, acc[j], m[j]);
}

QCC_INLINE void qcc_conv_all_s16(int32_t wide, const struct qcc_conv *p,
                                 const int16_t *QCC_RESTRICT x, const int8_t *QCC_RESTRICT w,
                                 const int32_t *b, const int32_t *m, int16_t *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t per_group = g->out_c / p->group;
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_runs r = qcc_find_runs(g, p->group, oy, ox);
        for (int32_t o = 0, n; o < g->out_c; o += n) {
          const int16_t *from = x + o / per_group * r.channels;
          const int8_t *row = w + o * g->kernel_h * r.w_row;
          n = per_group - o % per_group >= 4 ? 4 : 1;
          if (n == 4)
            qcc_conv_lanes_s16(wide, p, &r, 4, from, row, b ? b + o : NULL, m + o, y + o);
          else
            qcc_conv_lanes_s16(wide, p, &r, 1, from, row, b ? b + o : NULL, m + o, y + o);
        }
      }
}

QCC_KERNEL void qcc_conv_s16(const struct qcc_conv *p, const int16_t *x, const int8_t *w,
                             const int32_t *b, const int32_t *m, int16_t *y) {
  qcc_conv_all_s16(0, p, x, w, b, m, y);
}

QCC_KERNEL void qcc_conv_s16_wide(const struct qcc_conv *p, const int16_t *x, const int8_t *w,
                                  const int32_t *b, const int32_t *m, int16_t *y) {
  qcc_conv_all_s16(1, p, x, w, b, m, y);
}

#endif
