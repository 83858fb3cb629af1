/* gemm_packed.h - fully connected layer on int8 codes with weights that share bytes (packed.h):
 * each of the rows w[cols][depth] starts on a byte boundary.  Two output channels share the loads of x.
 * y must not overlap x. */
#ifndef QCC_GEMM_PACKED_H
#define QCC_GEMM_PACKED_H

#include "conv_params.h"
#include "dot_packed.h"

QCC_INLINE void qcc_gemm_by(int32_t k, const struct qcc_packed *q, const struct qcc_gemm *p,
                            const int8_t *QCC_RESTRICT x, const uint8_t *QCC_RESTRICT w,
                            const int32_t *b, const int32_t *m, const int8_t *table,
                            int8_t *QCC_RESTRICT y) {
  int32_t bytes = qcc_packed_bytes(k, p->depth);
  for (int32_t row = 0; row < p->rows; row++, x += p->depth, y += p->cols) {
    for (int32_t o = 0, n; o < p->cols; o += n) {
      int32_t acc[2] = {0, 0};
      n = p->cols - o >= 2 ? 2 : 1;
      for (int32_t j = 0; b && j < n; j++)
        acc[j] = b[o + j];
      if (n == 2)
        qcc_dot2_packed(k, q, x, w, o, p->depth, acc);
      else
        acc[0] += qcc_dot_packed(k, qcc_book(q, o), x, w + o * bytes, 0, p->depth);
      for (int32_t j = 0; j < n; j++)
        y[o + j] = qcc_output_s8(&p->out, acc[j], m + o + j, table);
    }
  }
}

QCC_KERNEL void qcc_gemm_packed(const struct qcc_packed *q, const struct qcc_gemm *p,
                                const int8_t *x, const uint8_t *w, const int32_t *b,
                                const int32_t *m, const int8_t *table, int8_t *y) {
  QCC_BY_PACKING(q->packing, qcc_gemm_by, q, p, x, w, b, m, table, y);
}

#endif
