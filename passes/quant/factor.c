/* factor.c - Hessians as R D R^T, what rounding with error feedback works on.
 *
 * With errors e the loss e H e^T is sum d_k (e R)_k^2, and (e R)_k is e_k plus what the columns
 * before it have left behind: so whoever rounds column k to the nearest code of w_k + that,
 * minimises the k-th term.  The factor comes from LAPACK's Cholesky of the matrix read backwards, P
 * H P = L L^T: then H = (P L P) (P L P)^T, and P L P, upper triangular, is R times the root of D.
 */
#include "passes/quant/factor.h"

#include <lapack.h>
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"

enum { LADDER = 6 }; /* times ten each */

typedef struct Entry {
  double size;
  int64_t column; /* first of the vector */
} Entry;

static int by_size(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->size != y->size) return x->size < y->size ? 1 : -1;
  return (x->column > y->column) - (x->column < y->column);
}

static void order_columns(const double *h, Factor *f, int order, int64_t size) {
  int64_t vectors = (f->n + size - 1) / size, at = 0;
  Entry *entry = scratch(vectors, sizeof *entry);
  for (int64_t i = 0; i < vectors; i++)
    entry[i] = (Entry){0, size * (order == ORDER_BACKWARDS ? vectors - 1 - i : i)};
  for (int64_t i = 0; i < f->n; i++) entry[i / size].size += h[i * f->n + i];
  if (order == ORDER_BY_SIZE) qsort(entry, (size_t)vectors, sizeof *entry, by_size);
  for (int64_t i = 0; i < vectors; i++)
    for (int64_t j = entry[i].column; j < f->n && j < entry[i].column + size; j++)
      f->order[at++] = j;
  free(entry);
}

/* The damped matrix, last step first.  Inputs that were always 0 get a diagonal of 1: they take no
 * part in any feedback and are rounded to nearest. */
static void copy_backwards(const double *h, Factor *f, double mean) {
  int64_t n = f->n;
  for (int64_t i = 0; i < n; i++) {
    const double *from = h + f->order[n - 1 - i] * n;
    for (int64_t j = 0; j < n; j++) f->r[i * n + j] = from[f->order[n - 1 - j]];
    double *diagonal = &f->r[i * n + i];
    *diagonal = *diagonal == 0 ? 1 : *diagonal + f->damp * mean;
  }
}

static double mean_diagonal(const double *h, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += h[i * n + i];
  return n > 0 ? sum / (double)n : 0;
}

/* LAPACK's upper triangle by columns is the lower one by rows. */
static bool cholesky(double *a, int64_t n) {
  lapack_int size = (lapack_int)n, info;
  LAPACK_dpotrf("U", &size, a, &size, &info);
  return info == 0;
}

/* L of the matrix backwards becomes R and D. */
static void turn_around(Factor *f) {
  int64_t n = f->n;
  for (int64_t i = 0, j = n * n - 1; i < j; i++, j--) {
    double t = f->r[i];
    f->r[i] = f->r[j];
    f->r[j] = t;
  }
  for (int64_t j = 0; j < n; j++) f->d[j] = f->r[j * n + j] * f->r[j * n + j];
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      f->r[i * n + j] = j < i ? 0 : j == i ? 1 : f->r[i * n + j] / sqrt(f->d[j]);
}

Factor *factor_hessian(const double *h, int64_t n, double damp, int order, int64_t size) {
  Factor *f = scratch(1, sizeof *f);
  *f = (Factor){.n = n, .damp = damp, .as_is = order == ORDER_AS_IS};
  f->order = scratch(n, sizeof *f->order);
  f->r = scratch(mul_size(n, n), sizeof *f->r);
  f->d = scratch(n, sizeof *f->d);
  order_columns(h, f, order, size);
  double mean = mean_diagonal(h, n);
  prepare_blas();
  for (int step = 0; step < LADDER; step++) {
    copy_backwards(h, f, mean);
    if (cholesky(f->r, n)) {
      turn_around(f);
      return f;
    }
    f->damp = fmax(10 * f->damp, 1e-6);
  }
  free_factor(f);
  return NULL;
}

void free_factor(Factor *f) {
  if (f == NULL) return;
  free(f->order);
  free(f->r);
  free(f->d);
  free(f);
}
