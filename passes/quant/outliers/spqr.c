/* spqr.c - outliers by SpQR's rule (Dettmers et al. 2023, arXiv:2306.03078): a weight is kept whose
 * rounding would cost more than `threshold` times what the layer loses, on average, without a weight.
 *
 * Costs are those of the solver's loop, d_k e^2, when it comes to the weight.  Scales are fitted
 * without likely outliers: a run lets go of its largest weight as long as that makes the error of the
 * run smaller by more than the limit. */
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/outliers.h"

/* threshold times the mean over columns of cost times the variance of the column's weights. */
double limit_spqr(const Layer *l, int64_t group, const double *cost) {
  int64_t n = l->channels / l->x->groups;
  const float *w = l->w + group * n * l->row;
  double total = 0;
  for (int64_t k = 0; k < l->row; k++) {
    double sum = 0, square = 0;
    for (int64_t c = 0; c < n; c++) {
      double v = w[c * l->row + k];
      sum += v;
      square += v * v;
    }
    total += cost[k] * (n > 1 ? square - sum * sum / (double)n : square) / (double)n;
  }
  return l->choice->outliers.threshold * total / (double)l->row;
}

/* Weighted squared error of the weights that are not out. */
static double error_of(const Layer *l, const float *w, int64_t from, int64_t n, float scale,
                       const uint8_t *out) {
  double sum = 0;
  for (int64_t i = 0; i < n && scale > 0; i++) {
    int8_t code = nearest_code(w[i], scale, l->q->format);
    double e = (double)w[i] - (double)scale * code_value(l->q->format, code);
    if (!out[i]) sum += input_square(l, (from + i) / l->row, (from + i) % l->row) * e * e;
  }
  return sum;
}

static int64_t largest_left(const float *w, int64_t n, const uint8_t *out) {
  int64_t at = -1;
  for (int64_t i = 0; i < n; i++)
    if (!out[i] && (at < 0 || fabsf(w[i]) > fabsf(w[at]))) at = i;
  return at;
}

float fit_spqr(const Layer *l, const float *w, int64_t from, int64_t n) {
  uint8_t *out = scratch(n, 1);
  double limit = l->outliers->limit[from / l->row / (l->channels / l->x->groups)];
  float scale = fit_without(l, w, from, n, out);
  double error = error_of(l, w, from, n, scale, out);
  int64_t most = (int64_t)ceil(l->choice->outliers.rate * (double)n);
  for (int64_t i = 0; i < most && i < n - 1; i++) {
    out[largest_left(w, n, out)] = true;
    float without = fit_without(l, w, from, n, out);
    double rest = error_of(l, w, from, n, without, out);
    if (!(error - rest > limit)) break;
    scale = without, error = rest;
  }
  free(out);
  return scale;
}
