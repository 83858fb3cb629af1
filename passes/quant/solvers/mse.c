/* mse.c - round to nearest with the scale, out of a grid of shrunk ones, that gives the least
 * squared error, then refined in closed form: for fixed codes q the best scale is sum(w q) /
 * sum(q q).  Where the importance of each weight is known, errors and sums are weighted by it. */
#include <math.h>

#include "passes/quant/solvers.h"

enum { GRID = 96 };

/* Adding and subtracting it leaves the nearest integer, ties to even, of a small double. */
static const double rounder = 0x1.8p52;

typedef struct Fit {
  double error;            /* weighted sum of squares */
  double scale;            /* that fits these codes best */
} Fit;

/* What the codes by a scale are worth.  Three sums in one walk: this is most of what solvers do. */
static Fit try_scale(const float *w, const float *importance, int64_t n, double scale,
                     const Format *f) {
  double lo = smallest_code(f), hi = f->hi, inverse = 1 / scale, wq = 0, qq = 0, error = 0;
  bool listed = f->n_levels > 0 || f->mantissa_bits > 0;
  for (int64_t i = 0; i < n; i++) {
    double weight = importance != NULL ? (double)importance[i] : 1, v = w[i], q = v * inverse;
    q = q < lo ? lo : q > hi ? hi : q;
    q = listed ? code_value(f, code_near(f, q)) : q + rounder - rounder;
    double d = v - q * scale, weighted = weight * q;
    error += weight * d * d;
    wq += weighted * v;
    qq += weighted * q;
  }
  return (Fit){error, qq > 0 && wq > 0 ? wq / qq : scale};
}

/* The same for vectors. */
static Fit try_vectors(const float *w, const float *importance, int64_t n, double scale,
                       const Format *f) {
  double wq = 0, qq = 0, error = 0;
  for (int64_t i = 0; i < n; i += f->vector) {
    double x[MAX_VECTOR];
    int8_t codes[MAX_VECTOR];
    int64_t size = n - i < f->vector ? n - i : f->vector;
    for (int64_t j = 0; j < size; j++) x[j] = (double)w[i + j];
    nearest_codes(x, size, (float)scale, f, codes);
    for (int64_t j = 0; j < size; j++) {
      double weight = importance != NULL ? (double)importance[i + j] : 1, q = codes[j];
      error += weight * (x[j] - q * scale) * (x[j] - q * scale);
      wq += weight * q * x[j];
      qq += weight * q * q;
    }
  }
  return (Fit){error, qq > 0 && wq > 0 ? wq / qq : scale};
}

enum { VECTOR_STEPS = 3 }; /* of a sixteenth to both sides of the scale that is typical */

static float fit_vectors(const float *w, const float *importance, int64_t n, const Format *f) {
  float typical = typical_scale(w, n, f), best = typical;
  double least = INFINITY;
  if (!(typical > 0)) return 0;
  for (int k = -VECTOR_STEPS; k <= VECTOR_STEPS; k++) {
    float s = typical * (1 + (float)k / 16);
    for (int step = 0; step < 2; step++) {
      Fit fit = try_vectors(w, importance, n, (double)s, f);
      if (fit.error < least) least = fit.error, best = s;
      s = (float)fit.scale;
    }
  }
  return best;
}

float fit_mse(const float *w, const float *importance, int64_t n, const Format *f) {
  if (f->vector > 1) return fit_vectors(w, importance, n, f);
  float full = full_scale(w, n, f), best = full;
  if (!(full > 0)) return 0;
  double least = try_scale(w, importance, n, full, f).error;
  for (int k = 1; k < GRID; k++) {
    /* 8-bit optima are near the full range, those of very few bits near the mean magnitude. */
    float shrink = f->bits >= 8 ? 0.4f : f->bits > 2 ? 0.75f : 0.95f;
    float s = full * (1 - shrink * (float)k / GRID);
    for (int step = 0; step < 2; step++) {
      Fit fit = try_scale(w, importance, n, s, f);
      if (fit.error < least) least = fit.error, best = s;
      s = (float)fit.scale;
    }
  }
  return best;
}
