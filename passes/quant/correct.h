/* correct.h - products that make up for rounding (correct.c). */
#ifndef QCC_CORRECT_H
#define QCC_CORRECT_H

#include "passes/quant/branch.h"
#include "passes/quant/moments.h"

/* What comes nearest, among products of at most that rank, to what weights w [m][n] have lost when they
 * became `now`: to the weights, or by what their inputs' hessian [n][n] makes of it at the outputs. */
LowRankPair nearest_low_rank(Arena *arena, const float *w, const float *now, int64_t m, int64_t n,
                             const double *hessian, int64_t rank);
/* Puts that beside a Conv without groups or Gemm n, whose real input is x and whose real weights become what
 * `decoder` makes of constants, as the choice says; of rank 0 where nothing was lost. */
LowRankPair correct_weights(Graph *g, Node *n, Tensor *x, const Node *decoder, const WeightChoice *c,
                            const Moments *moments);

#endif
