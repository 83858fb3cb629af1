/* matmul_f64.h - product of float64 matrices, a[..][rows][depth] and b[..][depth][cols], batch dimensions
 * broadcast.  y must not overlap a or b. */
#ifndef QCC_MATMUL_F64_H
#define QCC_MATMUL_F64_H

#include "params_f32.h"

QCC_KERNEL void qcc_matmul_f64(const struct qcc_matmul_f32 *p, const double *QCC_RESTRICT a,
                               const double *QCC_RESTRICT b, double *QCC_RESTRICT y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  do {
    for (int32_t i = 0; i < p->rows; i++)
      for (int32_t j = 0; j < p->cols; j++) {
        double sum = 0;
        for (int32_t k = 0; k < p->depth; k++)
          sum += a[a_at + i * p->depth + k] * b[b_at + k * p->cols + j];
        *y++ = sum;
      }
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

#endif
