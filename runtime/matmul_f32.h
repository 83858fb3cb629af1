/* matmul_f32.h - float product of two activations, a[..][rows][depth] and b[..][depth][cols], batch
 * dimensions broadcast.  b is read along its rows and y holds the sums meanwhile.  y must not
 * overlap a or b. */
#ifndef QCC_MATMUL_F32_H
#define QCC_MATMUL_F32_H

#include "params_f32.h"

/* One row of the product. */
QCC_INLINE void qcc_matmul_row_real(int t, const struct qcc_matmul_f32 *p,
                                    const void *QCC_RESTRICT a, const void *QCC_RESTRICT b,
                                    float *QCC_RESTRICT sums) {
  for (int32_t j = 0; j < p->cols; j++)
    sums[j] = 0.0f;
  for (int32_t k = 0; k < p->depth; k++, b = qcc_at(t, b, p->cols)) {
    float v = qcc_get(t, a, k);
    for (int32_t j = 0; j < p->cols; j++)
      sums[j] += v * qcc_get(t, b, j);
  }
}

QCC_INLINE void qcc_matmul_real(int t, const struct qcc_matmul_f32 *p, const void *QCC_RESTRICT a,
                                const void *QCC_RESTRICT b, void *scratch, void *QCC_RESTRICT y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  do {
    for (int32_t i = 0; i < p->rows; i++, y = qcc_place(t, y, p->cols)) {
      float *sums = qcc_sums(t, scratch, y);
      qcc_matmul_row_real(t, p, qcc_at(t, a, a_at + i * p->depth), qcc_at(t, b, b_at), sums);
      qcc_put_sums(t, p->cols, sums, y);
    }
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

QCC_KERNEL void qcc_matmul_f32(const struct qcc_matmul_f32 *p, const float *QCC_RESTRICT a,
                               const float *QCC_RESTRICT b, float *QCC_RESTRICT y) {
  qcc_matmul_real(QCC_F32, p, a, b, NULL, y);
}

/* Scratch: a sum per column. */
QCC_KERNEL void qcc_matmul_f16(const struct qcc_matmul_f32 *p, const uint16_t *QCC_RESTRICT a,
                               const uint16_t *QCC_RESTRICT b, void *scratch,
                               uint16_t *QCC_RESTRICT y) {
  qcc_matmul_real(QCC_F16, p, a, b, scratch, y);
}

#endif
