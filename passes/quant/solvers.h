/* solvers.h - what solvers share. */
#ifndef QCC_SOLVERS_H
#define QCC_SOLVERS_H

#include "passes/passes.h"

#define SOLVER(name, function, summary) \
  void function(const Tensor *t, const float *w, QuantSpec *q, int8_t *codes);
#include "passes/quant/solvers.def"
#undef SOLVER

/* Smallest code used for weights: -127 of int8, so that |code| fits 7 bits, all codes of
 * narrower formats. */
int32_t smallest_code(const Format *f);
/* The scale at which no weight is clipped; 0 when all are 0. */
float full_scale(const float *w, int64_t n, const Format *f);
int8_t nearest_code(float w, float scale, const Format *f);
/* Calls fn for every run of n weights that share scale number `index`; `from` is the run's first
 * element. */
typedef void RunFn(void *ctx, const float *w, int64_t n, int64_t from, int64_t index);
void for_each_run(const Tensor *t, const QuantSpec *q, RunFn *fn, const float *w, void *ctx);

#endif
