/* quantize_fp8.h - float32 to activations of E4M3 (fp8.h) and back, with one scale, or with one for each
 * run of a row (quantize_rows.h).  Quantizing may run in place: codes never overtake the floats. */
#ifndef QCC_QUANTIZE_FP8_H
#define QCC_QUANTIZE_FP8_H

#include "codes_f32.h"
#include "fp8.h"
#include "quantize_rows.h"

QCC_KERNEL void qcc_quantize_fp8(float scale, int32_t n, const float *x, void *y) {
  for (int32_t i = 0; i < n; i++)
    ((uint8_t *)y)[i] = qcc_fp8_near(x[i] / scale);
}

QCC_KERNEL void qcc_dequantize_fp8(float scale, int32_t n, const void *QCC_RESTRICT x,
                                   float *QCC_RESTRICT y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_minifloat(3, ((const uint8_t *)x)[i]) * scale;
}

/* codes[rows][row], scale[rows][runs]; the columns in skip have code 0. */
QCC_KERNEL void qcc_quantize_rows_but_fp8(const struct qcc_quantize_rows *p, int32_t n_skip,
                                          const int32_t *skip, const float *x, void *codes,
                                          float *scale) {
  uint8_t *y = (uint8_t *)codes;
  for (int32_t r = 0; r < p->rows; r++, y += p->row) {
    for (int32_t at = 0, n; at < p->row; at += n, x += n) {
      n = qcc_min(p->size, p->row - at);
      *scale = qcc_largest_magnitude(at, n, x, n_skip, skip) * p->clip / (float)p->hi;
      qcc_quantize_fp8(*scale++, n, x, y + at);
    }
    for (int32_t k = 0; k < n_skip; k++)
      y[skip[k]] = 0;
  }
}

QCC_KERNEL void qcc_quantize_rows_fp8(const struct qcc_quantize_rows *p, const float *x, void *codes,
                                      float *scale) {
  qcc_quantize_rows_but_fp8(p, 0, NULL, x, codes, scale);
}

/* Back to real numbers; hi and clip are not read. */
QCC_KERNEL void qcc_dequantize_rows_fp8(const struct qcc_quantize_rows *p, const void *codes,
                                        const float *scale, float *QCC_RESTRICT y) {
  const uint8_t *x = (const uint8_t *)codes;
  for (int32_t r = 0; r < p->rows; r++)
    for (int32_t at = 0, n; at < p->row; at += n, x += n, y += n) {
      n = qcc_min(p->size, p->row - at);
      qcc_dequantize_fp8(*scale++, n, x, y);
    }
}

#endif
