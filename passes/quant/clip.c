/* clip.c - scales for which the largest weights are cut off, where that makes the error at the layer's outputs
 * least: they get less exact, all others more (the second step of AWQ, `clip`). */
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/solvers.h"

enum { CLIP_STEPS = 10, CLIP_GRID = 20 }; /* the largest weight times 1, 1 - 1/20 ... 1 - 9/20 */

/* e H e^T for the errors e [n] of a run from element `from` of the layer on, row by row. */
static double run_error(const Layer *l, const double *e, int64_t n, int64_t from) {
  const Moments *x = l->x;
  double sum = 0;
  for (int64_t at = 0, count; at < n; at += count) {
    int64_t row = (from + at) / l->row, first = (from + at) % l->row;
    const double *h = x->hessian + row / (l->channels / x->groups) * x->k * x->k;
    count = l->row - first < n - at ? l->row - first : n - at;
    for (int64_t i = 0; i < count; i++) {
      double product = 0;
      for (int64_t k = 0; k < count; k++) product += h[(first + i) * x->k + first + k] * e[at + k];
      sum += e[at + i] * product;
    }
  }
  return sum;
}

float clipped_scale(const Layer *l, const float *w, int64_t n, int64_t from) {
  const Format *f = l->q->format;
  float largest = 0, best = 0, *v = scratch(n, sizeof *v);
  double least = INFINITY, *e = scratch(n, sizeof *e);
  int8_t *codes = scratch(n, 1);
  for (int64_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(w[i]));
  for (int step = 0; step < CLIP_STEPS && largest > 0; step++) {
    float most = largest * (1 - (float)step / CLIP_GRID);
    for (int64_t i = 0; i < n; i++) v[i] = fminf(fmaxf(w[i], -most), most);
    float scale = l->solver->fit(v, NULL, n, f);
    for (int64_t i = 0; i < n; i++) e[i] = (double)w[i];
    nearest_codes(e, n, scale, f, codes);
    for (int64_t i = 0; i < n; i++) e[i] = (double)scale * codes[i] - (double)w[i];
    double error = run_error(l, e, n, from);
    if (error < least) least = error, best = scale;
  }
  free(v);
  free(e);
  free(codes);
  return best;
}
