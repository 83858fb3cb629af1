/* conv1x1_packed.h - pointwise convolution of int8 codes with weights that share bytes
 * (packed.h): conv1x1_s8.h for two output channels at a time, whose weights are unpacked into
 * scratch[2 * depth] and then used for every pixel.  Each of the rows w[cols][depth] starts on a
 * byte boundary.  y must not overlap x. */
#ifndef QCC_CONV1X1_PACKED_H
#define QCC_CONV1X1_PACKED_H

#include "conv1x1_s8.h"
#include "packed.h"

QCC_KERNEL void qcc_conv1x1_packed(const struct qcc_packed *q, const struct qcc_gemm *p,
                                   const int8_t *x, const uint8_t *w, const int32_t *b,
                                   const int32_t *m, const int8_t *table, void *scratch,
                                   int8_t *y) {
  int8_t *codes = (int8_t *)scratch;
  for (int32_t o = 0, n; o < p->cols; o += n) {
    n = qcc_min(2, p->cols - o);
    for (int32_t j = 0; j < n; j++)
      w = qcc_unpack(q->packing, qcc_book(q, o + j), w, p->depth, codes + j * p->depth);
    qcc_conv1x1_columns_s8(p, n, x, codes, b ? b + o : NULL, m + o, table, y + o);
  }
}

#endif
