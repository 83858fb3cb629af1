/* gemm_grouped.h - fully connected layer, or pointwise convolution, on int8 codes with group-scaled
 * weights of 8, 4 or 2 bits: acc = b + sum over groups of multiple[o][g] * (sum of the group).  Weights
 * as in gemm_s8.h or gemm_packed.h, multiple[cols][n_groups].  y must not overlap x. */
#ifndef QCC_GEMM_GROUPED_H
#define QCC_GEMM_GROUPED_H

#include "dot_grouped.h"

QCC_KERNEL void qcc_gemm_grouped(const struct qcc_gemm *p, const struct qcc_groups *q,
                                 const int8_t *QCC_RESTRICT x, const void *w,
                                 const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                 const int8_t *table, int8_t *QCC_RESTRICT y) {
  for (int32_t row = 0; row < p->rows; row++, x += p->depth, y += p->cols)
    for (int32_t o = 0; o < p->cols; o++) {
      int32_t acc = (b ? b[o] : 0) + qcc_dot_grouped(q, o, x, w, multiple, p->depth);
      y[o] = qcc_output_s8(&p->out, acc, m + o, table);
    }
}

#endif
