/* rtn.c - round to nearest: the scale covers the largest weight of the run.  Codes of two bits would
 * nearly all be 0 then; their scale is 1.4 times the mean magnitude, so that weights above 0.7 of
 * the mean become 1: the threshold of ternary weight networks (Li and Liu 2016, arXiv:1605.04711). */
#include <math.h>

#include "passes/quant/solvers.h"

typedef struct Out { QuantSpec *q; int8_t *codes; } Out;

static float mean_scale(const float *w, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += fabs((double)w[i]);
  return n > 0 ? (float)(1.4 * sum / (double)n) : 0;
}

static void solve_run(void *ctx, const float *w, int64_t n, int64_t from, int64_t index) {
  Out *o = ctx;
  float scale = o->q->format->bits > 2 ? full_scale(w, n, o->q->format) : mean_scale(w, n);
  o->q->scale[index] = scale > 0 ? scale : 1;
  for (int64_t i = 0; i < n; i++)
    o->codes[from + i] = nearest_code(w[i], o->q->scale[index], o->q->format);
}

void solve_rtn(const Tensor *t, const float *w, QuantSpec *q, int8_t *codes) {
  for_each_run(t, q, solve_run, w, &(Out){q, codes});
}
