/* conv1x1_s4.h - pointwise convolution of int8 codes with int4 weights, stride 1, no padding, one
 * group: rows = batch * h * w pixels with w[cols][(depth + 1) / 2] bytes, low nibble first.  Two
 * pixels share the unpacking of the weights.  y must not overlap x. */
#ifndef QCC_CONV1X1_S4_H
#define QCC_CONV1X1_S4_H

#include "conv_params.h"
#include "dot_s4.h"

/* acc[r] += sum of x[r * n + i] * weight[i] */
QCC_KERNEL void qcc_dot2x1_s4(const int8_t *x, const uint8_t *w, int32_t n, int32_t acc[2]) {
  const int8_t *x1 = x + n;
  int32_t s0 = 0, s1 = 0, pairs = n >> 1;
  for (int32_t i = 0; i < pairs; i++) {
    int32_t low = qcc_low_s4(w[i]), high = qcc_high_s4(w[i]);
    s0 += x[2 * i] * low + x[2 * i + 1] * high;
    s1 += x1[2 * i] * low + x1[2 * i + 1] * high;
  }
  if (n & 1) {
    int32_t low = qcc_low_s4(w[pairs]);
    s0 += x[n - 1] * low;
    s1 += x1[n - 1] * low;
  }
  acc[0] += s0;
  acc[1] += s1;
}

QCC_KERNEL void qcc_conv1x1_s4(const struct qcc_gemm *p, const int8_t *QCC_RESTRICT x,
                               const uint8_t *QCC_RESTRICT w, const int32_t *b, const int32_t *m,
                               const int8_t *table, int8_t *QCC_RESTRICT y) {
  int32_t row = 0, cols = p->cols, bytes = (p->depth + 1) >> 1;
  for (; row + 2 <= p->rows; row += 2, x += 2 * p->depth, y += 2 * cols)
    for (int32_t o = 0; o < cols; o++) {
      int32_t acc[2];
      acc[0] = acc[1] = b ? b[o] : 0;
      qcc_dot2x1_s4(x, w + o * bytes, p->depth, acc);
      y[o] = qcc_output_s8(&p->out, acc[0], m[o], table);
      y[cols + o] = qcc_output_s8(&p->out, acc[1], m[o], table);
    }
  if (row < p->rows)
    for (int32_t o = 0; o < cols; o++) {
      int32_t acc = (b ? b[o] : 0) + qcc_dot_s4(x, w + o * bytes, 0, p->depth);
      y[o] = qcc_output_s8(&p->out, acc, m[o], table);
    }
}

#endif
