/* conv_params.h - parameters of the integer convolutions and matrix products, and how the valid
 * taps of an output pixel are walked: as runs of elements that are contiguous both in the image
 * and in the weights.  A dense ungrouped convolution has one run per kernel row, any other one per
 * tap. */
#ifndef QCC_CONV_PARAMS_H
#define QCC_CONV_PARAMS_H

#include "window.h"

struct qcc_conv {
  struct qcc_window g;
  int32_t group;              /* divides in_c and out_c */
  int32_t w_next;             /* where a kernel takes groups one by one: elements of w of each */
  int32_t x_zero;             /* the code that padding reads */
  struct qcc_rescale out;
};

struct qcc_gemm {
  int32_t rows, depth, cols;  /* x[rows][depth], y[rows][cols] */
  struct qcc_rescale out;
};

/* How weights lie in memory: packed.h. */
struct qcc_packed {
  int32_t packing;            /* how they share bytes */
  int32_t step;               /* from the codebook of an output channel to the next one's; 0: one for all */
  const int8_t *book;         /* NULL where the packing has none */
};

/* Weights whose runs of `size` elements have a multiple each. */
struct qcc_groups {
  struct qcc_packed w;        /* how the weights lie */
  int32_t size;               /* elements of a flattened output channel that share a multiple */
  int32_t n_groups;           /* per output channel; the last group may be shorter */
  int32_t bits;               /* of a multiple; 0: a byte each */
};

/* The runs of one output pixel: `rows` kernel rows of `runs` runs of `len` elements. */
struct qcc_runs {
  int32_t rows, runs, len;
  int32_t x_first, x_row, x_run; /* elements of the image: first, to the next row and run */
  int32_t w_first, w_row;     /* elements of one output channel's weights; runs lie end to end */
  int32_t channels;           /* input channels of a group */
  int32_t border;             /* some tap lies in the padding */
  struct qcc_taps taps;
};

QCC_KERNEL struct qcc_runs qcc_find_runs(const struct qcc_window *g, int32_t group, int32_t oy,
                                         int32_t ox) {
  struct qcc_runs r;
  struct qcc_taps t = qcc_find_taps(g, oy, ox);
  int32_t channels = g->in_c / group, wide = t.kx1 - t.kx0;
  int32_t dense = group == 1 && g->dilation_w == 1;
  r.rows = t.ky1 - t.ky0;
  r.runs = dense ? 1 : wide;
  r.len = dense ? wide * channels : channels;
  r.x_first = t.first;
  r.x_row = g->dilation_h * g->in_w * g->in_c;
  r.x_run = g->dilation_w * g->in_c;
  r.w_first = (t.ky0 * g->kernel_w + t.kx0) * channels;
  r.w_row = g->kernel_w * channels;
  r.channels = channels;
  r.border = r.rows < g->kernel_h || wide < g->kernel_w;
  r.taps = t;
  return r;
}

#endif
