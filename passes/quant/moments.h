/* moments.h - sums over what a layer of weights multiplies (moments.c). */
#ifndef QCC_MOMENTS_H
#define QCC_MOMENTS_H

#include "passes/passes.h"

/* Which sums somebody needs. */
enum {
  NEEDS_NOTHING = 0,
  NEEDS_HESSIAN = 1,  /* of the squared error of the layer's outputs */
  NEEDS_MISMATCH = 2, /* between the inputs and those of the float network */
  NEEDS_MEANS = 4,    /* of the inputs, and of those of the float network */
};

/* Inputs of an output channel are the elements that its row of weights multiplies, in the same
 * order; a convolution sees such a vector at every position of every sample (a row of im2col). */
typedef struct Moments {
  int what;           /* NEEDS_... that are here */
  int64_t k;          /* elements of a vector */
  int64_t groups;     /* of the convolution; each has vectors of its own */
  int64_t count;      /* vectors that were seen, of each group */
  double *hessian;    /* [groups][k][k] 2 / count * sum of x x^T, or NULL */
  double *mismatch;   /* [groups][k][k] 2 / count * sum of (x_float - x) x^T, or NULL */
  double *mean;       /* [groups][k] or NULL */
  double *float_mean; /* [groups][k] or NULL */
} Moments;

/* Runs the samples through g up to node `n`, a Conv or Gemm with constant weights. `exact` is the
 * float network that g was, whose inputs the samples fit; it is run beside g where `what` compares
 * them. */
Moments *collect_moments(const Graph *g, const Node *n, const Graph *exact, const Context *cx,
                         int what);
void free_moments(Moments *m);
/* Do both nodes multiply the same vectors? */
bool same_vectors(const Node *a, const Node *b);

#endif
