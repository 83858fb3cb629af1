/* factor.c - Hessians as R D R^T, what rounding with error feedback works on.
 *
 * With errors e the loss e H e^T is sum d_k (e R)_k^2, and (e R)_k is e_k plus what the columns
 * before it have left behind: so whoever rounds column k to the nearest code of w_k + that,
 * minimises the k-th term.  The factor comes from LAPACK's Cholesky of the matrix read backwards, P
 * H P = L L^T: then H = (P L P) (P L P)^T, and P L P, upper triangular, is R times the root of D.
 * All happens in the memory of H, of which the other triangle keeps what H was: a layer's Hessian is the
 * largest thing in memory, and is there once. */
#include "passes/quant/factor.h"

#include <lapack.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Each row of the matrix with its elements, and then each column, from where the steps say; or back
 * to there. */
static void permute_columns(const Factor *f, double *a, bool back, double *row) {
  int64_t n = f->n;
  for (int64_t i = 0; i < n; i++) {
    memcpy(row, a + i * n, (size_t)n * sizeof *row);
    for (int64_t j = 0; j < n; j++)
      if (back) a[i * n + f->order[j]] = row[j];
      else a[i * n + j] = row[f->order[j]];
  }
}

static void transpose(double *a, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) {
      double t = a[i * n + j];
      a[i * n + j] = a[j * n + i];
      a[j * n + i] = t;
    }
}

static void permute(const Factor *f, bool back) {
  double *row = scratch(f->n, sizeof *row);
  permute_columns(f, f->r, back, row);
  transpose(f->r, f->n);
  permute_columns(f, f->r, back, row);
  free(row);
}

/* Element [i][j] goes to where [n - 1 - i][n - 1 - j] was. */
static void turn_around(Factor *f) {
  for (int64_t i = 0, j = f->n * f->n - 1; i < j; i++, j--) {
    double t = f->r[i];
    f->r[i] = f->r[j];
    f->r[j] = t;
  }
}

/* H in the order of the steps again, from the triangle below the diagonal. */
static void mirror(Factor *f) {
  int64_t n = f->n;
  for (int64_t i = 0; i < n; i++) {
    f->r[i * n + i] = f->diagonal[i];
    for (int64_t j = 0; j < i; j++) f->r[j * n + i] = f->r[i * n + j];
  }
}

/* Inputs that were always 0 get a diagonal of 1: they take no part in any feedback and are rounded to
 * nearest. */
static void damp(Factor *f, double mean) {
  for (int64_t i = 0; i < f->n; i++) {
    double d = f->diagonal[i];
    f->r[i * f->n + i] = d == 0 ? 1 : d + f->damp * mean;
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

/* The root of D times R, above the diagonal and on it, becomes R and D. */
static void split_off_diagonal(Factor *f) {
  int64_t n = f->n;
  for (int64_t j = 0; j < n; j++) f->d[j] = f->r[j * n + j] * f->r[j * n + j];
  for (int64_t i = 0; i < n; i++) {
    f->r[i * n + i] = 1;
    for (int64_t j = i + 1; j < n; j++) f->r[i * n + j] /= sqrt(f->d[j]);
  }
}

Factor *factor_hessian(double *h, int64_t n, double share, int order, int64_t size) {
  Factor *f = scratch(1, sizeof *f);
  *f = (Factor){.n = n, .damp = share, .as_is = order == ORDER_AS_IS, .r = h};
  f->order = scratch(n, sizeof *f->order);
  f->diagonal = scratch(n, sizeof *f->diagonal);
  f->d = scratch(n, sizeof *f->d);
  order_columns(h, f, order, size);
  double mean = mean_diagonal(h, n);
  permute(f, false);
  for (int64_t i = 0; i < n; i++) f->diagonal[i] = h[i * n + i];
  prepare_blas();
  for (int step = 0; step < LADDER; step++) {
    damp(f, mean);
    turn_around(f);
    bool done = cholesky(h, n);
    turn_around(f);
    if (done) {
      split_off_diagonal(f);
      return f;
    }
    mirror(f);
    f->damp = fmax(10 * f->damp, 1e-6);
  }
  free_factor(f);
  return NULL;
}

void free_factor(Factor *f) {
  if (f == NULL) return;
  mirror(f);
  permute(f, true);
  free(f->order);
  free(f->diagonal);
  free(f->d);
  free(f);
}
