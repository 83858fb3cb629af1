/* conv1x1_grouped.h - pointwise convolution, stride 1, no padding, one group, or matrix product of
 * several rows, on int8 codes with group-scaled weights: acc = b + sum over groups of
 * multiple[o][g] * (sum of the group).  Weights as in conv1x1_s8.h or conv1x1_packed.h,
 * multiple[cols][n_groups].  The weights of an output channel are folded with their multiples into
 * scratch[depth] once; two pixels at a time share them.  y must not overlap x. */
#ifndef QCC_CONV1X1_GROUPED_H
#define QCC_CONV1X1_GROUPED_H

#include "folded.h"

/* acc[r] += sum of x[r * n + i] * w[i] */
QCC_KERNEL void qcc_dot2x1_folded(const int8_t *x, const int16_t *w, int32_t n, int32_t acc[2]) {
  const int8_t *x1 = x + n;
  int32_t s0 = 0, s1 = 0;
  for (int32_t i = 0; i < n; i++) {
    int32_t v = w[i];
    s0 += x[i] * v;
    s1 += x1[i] * v;
  }
  acc[0] += s0;
  acc[1] += s1;
}

/* One output channel of every pixel; y at the channel. */
QCC_KERNEL void qcc_conv1x1_column_folded(const struct qcc_gemm *p, const int8_t *QCC_RESTRICT x,
                                          const int16_t *w, int32_t b, const int32_t *m,
                                          const int8_t *table, int8_t *QCC_RESTRICT y) {
  int32_t row = 0;
  for (; row + 2 <= p->rows; row += 2, x += 2 * p->depth, y += 2 * p->cols) {
    int32_t acc[2];
    acc[0] = acc[1] = b;
    qcc_dot2x1_folded(x, w, p->depth, acc);
    y[0] = qcc_output_s8(&p->out, acc[0], m, table);
    y[p->cols] = qcc_output_s8(&p->out, acc[1], m, table);
  }
  if (row < p->rows)
    *y = qcc_output_s8(&p->out, b + qcc_dot_folded(x, w, p->depth), m, table);
}

QCC_KERNEL void qcc_conv1x1_grouped(const struct qcc_gemm *p, const struct qcc_groups *q,
                                    const int8_t *x, const void *w, const uint8_t *multiple,
                                    const int32_t *b, const int32_t *m, const int8_t *table,
                                    void *scratch, int8_t *y) {
  for (int32_t o = 0; o < p->cols; o++) {
    qcc_fold_row(q, o, w, multiple, p->depth, scratch);
    qcc_conv1x1_column_folded(p, x, scratch, b ? b[o] : 0, m + o, table, y + o);
  }
}

#endif
