/* rtn.c - round to nearest: the scale covers the largest weight of the run. */
#include "passes/quant/solvers.h"

typedef struct Out { QuantSpec *q; int8_t *codes; } Out;

static void solve_run(void *ctx, const float *w, int64_t n, int64_t from, int64_t index) {
  Out *o = ctx;
  float scale = full_scale(w, n, o->q->format);
  o->q->scale[index] = scale > 0 ? scale : 1;
  for (int64_t i = 0; i < n; i++)
    o->codes[from + i] = nearest_code(w[i], o->q->scale[index], o->q->format);
}

void solve_rtn(const Tensor *t, const float *w, QuantSpec *q, int8_t *codes) {
  for_each_run(t, q, solve_run, w, &(Out){q, codes});
}
