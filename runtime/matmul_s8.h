/* matmul_s8.h - product of two activations in int8 codes, a[..][rows][depth] and
 * b[..][depth][cols]: acc = sum (a - a_zero)(b - b_zero), then rule q31.  Batch dimensions
 * broadcast.  A block of columns is summed at once, so that b is read along its rows. y must not
 * overlap a or b. */
#ifndef QCC_MATMUL_S8_H
#define QCC_MATMUL_S8_H

#include "batches.h"

#ifndef QCC_BLOCK
#define QCC_BLOCK 32 /* columns whose sums are kept on the stack; even */
#endif

struct qcc_matmul_s8 {
  struct qcc_batches batches;
  int32_t rows, depth, cols;
  int32_t a_zero, b_zero;
  int32_t m;
  struct qcc_rescale out;
};

/* n columns of one row of the product, four rows of b at a time. */
QCC_KERNEL void qcc_matmul_block_s8(const struct qcc_matmul_s8 *p, int32_t n,
                                    const int8_t *QCC_RESTRICT a, const int8_t *QCC_RESTRICT b,
                                    int8_t *QCC_RESTRICT y) {
  int32_t acc[QCC_BLOCK], k = 0, cols = p->cols;
  for (int32_t j = 0; j < n; j++)
    acc[j] = 0;
  for (; k + 4 <= p->depth; k += 4, b += 4 * cols) {
    int32_t v0 = a[k] - p->a_zero, v1 = a[k + 1] - p->a_zero, v2 = a[k + 2] - p->a_zero,
            v3 = a[k + 3] - p->a_zero, offset = (v0 + v1 + v2 + v3) * p->b_zero;
    for (int32_t j = 0; j < n; j++)
      acc[j] += v0 * b[j] + v1 * b[cols + j] + v2 * b[2 * cols + j] + v3 * b[3 * cols + j] - offset;
  }
  for (; k < p->depth; k++, b += cols) {
    int32_t v = a[k] - p->a_zero;
    for (int32_t j = 0; j < n; j++)
      acc[j] += v * (b[j] - p->b_zero);
  }
  for (int32_t j = 0; j < n; j++)
    y[j] = (int8_t)qcc_requantize(&p->out, acc[j], p->m);
}

QCC_KERNEL void qcc_matmul_s8(const struct qcc_matmul_s8 *p, const int8_t *QCC_RESTRICT a,
                              const int8_t *QCC_RESTRICT b, int8_t *QCC_RESTRICT y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  do {
    for (int32_t i = 0; i < p->rows; i++, y += p->cols)
      for (int32_t j = 0; j < p->cols; j += QCC_BLOCK)
        qcc_matmul_block_s8(p, qcc_min(QCC_BLOCK, p->cols - j), a + a_at + i * p->depth,
                            b + b_at + j, y + j);
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

#endif
