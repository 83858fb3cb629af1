/* gemm_f32_outliers.h - gemm_f32_w8.h with weights beside the codes (outliers.h), which are added to the
 * decoded weights of their output channel. */
#ifndef QCC_GEMM_F32_OUTLIERS_H
#define QCC_GEMM_F32_OUTLIERS_H

#include "gemm_f32_w8.h"
#include "outliers.h"

QCC_KERNEL void qcc_gemm_f32_outliers(const struct qcc_gemm_f32 *p, const struct qcc_codes *q,
                                    const struct qcc_outliers *s, const float *QCC_RESTRICT x,
                                    const void *w, const float *scale, const uint8_t *multiple,
                                    const float *bias, float *QCC_RESTRICT scratch,
                                    float *QCC_RESTRICT y) {
  for (int32_t o = 0, at = 0, end; o < p->cols; o++, at = end) {
    end = at + s->count[o];
    qcc_decode_row(q, o, p->depth, w, scale, multiple, scratch);
    qcc_add_outliers_f32(s, at, end, scale[o], scratch);
    qcc_gemm_column_f32(p, x, scratch, bias ? bias[o] : 0.0f, y + o);
  }
}

#endif
