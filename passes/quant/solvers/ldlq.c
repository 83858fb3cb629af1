/* ldlq.c - the rounding of QuIP (Chee and others 2023, arXiv:2307.13304; Tseng and others 2024,
 * arXiv:2402.04396): GPTQ's feedback from the last column to the first.  Then, `sweeps` times, every
 * vector of weights (or weight, where each has a code) is rounded anew, given all others as they are:
 * with errors e the best that a vector v can be, if it were real, is q_v + (e H)_v / H_vv.  The codes
 * nearest to that replace the old ones where the loss e H e^T becomes less. */
#include <cblas.h>
#include <lapack.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/quant/solvers.h"

enum { CHUNK = 32 }; /* channels at a time, which use one part of H after another together */

/* One vector of the row, and the factor L L^T of its part of H. */
typedef struct Corner {
  int64_t column, n;
  double l[MAX_VECTOR * MAX_VECTOR]; /* [n][n] the upper triangle by columns */
  bool positive;
} Corner;

/* Output channels that have the same inputs. */
typedef struct Part {
  Layer *l;
  int64_t first, n;  /* channels */
  double *h;         /* [row][row] damped Hessian */
  int64_t n_corner;
  Corner *corner;    /* [n_corner] last vector of the row first */
  double *gradient;  /* [n][row] e H */
} Part;

static void damp_hessian(Part *p, const double *h) {
  int64_t n = p->l->row;
  double mean = 0;
  for (int64_t i = 0; i < n; i++) mean += h[i * n + i] / (double)n;
  memcpy(p->h, h, (size_t)(n * n) * sizeof *h);
  for (int64_t i = 0; i < n; i++) p->h[i * n + i] += p->l->choice->damp * mean;
}

static double error_of(const Layer *l, int64_t element) {
  double scale = (double)l->q->scale[scale_index(l->t, l->q, element)];
  return (double)l->w[element] - scale * (double)l->codes[element];
}

static void start_gradient(Part *p) {
  int64_t row = p->l->row, n = p->n * row;
  double *e = scratch(n, sizeof *e);
  for (int64_t i = 0; i < n; i++) e[i] = error_of(p->l, p->first * row + i);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p->n, (int)row, (int)row, 1, e,
              (int)row, p->h, (int)row, 0, p->gradient, (int)row);
  free(e);
}

static void factor_corners(Part *p) {
  int64_t row = p->l->row, size = p->l->q->format->vector;
  for (int64_t k = 0; k < p->n_corner; k++) {
    Corner *c = &p->corner[k];
    c->column = (p->n_corner - 1 - k) * size;
    c->n = vector_at(p->l, c->column);
    for (int64_t i = 0; i < c->n; i++)
      for (int64_t j = 0; j < c->n; j++)
        c->l[i * c->n + j] = p->h[(c->column + i) * row + c->column + j];
    lapack_int n = (lapack_int)c->n, info;
    LAPACK_dpotrf("U", &n, c->l, &n, &info);
    c->positive = info == 0;
  }
}

/* Rounds the vector of one channel anew; returns whether that was for the better. */
static bool improve(Part *p, int64_t i, const Corner *c) {
  Layer *l = p->l;
  int64_t element = (p->first + i) * l->row + c->column;
  double scale = (double)l->q->scale[scale_index(l->t, l->q, element)], t[MAX_VECTOR], d[MAX_VECTOR];
  double *gradient = p->gradient + i * l->row, change = 0;
  int8_t *old = l->codes + element, codes[MAX_VECTOR];
  lapack_int size = (lapack_int)c->n, one = 1, info;
  memcpy(t, gradient + c->column, (size_t)c->n * sizeof *t);
  LAPACK_dpotrs("U", &size, &one, c->l, &size, t, &size, &info);
  for (int64_t j = 0; j < c->n; j++) t[j] += scale * (double)old[j];
  nearest_levels(l, element, t, c->n, (float)scale, codes);
  if (memcmp(codes, old, (size_t)c->n) == 0) return false;
  for (int64_t j = 0; j < c->n; j++) d[j] = scale * ((double)old[j] - (double)codes[j]);
  for (int64_t j = 0; j < c->n; j++) {
    const double *h = p->h + (c->column + j) * l->row + c->column;
    change += 2 * d[j] * gradient[c->column + j];
    for (int64_t k = 0; k < c->n; k++) change += d[j] * d[k] * h[k];
  }
  if (!(change < 0)) return false;
  memcpy(old, codes, (size_t)c->n);
  for (int64_t j = 0; j < c->n; j++)
    cblas_daxpy((int)l->row, d[j], p->h + (c->column + j) * l->row, 1, gradient, 1);
  return true;
}

static void sweep_chunk(Part *p, int64_t from) {
  int64_t to = p->n - from < CHUNK ? p->n : from + CHUNK;
  bool better = true;
  for (int64_t sweep = 0; sweep < p->l->choice->sweeps && better; sweep++) {
    better = false;
    for (int64_t k = 0; k < p->n_corner; k++)
      for (int64_t i = from; i < to && p->corner[k].positive; i++)
        better |= improve(p, i, &p->corner[k]);
  }
}

const char *round_ldlq(Layer *l) {
  const char *note = round_groups(l, NULL, ORDER_BACKWARDS);
  int64_t n = l->channels / l->x->groups, row = l->row, size = l->q->format->vector;
  Part p = {.l = l, .n = n, .n_corner = (row + size - 1) / size};
  if (row == 0 || l->choice->sweeps == 0) return note;
  prepare_blas();
  p.h = scratch(mul_size(row, row), sizeof *p.h);
  p.corner = scratch(p.n_corner, sizeof *p.corner);
  p.gradient = scratch(mul_size(n, row), sizeof *p.gradient);
  for (int64_t g = 0; g < l->x->groups; g++) {
    p.first = g * n;
    damp_hessian(&p, l->x->hessian + g * row * row);
    factor_corners(&p);
    start_gradient(&p);
#pragma omp parallel for schedule(dynamic)
    for (int64_t from = 0; from < n; from += CHUNK) sweep_chunk(&p, from);
  }
  free(p.h);
  free(p.corner);
  free(p.gradient);
  return note;
}
