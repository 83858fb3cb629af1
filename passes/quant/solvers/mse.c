/* mse.c - round to nearest with the scale, out of a grid of shrunk ones, that gives the least
 * squared error, then refined in closed form: for fixed codes q the best scale is sum(w q) /
 * sum(q q).  Where the importance of each weight is known, errors and sums are weighted by it. */
#include "passes/quant/solvers.h"

enum { GRID = 96 };

static double weight_of(const float *importance, int64_t i) {
  return importance != NULL ? (double)importance[i] : 1;
}

static double squared_error(const float *w, const float *importance, int64_t n, float scale,
                            const Format *f) {
  double e = 0;
  for (int64_t i = 0; i < n; i++) {
    double d = w[i] - (double)nearest_code(w[i], scale, f) * scale;
    e += weight_of(importance, i) * d * d;
  }
  return e;
}

/* The scale that fits the codes of `scale` best. */
static float refit(const float *w, const float *importance, int64_t n, float scale,
                   const Format *f) {
  double wq = 0, qq = 0;
  for (int64_t i = 0; i < n; i++) {
    double c = nearest_code(w[i], scale, f), weighted = weight_of(importance, i) * c;
    wq += w[i] * weighted;
    qq += c * weighted;
  }
  return qq > 0 && wq > 0 ? (float)(wq / qq) : scale;
}

float fit_mse(const float *w, const float *importance, int64_t n, const Format *f) {
  float full = full_scale(w, n, f), best = full;
  if (!(full > 0)) return 0;
  double least = squared_error(w, importance, n, full, f);
  for (int k = 1; k < GRID; k++) {
    /* 8-bit optima are near the full range, those of very few bits near the mean magnitude. */
    float shrink = f->bits >= 8 ? 0.4f : f->bits > 2 ? 0.75f : 0.95f;
    float s = full * (1 - shrink * (float)k / GRID);
    for (int step = 0; step < 2; step++, s = refit(w, importance, n, s, f)) {
      double e = squared_error(w, importance, n, s, f);
      if (e < least) least = e, best = s;
    }
  }
  return best;
}
