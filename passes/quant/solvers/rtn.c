/* rtn.c - round to nearest: the scale covers the largest weight of the run.  Codes of two bits
 * would nearly all be 0 then; their scale is 1.4 times the mean magnitude, so that weights above
 * 0.7 of the mean become 1: the threshold of ternary weight networks (Li and Liu 2016,
 * arXiv:1605.04711).  Vectors have the size that suits their format. */
#include <math.h>

#include "passes/quant/solvers.h"

static float mean_scale(const float *w, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += fabs((double)w[i]);
  return n > 0 ? (float)(1.4 * sum / (double)n) : 0;
}

float fit_largest(const float *w, const float *importance, int64_t n, const Format *f) {
  (void)importance;
  if (f->vector > 1) return typical_scale(w, n, f);
  return f->bits > 2 ? full_scale(w, n, f) : mean_scale(w, n);
}
