/* gemm_outliers.h - gemm_grouped.h with weights beside the codes (outliers.h): acc = b + sum over groups
 * of multiple[o][g] * (sum of the group) + the sum of x[column] * value.  y must not overlap x. */
#ifndef QCC_GEMM_OUTLIERS_H
#define QCC_GEMM_OUTLIERS_H

#include "dot_grouped.h"
#include "outliers.h"

QCC_KERNEL void qcc_gemm_outliers(const struct qcc_gemm *p, const struct qcc_groups *q,
                                const struct qcc_outliers *s, const int8_t *QCC_RESTRICT x,
                                const void *w, const uint8_t *multiple, const int32_t *b,
                                const int32_t *m, const int8_t *table, int8_t *QCC_RESTRICT y) {
  for (int32_t o = 0, at = 0, end; o < p->cols; o++, at = end) {
    end = at + s->count[o];
    for (int32_t row = 0; row < p->rows; row++) {
      const int8_t *xr = x + row * p->depth;
      int32_t acc = (b ? b[o] : 0) + qcc_dot_grouped(q, o, xr, w, multiple, p->depth);
      acc += qcc_dot_outliers(s, at, end, xr);
      y[row * p->cols + o] = qcc_output_s8(&p->out, acc, m + o, table);
    }
  }
}

#endif
