/* matmul_fp8.h - product of two activations of E4M3 (fp8.h), a[..][rows][depth] and b[..][depth][cols],
 * to float32 or to such codes.  Batch dimensions broadcast.  A block of columns is summed at once, so
 * that b is read along its rows.  y must not overlap a or b. */
#ifndef QCC_MATMUL_FP8_H
#define QCC_MATMUL_FP8_H

#include "batches.h"
#include "fp8.h"

#ifndef QCC_FP8_BLOCK
#define QCC_FP8_BLOCK 8 /* columns whose sums are kept on the stack */
#endif

struct qcc_matmul_fp8 {
  struct qcc_batches batches;
  int32_t rows, depth, cols;
  float scale;   /* of both operands together, times 2^-18 */
  float y_scale; /* of the codes that outputs become; 0: they are float32 */
  struct qcc_act act;
};

/* n columns of one row of the product, the first of which is output `at`. */
QCC_KERNEL void qcc_matmul_block_fp8(const struct qcc_matmul_fp8 *p, int32_t n, const uint8_t *a,
                                     const uint8_t *b, void *y, int32_t at) {
  int64_t acc[QCC_FP8_BLOCK];
  for (int32_t j = 0; j < n; j++)
    acc[j] = 0;
  for (int32_t k = 0; k < p->depth; k++, b += p->cols) {
    int32_t v = qcc_fp8_units(a[k]);
    for (int32_t j = 0; j < n; j++)
      acc[j] += (int64_t)v * qcc_fp8_units(b[j]);
  }
  for (int32_t j = 0; j < n; j++)
    qcc_put_fp8(&p->act, p->y_scale, (float)acc[j], p->scale, 0.0f, y, at + j);
}

QCC_KERNEL void qcc_matmul_fp8(const struct qcc_matmul_fp8 *p, const void *a, const void *b, void *y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0, at = 0;
  do {
    for (int32_t i = 0; i < p->rows; i++, at += p->cols)
      for (int32_t j = 0; j < p->cols; j += QCC_FP8_BLOCK)
        qcc_matmul_block_fp8(p, qcc_min(QCC_FP8_BLOCK, p->cols - j),
                             (const uint8_t *)a + a_at + i * p->depth, (const uint8_t *)b + b_at + j, y,
                             at + j);
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

#endif
