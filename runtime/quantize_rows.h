/* quantize_rows.h - real numbers to codes by scales that follow from the numbers: rows are cut into
 * runs, and a run's scale is its largest magnitude, times `clip`, over the largest code.  Codes as
 * in quantize.h with zero point 0; NaN counts for nothing.  A run of zeros has scale 0 and codes 0.
 * Codes may be written over x. */
#ifndef QCC_QUANTIZE_ROWS_H
#define QCC_QUANTIZE_ROWS_H

#include "quantize.h"

struct qcc_quantize_rows {
  int32_t rows, row; /* x[rows][row] */
  int32_t size;      /* elements of a run, the last of a row may be shorter */
  int32_t hi;        /* codes are -hi..hi */
  float clip;
};

QCC_INLINE float qcc_larger_magnitude(float most, int32_t n, const float *x) {
  for (int32_t i = 0; i < n; i++) {
    float v = x[i] < 0.0f ? -x[i] : x[i];
    most = v > most ? v : most;
  }
  return most;
}

/* The n elements of a row from `at` on, without the columns in skip[n_skip], which ascend. */
QCC_KERNEL float qcc_largest_magnitude(int32_t at, int32_t n, const float *x, int32_t n_skip,
                                       const int32_t *skip) {
  float most = 0.0f;
  int32_t from = 0;
  for (int32_t k = 0; k < n_skip; k++)
    if (skip[k] >= at && skip[k] < at + n) {
      most = qcc_larger_magnitude(most, skip[k] - at - from, x + from);
      from = skip[k] - at + 1;
    }
  return qcc_larger_magnitude(most, n - from, x + from);
}

/* codes[rows][row], scale[rows][runs]; the columns in skip have code 0. */
QCC_KERNEL void qcc_quantize_rows_but(const struct qcc_quantize_rows *p, int32_t n_skip,
                                      const int32_t *skip, const float *x, int8_t *codes,
                                      float *scale) {
  struct qcc_quantize q = {0.0f, 0, -p->hi, p->hi};
  for (int32_t r = 0; r < p->rows; r++, codes += p->row) {
    for (int32_t at = 0, n; at < p->row; at += n, x += n) {
      n = qcc_min(p->size, p->row - at);
      q.scale = qcc_largest_magnitude(at, n, x, n_skip, skip) * p->clip / (float)p->hi;
      qcc_quantize_s8(&q, n, x, codes + at);
      *scale++ = q.scale;
    }
    for (int32_t k = 0; k < n_skip; k++)
      codes[skip[k]] = 0;
  }
}

QCC_KERNEL void qcc_quantize_rows(const struct qcc_quantize_rows *p, const float *x, int8_t *codes,
                                  float *scale) {
  qcc_quantize_rows_but(p, 0, NULL, x, codes, scale);
}

/* Back to real numbers; hi and clip are not read. */
QCC_KERNEL void qcc_dequantize_rows(const struct qcc_quantize_rows *p, const int8_t *codes,
                                    const float *scale, float *QCC_RESTRICT y) {
  for (int32_t r = 0; r < p->rows; r++)
    for (int32_t at = 0, n; at < p->row; at += n, scale++) {
      n = qcc_min(p->size, p->row - at);
      for (int32_t i = 0; i < n; i++)
        *y++ = (float)*codes++ * *scale;
    }
}

#endif
