/* matmul_f32.h - float product of two activations, a[..][rows][depth] and b[..][depth][cols], batch
 * dimensions broadcast.  b is read along its rows and y holds the sums meanwhile.  y must not
 * overlap a or b. */
#ifndef QCC_MATMUL_F32_H
#define QCC_MATMUL_F32_H

#include "params_f32.h"

/* One row of the product, four rows of b at a time, so that sums are loaded and stored less often. */
QCC_INLINE void qcc_matmul_row_real(int t, const struct qcc_matmul_f32 *p,
                                    const void *QCC_RESTRICT a, const void *QCC_RESTRICT b,
                                    float *QCC_RESTRICT sums) {
  int32_t k = 0, n = p->cols;
  for (int32_t j = 0; j < n; j++)
    sums[j] = 0.0f;
  for (; k + 4 <= p->depth; k += 4, b = qcc_at(t, b, 4 * n)) {
    float v0 = qcc_get(t, a, k), v1 = qcc_get(t, a, k + 1), v2 = qcc_get(t, a, k + 2),
          v3 = qcc_get(t, a, k + 3);
    for (int32_t j = 0; j < n; j++)
      sums[j] += v0 * qcc_get(t, b, j) + v1 * qcc_get(t, b, n + j) + v2 * qcc_get(t, b, 2 * n + j) +
                 v3 * qcc_get(t, b, 3 * n + j);
  }
  for (; k < p->depth; k++, b = qcc_at(t, b, n)) {
    float v = qcc_get(t, a, k);
    for (int32_t j = 0; j < n; j++)
      sums[j] += v * qcc_get(t, b, j);
  }
}

QCC_INLINE void qcc_matmul_real(int t, const struct qcc_matmul_f32 *p, const void *QCC_RESTRICT a,
                                const void *QCC_RESTRICT b, void *scratch, void *QCC_RESTRICT y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  do {
    for (int32_t i = 0; i < p->rows; i++, y = qcc_place(t, y, p->cols)) {
      float *sums = qcc_float_sums(t, scratch, y);
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
