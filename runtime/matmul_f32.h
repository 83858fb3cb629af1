/* matmul_f32.h - float product of two activations, a[..][rows][depth] and b[..][depth][cols], batch
 * dimensions broadcast.  b is read along its rows and y holds the sums meanwhile.  y must not
 * overlap a or b. */
#ifndef QCC_MATMUL_F32_H
#define QCC_MATMUL_F32_H

#include "params_f32.h"

/* One row of the product. */
QCC_KERNEL void qcc_matmul_row_f32(const struct qcc_matmul_f32 *p, const float *QCC_RESTRICT a,
                                   const float *QCC_RESTRICT b, float *QCC_RESTRICT y) {
  for (int32_t j = 0; j < p->cols; j++)
    y[j] = 0.0f;
  for (int32_t k = 0; k < p->depth; k++, b += p->cols) {
    float v = a[k];
    for (int32_t j = 0; j < p->cols; j++)
      y[j] += v * b[j];
  }
}

QCC_KERNEL void qcc_matmul_f32(const struct qcc_matmul_f32 *p, const float *QCC_RESTRICT a,
                               const float *QCC_RESTRICT b, float *QCC_RESTRICT y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  do {
    for (int32_t i = 0; i < p->rows; i++, y += p->cols)
      qcc_matmul_row_f32(p, a + a_at + i * p->depth, b + b_at, y);
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

#endif
