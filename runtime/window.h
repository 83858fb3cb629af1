/* window.h - the geometry of convolutions and pools over NHWC images, and which taps of a window
 * lie inside the image.  The range of valid taps is computed once per output pixel, so that inner
 * loops need no tests. */
#ifndef QCC_WINDOW_H
#define QCC_WINDOW_H

#include "common.h"

/* The paddings below and to the right follow from out_h and out_w. */
struct qcc_window {
  int32_t batch;
  int32_t in_h, in_w, in_c;       /* x[batch][in_h][in_w][in_c] */
  int32_t out_h, out_w, out_c;    /* y[batch][out_h][out_w][out_c] */
  int32_t kernel_h, kernel_w;
  int32_t stride_h, stride_w;
  int32_t dilation_h, dilation_w; /* 1: dense */
  int32_t pad_top, pad_left;
};

/* Valid taps of one output pixel: ky0 <= ky < ky1, kx0 <= kx < kx1; both empty ranges are 0..0. */
struct qcc_taps {
  int32_t ky0, ky1, kx0, kx1;
  int32_t first;                  /* element of the image that tap (ky0, kx0) reads, channel 0 */
};

/* Taps k in 0..kernel-1 with 0 <= at + k * dilation < size. */
QCC_KERNEL void qcc_clip_taps(int32_t at, int32_t dilation, int32_t kernel, int32_t size,
                              int32_t *first, int32_t *end) {
  int32_t lo = 0, hi = kernel;
  if (at < 0)
    lo = (dilation - 1 - at) / dilation;
  if (at + (kernel - 1) * dilation >= size)
    hi = at < size ? (size - at + dilation - 1) / dilation : 0;
  if (lo >= hi)
    lo = hi = 0;
  *first = lo;
  *end = hi;
}

QCC_KERNEL struct qcc_taps qcc_find_taps(const struct qcc_window *g, int32_t oy, int32_t ox) {
  int32_t iy = oy * g->stride_h - g->pad_top, ix = ox * g->stride_w - g->pad_left;
  struct qcc_taps t;
  qcc_clip_taps(iy, g->dilation_h, g->kernel_h, g->in_h, &t.ky0, &t.ky1);
  qcc_clip_taps(ix, g->dilation_w, g->kernel_w, g->in_w, &t.kx0, &t.kx1);
  if (t.ky0 == t.ky1 || t.kx0 == t.kx1)
    t.ky0 = t.ky1 = t.kx0 = t.kx1 = t.first = 0;
  else
    t.first = ((iy + t.ky0 * g->dilation_h) * g->in_w + ix + t.kx0 * g->dilation_w) * g->in_c;
  return t;
}

/* The same taps as places in the image: `rows` times `cols` of them, or one row where all lie evenly. */
struct qcc_run {
  int32_t rows, cols;
  int32_t row_step, step; /* elements from one to the next */
  int32_t first;          /* element of the first one, channel 0 */
};

QCC_KERNEL struct qcc_run qcc_find_run(const struct qcc_window *g, int32_t oy, int32_t ox) {
  struct qcc_taps t = qcc_find_taps(g, oy, ox);
  struct qcc_run r = {t.ky1 - t.ky0, t.kx1 - t.kx0, g->dilation_h * g->in_w * g->in_c,
                      g->dilation_w * g->in_c, t.first};
  if (r.cols * r.step == r.row_step) {
    r.cols *= r.rows;
    r.rows = 1;
  }
  return r;
}

#endif
