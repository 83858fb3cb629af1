/* branch.h - real products beside layers (branch.c). */
#ifndef QCC_BRANCH_H
#define QCC_BRANCH_H

#include "passes/passes.h"

/* What is added to weights [outputs][row]: b a. */
typedef struct LowRankPair {
  int64_t rank, outputs, row;
  float *a;   /* [rank][row] */
  float *b;   /* [outputs][rank] */
} LowRankPair;

/* b (a x) as two nodes NAME_A and NAME_B from position `at` on, with the windows of a layer without
 * groups, a Conv, Gemm or MatMul; its output. */
Tensor *add_low_rank(Graph *g, int at, const Node *layer, Tensor *x, const LowRankPair *p,
                     const char *name);
/* Adds x, which a node behind n makes, to the first output of n, which is called `rest` from then on.  The
 * activation that n carries goes to the sum. */
void add_to_output(Graph *g, Node *n, Tensor *x, const char *rest, const char *name);

#endif
