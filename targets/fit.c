/* fit.c - costs that explain measurements best: least squares of relative errors, in which no cost
 * is negative.
 *
 * The active set method of Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23) on the
 * normal equations: the variable whose growth helps most becomes free, the free ones are solved for,
 * and those that would be negative are put back to 0.  Columns are scaled to length 1 first. */
#include <math.h>
#include <string.h>

#include "targets/costs.h"

static const double tolerance =
    1e-9; /* of slopes, and of what is left of a column beside the others */

typedef struct Fit {
  int n;             /* columns */
  const double *ata; /* [n][n] */
  const double *atb; /* [n] */
  bool *is_free;     /* [n] */
  double *l;         /* [n][n] Cholesky factor of the free part */
  double *z;         /* [n] solution for the free ones, 0 elsewhere */
} Fit;

/* Solves for the free variables; false where their columns depend on each other. */
static bool solve_free(Fit *f) {
  int n = f->n;
  for (int i = 0; i < n; i++) {
    if (!f->is_free[i]) continue;
    for (int j = 0; j <= i; j++) {
      if (!f->is_free[j]) continue;
      double sum = f->ata[i * n + j];
      for (int k = 0; k < j; k++)
        if (f->is_free[k]) sum -= f->l[i * n + k] * f->l[j * n + k];
      if (j < i) f->l[i * n + j] = sum / f->l[j * n + j];
      else if (sum < tolerance) return false;
      else f->l[i * n + i] = sqrt(sum);
    }
  }
  for (int i = 0; i < n; i++) {
    double sum = f->atb[i];
    for (int k = 0; k < i; k++)
      if (f->is_free[k]) sum -= f->l[i * n + k] * f->z[k];
    f->z[i] = f->is_free[i] ? sum / f->l[i * n + i] : 0;
  }
  for (int i = n - 1; i >= 0; i--) {
    if (!f->is_free[i]) continue;
    for (int k = i + 1; k < n; k++)
      if (f->is_free[k]) f->z[i] -= f->l[k * n + i] * f->z[k];
    f->z[i] /= f->l[i * n + i];
  }
  return true;
}

/* Goes from x towards z until a free variable becomes 0, which is not free any more; false when z was reached. */
static bool step_back(Fit *f, double *x) {
  double part = 1;
  int first = -1;
  for (int i = 0; i < f->n; i++)
    if (f->is_free[i] && f->z[i] <= 0 && x[i] / (x[i] - f->z[i]) < part)
      part = x[i] / (x[i] - f->z[i]), first = i;
  for (int i = 0; i < f->n; i++) x[i] += part * (f->z[i] - x[i]);
  if (first < 0) return false;
  x[first] = 0;
  f->is_free[first] = false;
  return true;
}

/* The variable at 0 whose growth lowers the error fastest, or -1. */
static int steepest(const Fit *f, const double *x, const bool *useless) {
  int best = -1;
  double most = tolerance;
  for (int i = 0; i < f->n; i++) {
    double slope = f->atb[i];
    if (f->is_free[i] || useless[i]) continue;
    for (int k = 0; k < f->n; k++) slope -= f->ata[i * f->n + k] * x[k];
    if (slope > most) most = slope, best = i;
  }
  return best;
}

static void solve_nonnegative(Arena *a, Fit *f, double *x) {
  int64_t n = f->n;
  bool *useless = arena_alloc(a, n + 1);
  f->is_free = arena_alloc(a, n + 1);
  f->l = arena_alloc(a, (n * n + 1) * (int64_t)sizeof *f->l);
  f->z = arena_alloc(a, (n + 1) * (int64_t)sizeof *f->z);
  for (int rounds = 0, i; rounds < 10 * f->n && (i = steepest(f, x, useless)) >= 0; rounds++) {
    f->is_free[i] = true;
    if (!solve_free(f) || f->z[i] <= 0) {
      f->is_free[i] = false;
      useless[i] = true; /* what the free ones say already */
      continue;
    }
    memset(useless, 0, (size_t)n);
    while (step_back(f, x)) solve_free(f);
  }
}

void fit_nonnegative(Arena *a, int rows, int columns, const double *matrix, const double *b,
                     double *x) {
  int64_t n = columns;
  double *ata = arena_alloc(a, (n * n + 1) * (int64_t)sizeof *ata);
  double *atb = arena_alloc(a, (n + 1) * (int64_t)sizeof *atb);
  double *length = arena_alloc(a, (n + 1) * (int64_t)sizeof *length);
  for (int i = 0; i < columns; i++) {
    for (int r = 0; r < rows; r++) length[i] += matrix[r * n + i] * matrix[r * n + i];
    length[i] = length[i] > 0 ? sqrt(length[i]) : 1;
  }
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < columns; i++) {
      double v = matrix[r * n + i] / length[i];
      atb[i] += v * b[r];
      for (int k = 0; k < columns; k++) ata[i * n + k] += v * matrix[r * n + k] / length[k];
    }
  memset(x, 0, (size_t)n * sizeof *x);
  Fit f = {.n = columns, .ata = ata, .atb = atb};
  solve_nonnegative(a, &f, x);
  for (int i = 0; i < columns; i++) x[i] /= length[i];
}

KernelCost fit_costs(Arena *a, const char *kernel, int calls, const double *feature,
                     const double *took) {
  KernelCost k = {.kernel = kernel, .calls = calls};
  int64_t n = N_COST_FEATURES;
  double *share = arena_alloc(a, (calls * n + 1) * (int64_t)sizeof *share);
  double *one = arena_alloc(a, (calls + 1) * (int64_t)sizeof *one);
  for (int64_t i = 0; i < calls; i++) {
    one[i] = 1;
    for (int64_t j = 0; j < n; j++) share[i * n + j] = feature[i * n + j] / took[i];
  }
  fit_nonnegative(a, calls, N_COST_FEATURES, share, one, k.cost);
  for (int64_t i = 0; i < calls; i++) {
    double error = -1;
    for (int64_t j = 0; j < n; j++) error += share[i * n + j] * k.cost[j];
    k.error += error * error / calls;
    k.worst = fmax(k.worst, fabs(error));
  }
  k.error = sqrt(k.error);
  return k;
}
