/* neon/conv_rows.h - convolutions and matrix products by plain NEON, weights packed as neon/rows.h
 * wants them; line_layers.h says what they accept. */
#ifndef QCC_NEON_CONV_ROWS_H
#define QCC_NEON_CONV_ROWS_H

#include "neon/rows.h"

QCC_KERNEL void qcc_conv_s8_neon(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 void *scratch, int8_t *y) {
  qcc_line_conv(qcc_rows_line, qcc_neon_lookup, 8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_s8_neon(const struct qcc_gemm *p, const int8_t *x, const int8_t *w,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 void *scratch, int8_t *y) {
  qcc_line_gemm(qcc_rows_line, qcc_neon_lookup, 8, 8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_conv_s4_neon(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 void *scratch, int8_t *y) {
  qcc_line_conv(qcc_rows_line, qcc_neon_lookup, 4, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_s4_neon(const struct qcc_gemm *p, const int8_t *x, const uint8_t *w,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 void *scratch, int8_t *y) {
  qcc_line_gemm(qcc_rows_line, qcc_neon_lookup, 4, 8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_conv_s2_neon(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 void *scratch, int8_t *y) {
  qcc_line_conv(qcc_rows_line, qcc_neon_lookup, 2, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_s2_neon(const struct qcc_gemm *p, const int8_t *x, const uint8_t *w,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 void *scratch, int8_t *y) {
  qcc_line_gemm(qcc_rows_line, qcc_neon_lookup, 2, 16, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_grouped_s4_neon(const struct qcc_gemm *p, const struct qcc_groups *q,
                                         const int8_t *x, const uint8_t *w, const uint8_t *multiple,
                                         const int32_t *b, const int32_t *m, const int8_t *table,
                                         void *scratch, int8_t *y) {
  qcc_line_grouped(qcc_rows_line, qcc_neon_lookup, 4, 8, p, q, x, w, multiple, b,
                   m, table, scratch, y);
}

QCC_KERNEL void qcc_conv_grouped_s4_neon(const struct qcc_conv *p, const struct qcc_groups *q,
                                         const int8_t *x, const uint8_t *w, const uint8_t *multiple,
                                         const int32_t *b, const int32_t *m, const int8_t *table,
                                         void *scratch, int8_t *y) {
  qcc_line_conv_grouped(qcc_rows_line, qcc_neon_lookup, 4, p, q->size, x, w, multiple, b, m, table, scratch,
                        y);
}

#endif
