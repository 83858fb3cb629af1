/* gemm_s8.h - fully connected layer on int8 codes: y[rows][cols] from x[rows][depth] and
 * w[cols][depth].  Four output channels share the loads of x; the weights are read once per row, so
 * this is the kernel for few rows.  y must not overlap x. */
#ifndef QCC_GEMM_S8_H
#define QCC_GEMM_S8_H

#include "conv_params.h"
#include "dot_s8.h"

QCC_KERNEL void qcc_gemm_s8(const struct qcc_gemm *p, const int8_t *QCC_RESTRICT x,
                            const int8_t *QCC_RESTRICT w, const int32_t *b, const int32_t *m,
                            const int8_t *table, int8_t *QCC_RESTRICT y) {
  for (int32_t row = 0; row < p->rows; row++, x += p->depth, y += p->cols) {
    for (int32_t o = 0, n; o < p->cols; o += n) {
      int32_t acc[4] = {0, 0, 0, 0};
      n = p->cols - o >= 4 ? 4 : 1;
      for (int32_t j = 0; b && j < n; j++)
        acc[j] = b[o + j];
      if (n == 4)
        qcc_dot4_s8(x, w + o * p->depth, p->depth, p->depth, acc);
      else
        acc[0] += qcc_dot_s8(x, w + o * p->depth, p->depth);
      for (int32_t j = 0; j < n; j++)
        y[o + j] = qcc_output_s8(&p->out, acc[j], m + o + j, table);
    }
  }
}

#endif
