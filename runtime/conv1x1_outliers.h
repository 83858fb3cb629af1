/* conv1x1_outliers.h - conv1x1_grouped.h with weights beside the codes (outliers.h), which go into the
 * folded weights of their output channel: pixels cost what they do without. */
#ifndef QCC_CONV1X1_OUTLIERS_H
#define QCC_CONV1X1_OUTLIERS_H

#include "conv1x1_grouped.h"
#include "outliers.h"

QCC_KERNEL void qcc_conv1x1_outliers(const struct qcc_gemm *p, const struct qcc_groups *q,
                                   const struct qcc_outliers *s, const int8_t *x, const void *w,
                                   const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                   const int8_t *table, void *scratch, int8_t *y) {
  for (int32_t o = 0, at = 0, end; o < p->cols; o++, at = end) {
    end = at + s->count[o];
    qcc_fold_row(q, o, w, multiple, p->depth, scratch);
    qcc_add_outliers(s, at, end, scratch);
    qcc_conv1x1_column_folded(p, x, scratch, b ? b[o] : 0, m + o, table, y + o);
  }
}

#endif
