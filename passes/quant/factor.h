/* factor.h - a Hessian ready for rounding one weight after another (factor.c). */
#ifndef QCC_FACTOR_H
#define QCC_FACTOR_H

#include <stdbool.h>
#include <stdint.h>

/* H + damping = R D R^T in the order of the steps, R unit upper triangular. */
typedef struct Factor {
  int64_t n;
  int64_t *order; /* [n] column of each step */
  double *r;      /* [n][n] R in the upper triangle, ones on the diagonal, H in the order of the steps below */
  double *d;      /* [n] diagonal of D */
  double *diagonal; /* [n] of H, in the order of the steps */
  double damp;    /* share of the mean diagonal that was added to it */
  bool as_is;     /* steps are columns in their own order */
} Factor;

/* Of the columns; by size: largest diagonal first. */
enum { ORDER_AS_IS, ORDER_BY_SIZE, ORDER_BACKWARDS };

/* Factors h [n][n], symmetric; adds `damp` of its mean diagonal to the diagonal, more where that is
 * not enough. NULL when no reasonable amount is.  Vectors of `size` columns are put in order, each
 * as it is; the last may be shorter.  The factor takes the memory of h; free_factor() makes it what it was. */
Factor *factor_hessian(double *h, int64_t n, double damp, int order, int64_t size);
void free_factor(Factor *f);

#endif
