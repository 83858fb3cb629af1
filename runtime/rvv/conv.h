/* rvv/conv.h - convolutions and matrix products of int8 codes by RISC-V vectors, with int8, int4 or
 * int2 weights packed as rvv/line.h wants them; line_layers.h says what they accept. */
#ifndef QCC_RVV_CONV_H
#define QCC_RVV_CONV_H

#include "rvv/line.h"

QCC_KERNEL void qcc_conv_s8_rvv(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_line_conv(qcc_rvv_line, qcc_rvv_lookup, 8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_s8_rvv(const struct qcc_gemm *p, const int8_t *x, const int8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_line_gemm(qcc_rvv_line, qcc_rvv_lookup, 8, 2, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_conv_s4_rvv(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_line_conv(qcc_rvv_line, qcc_rvv_lookup, 4, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_s4_rvv(const struct qcc_gemm *p, const int8_t *x, const uint8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_line_gemm(qcc_rvv_line, qcc_rvv_lookup, 4, 2, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_conv_s2_rvv(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_line_conv(qcc_rvv_line, qcc_rvv_lookup, 2, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_s2_rvv(const struct qcc_gemm *p, const int8_t *x, const uint8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_line_gemm(qcc_rvv_line, qcc_rvv_lookup, 2, 4, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_grouped_s4_rvv(const struct qcc_gemm *p, const struct qcc_groups *q,
                                        const int8_t *x, const uint8_t *w, const uint8_t *multiple,
                                        const int32_t *b, const int32_t *m, const int8_t *table,
                                        void *scratch, int8_t *y) {
  qcc_line_grouped(qcc_rvv_line, qcc_rvv_lookup, 4, 2, p, q, x, w, multiple, b,
                   m, table, scratch, y);
}

QCC_KERNEL void qcc_conv_grouped_s4_rvv(const struct qcc_conv *p, const struct qcc_groups *q,
                                        const int8_t *x, const uint8_t *w, const uint8_t *multiple,
                                        const int32_t *b, const int32_t *m, const int8_t *table,
                                        void *scratch, int8_t *y) {
  qcc_line_conv_grouped(qcc_rvv_line, qcc_rvv_lookup, 4, p, q->size, x, w, multiple, b, m, table, scratch,
                        y);
}

#endif
