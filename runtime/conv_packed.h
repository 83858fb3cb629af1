/* conv_packed.h - convolution of int8 codes with weights that share bytes (packed.h),
 * over NHWC images: conv_s8.h for four output channels at a time, whose weights are unpacked into
 * scratch[4 * kernel_h * kernel_w * in_c / group] and then used for every pixel.  Each output
 * channel's weights start on a byte boundary.  y must not overlap x. */
#ifndef QCC_CONV_PACKED_H
#define QCC_CONV_PACKED_H

#include "conv_s8.h"
#include "packed.h"

QCC_KERNEL void qcc_conv_packed(const struct qcc_packed *q, const struct qcc_conv *p,
                                const int8_t *x, const uint8_t *w, const int32_t *b,
                                const int32_t *m, const int8_t *table, void *scratch, int8_t *y) {
  const struct qcc_window *g = &p->g;
  int8_t *codes = (int8_t *)scratch;
  int32_t channels = g->in_c / p->group, per_group = g->out_c / p->group;
  int32_t depth = g->kernel_h * g->kernel_w * channels;
  for (int32_t o = 0, n; o < g->out_c; o += n) {
    n = qcc_min(4, per_group - o % per_group);
    for (int32_t j = 0; j < n; j++)
      w = qcc_unpack(q->packing, qcc_book(q, o + j), w, depth, codes + j * depth);
    qcc_conv_channels_s8(p, n, 1, x + o / per_group * channels, codes, b ? b + o : NULL, m + o,
                         table, y + o);
  }
}

#endif
