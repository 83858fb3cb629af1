/* det.h - determinants of matrices of float32 or float64, by elimination with the largest pivot of each column,
 * in float64. */
#ifndef QCC_DET_H
#define QCC_DET_H

#include <math.h>

#include "common.h"

struct qcc_det {
  int32_t matrices, n;  /* x[matrices][n][n] */
  int32_t wide;         /* elements are float64 */
};

/* Of m[n][n], which is overwritten. */
QCC_KERNEL double qcc_eliminate(int32_t n, double *m) {
  double det = 1;
  for (int32_t c = 0; c < n; c++) {
    int32_t pivot = c;
    for (int32_t r = c + 1; r < n; r++)
      if (fabs(m[r * n + c]) > fabs(m[pivot * n + c]))
        pivot = r;
    if (m[pivot * n + c] == 0)
      return 0;
    if (pivot != c)
      det = -det;
    for (int32_t k = c; k < n; k++) {
      double v = m[c * n + k];
      m[c * n + k] = m[pivot * n + k];
      m[pivot * n + k] = v;
    }
    det *= m[c * n + c];
    for (int32_t r = c + 1; r < n; r++) {
      double by = m[r * n + c] / m[c * n + c];
      for (int32_t k = c; k < n; k++)
        m[r * n + k] -= by * m[c * n + k];
    }
  }
  return det;
}

/* scratch: n * n of them. */
QCC_KERNEL void qcc_det(const struct qcc_det *p, double *scratch, const void *x, void *y) {
  int32_t size = p->n * p->n;
  for (int32_t i = 0; i < p->matrices; i++) {
    for (int32_t k = 0; k < size; k++)
      scratch[k] = p->wide ? ((const double *)x)[i * size + k]
                           : (double)((const float *)x)[i * size + k];
    double det = qcc_eliminate(p->n, scratch);
    if (p->wide)
      ((double *)y)[i] = det;
    else
      ((float *)y)[i] = (float)det;
  }
}

#endif
