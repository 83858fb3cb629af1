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

QCC_KERNEL float qcc_largest_magnitude(int32_t n, const float *x) {
  float most = 0.0f;
  for (int32_t i = 0; i < n; i++) {
    float v = x[i] < 0.0f ? -x[i] : x[i];
    most = v > most ? v : most;
  }
  return most;
}

/* codes[rows][row], scale[rows][runs] */
QCC_KERNEL void qcc_quantize_rows(const struct qcc_quantize_rows *p, const float *x, int8_t *codes,
                                  float *scale) {
  struct qcc_quantize q = {0.0f, 0, -p->hi, p->hi};
  for (int32_t r = 0; r < p->rows; r++)
    for (int32_t at = 0, n; at < p->row; at += n, x += n, codes += n) {
      n = qcc_min(p->size, p->row - at);
      q.scale = qcc_largest_magnitude(n, x) * p->clip / (float)p->hi;
      qcc_quantize_s8(&q, n, x, codes);
      *scale++ = q.scale;
    }
}

#endif
