/* gemm.h - fully connected layer, or pointwise convolution, on int8 codes with int8 or int4
 * weights. A block of rows is copied into `scratch` before its outputs are written, therefore y
 * may be x where rows do not grow. */
#ifndef QCC_AVX2_GEMM_H
#define QCC_AVX2_GEMM_H

#include "avx2/stage.h"
#include "avx2/madd.h"

enum { QCC_GEMM_ROWS = 48 }; /* of a block: several tiles */

QCC_KERNEL void qcc_avx2_gemm_s8(const struct qcc_madd *v, const int8_t *x, const void *w,
                                 const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                 const int8_t *table, void *scratch, int8_t *y) {
  struct qcc_madd block = *v;
  for (int32_t row = 0; row < v->rows_w; row += block.rows_w) {
    block.rows_w = qcc_min(QCC_GEMM_ROWS, v->rows_w - row);
    qcc_stage_row((int64_t)block.rows_w * v->pixel, x + (int64_t)row * v->pixel, scratch);
    qcc_madd_s8(&block, scratch, w, multiple, b, m, table, y + (int64_t)row * v->out_c);
  }
}

QCC_KERNEL void qcc_avx2_gemm_s4(const struct qcc_madd *v, const int8_t *x, const void *w,
                                 const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                 const int8_t *table, void *scratch, int8_t *y) {
  struct qcc_madd block = *v;
  for (int32_t row = 0; row < v->rows_w; row += block.rows_w) {
    block.rows_w = qcc_min(QCC_GEMM_ROWS, v->rows_w - row);
    qcc_stage_row((int64_t)block.rows_w * v->pixel, x + (int64_t)row * v->pixel, scratch);
    qcc_madd_s4(&block, scratch, w, multiple, b, m, table, y + (int64_t)row * v->out_c);
  }
}

#endif
