/* conv1x1_s8.h - pointwise convolution of int8 codes, stride 1, no padding, one group: a matrix
 * product of rows = batch * h * w pixels with w[cols][depth].  Two pixels by two output channels
 * at a time, so that every code that is loaded is used twice. y must not overlap x. */
#ifndef QCC_CONV1X1_S8_H
#define QCC_CONV1X1_S8_H

#include "conv_params.h"
#include "dot_s8.h"

/* Two pixels, the first `count` output channels: x[2][depth], y[2][cols]. */
QCC_KERNEL void qcc_conv1x1_pair_s8(const struct qcc_gemm *p, int32_t count, const int8_t *x,
                                    const int8_t *w, const int32_t *b, const int32_t *m,
                                    const int8_t *table, int8_t *y) {
  int32_t o = 0, cols = p->cols, depth = p->depth;
  for (; o + 2 <= count; o += 2) {
    int32_t b0 = b ? b[o] : 0, b1 = b ? b[o + 1] : 0;
    int32_t acc[4];
    acc[0] = acc[2] = b0;
    acc[1] = acc[3] = b1;
    qcc_dot2x2_s8(x, w + o * depth, depth, acc);
    y[o] = qcc_output_s8(&p->out, acc[0], m + o, table);
    y[o + 1] = qcc_output_s8(&p->out, acc[1], m + o + 1, table);
    y[cols + o] = qcc_output_s8(&p->out, acc[2], m + o, table);
    y[cols + o + 1] = qcc_output_s8(&p->out, acc[3], m + o + 1, table);
  }
  if (o < count) {
    int32_t b0 = b ? b[o] : 0;
    int32_t s0 = b0 + qcc_dot_s8(x, w + o * depth, depth);
    int32_t s1 = b0 + qcc_dot_s8(x + depth, w + o * depth, depth);
    y[o] = qcc_output_s8(&p->out, s0, m + o, table);
    y[cols + o] = qcc_output_s8(&p->out, s1, m + o, table);
  }
}

/* The first `count` output channels of every pixel; w[count][depth]. */
QCC_KERNEL void qcc_conv1x1_columns_s8(const struct qcc_gemm *p, int32_t count,
                                       const int8_t *QCC_RESTRICT x, const int8_t *QCC_RESTRICT w,
                                       const int32_t *b, const int32_t *m, const int8_t *table,
                                       int8_t *QCC_RESTRICT y) {
  int32_t row = 0;
  for (; row + 2 <= p->rows; row += 2, x += 2 * p->depth, y += 2 * p->cols)
    qcc_conv1x1_pair_s8(p, count, x, w, b, m, table, y);
  if (row < p->rows)
    for (int32_t o = 0; o < count; o++) {
      int32_t acc = (b ? b[o] : 0) + qcc_dot_s8(x, w + o * p->depth, p->depth);
      y[o] = qcc_output_s8(&p->out, acc, m + o, table);
    }
}

QCC_KERNEL void qcc_conv1x1_s8(const struct qcc_gemm *p, const int8_t *x, const int8_t *w,
                               const int32_t *b, const int32_t *m, const int8_t *table, int8_t *y) {
  qcc_conv1x1_columns_s8(p, p->cols, x, w, b, m, table, y);
}

#endif
