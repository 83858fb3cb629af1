/* depthwise_packed.h - depthwise convolution of int8 codes with weights that share bytes
 * (packed.h), with one codebook at most: depthwise_s8.h for a block of channels at a time, whose weights are unpacked into
 * scratch[kernel_h * kernel_w * min(channels, QCC_BLOCK)] and then used for every pixel.  Each tap's
 * weights, w[kernel_h][kernel_w][channels], start on a byte boundary.  y must not overlap x. */
#ifndef QCC_DEPTHWISE_PACKED_H
#define QCC_DEPTHWISE_PACKED_H

#include "depthwise_s8.h"
#include "packed.h"

QCC_KERNEL void qcc_depthwise_packed(const struct qcc_packed *q, const struct qcc_conv *p,
                                     const int8_t *x, const uint8_t *w, const int32_t *b,
                                     const int32_t *m, const int8_t *table, void *scratch,
                                     int8_t *y) {
  int32_t channels = p->g.out_c, taps = p->g.kernel_h * p->g.kernel_w, k = q->packing;
  int32_t per = qcc_per_unit(k);
  int32_t bytes = qcc_packed_bytes(k, channels), block = QCC_BLOCK / per * per;
  int8_t *codes = (int8_t *)scratch;
  for (int32_t c = 0; c < channels; c += block) {
    int32_t n = qcc_min(block, channels - c);
    for (int32_t t = 0; t < taps; t++)
      qcc_unpack(k, q->book, w + t * bytes + qcc_unit_at(k, c), n, codes + t * n);
    qcc_depthwise_channels_s8(p, n, n, x + c, codes, b ? b + c : NULL, m + c, table, y + c);
  }
}

#endif
