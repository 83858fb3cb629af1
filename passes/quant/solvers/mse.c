/* mse.c - round to nearest with the scale, out of a grid of shrunk ones, that gives the least
 * squared error, then refined in closed form: for fixed codes q the best scale is sum(w q) /
 * sum(q q). */
#include "passes/quant/solvers.h"

enum { GRID = 96 };

typedef struct Out { QuantSpec *q; int8_t *codes; } Out;

static double squared_error(const float *w, int64_t n, float scale, const Format *f) {
  double e = 0;
  for (int64_t i = 0; i < n; i++) {
    double d = w[i] - (double)nearest_code(w[i], scale, f) * scale;
    e += d * d;
  }
  return e;
}

/* The scale that fits the codes of `scale` best. */
static float refit(const float *w, int64_t n, float scale, const Format *f) {
  double wq = 0, qq = 0;
  for (int64_t i = 0; i < n; i++) {
    double c = nearest_code(w[i], scale, f);
    wq += w[i] * c;
    qq += c * c;
  }
  return qq > 0 && wq > 0 ? (float)(wq / qq) : scale;
}

static void solve_run(void *ctx, const float *w, int64_t n, int64_t from, int64_t index) {
  Out *o = ctx;
  const Format *f = o->q->format;
  float full = full_scale(w, n, f), best = full;
  if (!(full > 0)) best = full = 1;
  double least = squared_error(w, n, full, f);
  for (int k = 1; k < GRID; k++) {
    /* 8-bit optima are near the full range, those of very few bits near the mean magnitude. */
    float shrink = f->bits >= 8 ? 0.4f : f->bits > 2 ? 0.75f : 0.95f;
    float s = full * (1 - shrink * (float)k / GRID);
    for (int step = 0; step < 2; step++, s = refit(w, n, s, f)) {
      double e = squared_error(w, n, s, f);
      if (e < least) least = e, best = s;
    }
  }
  o->q->scale[index] = best;
  for (int64_t i = 0; i < n; i++) o->codes[from + i] = nearest_code(w[i], best, f);
}

void solve_mse(const Tensor *t, const float *w, QuantSpec *q, int8_t *codes) {
  for_each_run(t, q, solve_run, w, &(Out){q, codes});
}
