/* correct.c - what rounding has taken from the weights of a layer, as far as few products make up for it,
 * beside it: y = w' x + b (a x), w' the decoded weights.  (Low-rank correction; the form that looks at
 * inputs is that of Saha and others 2024, arXiv:2405.18886.)
 *
 * By weights, b a is the nearest to w - w' of its rank: the largest terms of its singular value decomposition.
 * By outputs, it is what leaves least of (w - w') x on the samples.  With the Hessian H = L L^T these are the
 * largest terms of (w - w') L = U S V^T, and a = sqrt(S) V^T L^-1, b = U sqrt(S). */
#include <cblas.h>
#include <lapack.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/quant/correct.h"

/* Terms below this share of the largest are rounding of the decomposition itself. */
static const double least_term = 1e-9;
/* What is added to the diagonal of a Hessian, in shares of its mean, until it can be factored. */
static const double first_damp = 1e-4, most_damp = 1;

/* L [n][n], lower, of h and some damping; false when there is none. */
static bool factor_lower(const double *h, int64_t n, double *l) {
  lapack_int size = (lapack_int)n, info = 1;
  double mean = 0;
  for (int64_t i = 0; i < n; i++) mean += h[i * n + i] / (double)n;
  for (double damp = first_damp; info != 0 && damp <= most_damp; damp *= 10) {
    memcpy(l, h, (size_t)(n * n) * sizeof *l);
    for (int64_t i = 0; i < n; i++) l[i * n + i] += damp * mean;
    LAPACK_dpotrf("U", &size, l, &size, &info); /* its upper triangle by columns is ours by rows */
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = i + 1; k < n; k++) l[i * n + k] = 0;
  return info == 0;
}

/* e [m][n] = u s vt, u [m][terms], vt [terms][n], s falling; false where that fails.  e is destroyed. */
static bool decompose(double *e, int64_t m, int64_t n, double *u, double *s, double *vt) {
  lapack_int rows = (lapack_int)n, cols = (lapack_int)m, terms = rows < cols ? rows : cols, info;
  lapack_int ask = -1, *whole = scratch(8 * terms, sizeof *whole);
  double size;
  /* LAPACK sees the transposed matrices, so that u and vt change places. */
  LAPACK_dgesdd("S", &rows, &cols, e, &rows, s, vt, &rows, u, &terms, &size, &ask, whole, &info);
  lapack_int n_work = (lapack_int)size;
  double *work = scratch(n_work, sizeof *work);
  LAPACK_dgesdd("S", &rows, &cols, e, &rows, s, vt, &rows, u, &terms, work, &n_work, whole, &info);
  free(work);
  free(whole);
  return info == 0;
}

/* 1 or -1: the sign with which the largest element of column i of u [m][terms] is positive. */
static double sign_of(const double *u, int64_t m, int64_t terms, int64_t i) {
  double largest = 0;
  for (int64_t o = 0; o < m; o++)
    if (fabs(u[o * terms + i]) > fabs(largest) * (1 + least_term)) largest = u[o * terms + i];
  return largest < 0 ? -1 : 1;
}

/* The first terms of u s vt as p; l: what was multiplied from the right, or NULL. */
static void take_terms(const double *u, const double *s, double *vt, const double *l, int64_t terms,
                       LowRankPair *p) {
  for (int64_t i = 0; i < p->rank; i++) {
    double root = sqrt(s[i]) * sign_of(u, p->outputs, terms, i);
    for (int64_t o = 0; o < p->outputs; o++) p->b[o * p->rank + i] = (float)(root * u[o * terms + i]);
    for (int64_t k = 0; k < p->row; k++) vt[i * p->row + k] *= root;
  }
  if (l != NULL)
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, (int)p->rank,
                (int)p->row, 1, l, (int)p->row, vt, (int)p->row);
  for (int64_t i = 0; i < p->rank * p->row; i++) p->a[i] = (float)vt[i];
}

LowRankPair nearest_low_rank(Arena *arena, const float *w, const float *now, int64_t m, int64_t n,
                             const double *hessian, int64_t rank) {
  int64_t terms = m < n ? m : n;
  double *e = scratch(m * n, sizeof *e), *l = NULL;
  double *u = scratch(m * terms, sizeof *u), *s = scratch(terms, sizeof *s);
  double *vt = scratch(terms * n, sizeof *vt);
  for (int64_t i = 0; i < m * n; i++) e[i] = (double)w[i] - (double)now[i];
  if (hessian != NULL) {
    l = scratch(n * n, sizeof *l);
    if (!factor_lower(hessian, n, l)) free(l), l = NULL;
  }
  if (l != NULL)
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, (int)m, (int)n, 1, l,
                (int)n, e, (int)n);
  LowRankPair p = {.outputs = m, .row = n};
  if (decompose(e, m, n, u, s, vt))
    while (p.rank < rank && p.rank < terms && s[p.rank] > least_term * s[0]) p.rank++;
  p.a = arena_alloc(arena, (p.rank * n + 1) * (int64_t)sizeof *p.a);
  p.b = arena_alloc(arena, (p.rank * m + 1) * (int64_t)sizeof *p.b);
  take_terms(u, s, vt, l, terms, &p);
  free(e), free(l), free(u), free(s), free(vt);
  return p;
}

LowRankPair correct_weights(Graph *g, Node *n, Tensor *x, const Node *decoder, const WeightChoice *c,
                            const Moments *moments) {
  const Tensor *w = n->in[1];
  int64_t m = w->dim[0], row = n_elements(w) / m;
  float *now = scratch(m * row, sizeof *now);
  eval_constants(decoder, (void *const[]){now});
  const double *h = moments != NULL && !c->by_weights ? moments->hessian : NULL;
  LowRankPair p = nearest_low_rank(g->arena, w->data, now, m, row, h, c->correct);
  free(now);
  if (p.rank == 0) return p;
  Tensor *y = add_low_rank(g, node_index(g, n) + 1, n, x, &p, arena_printf(g->arena, "%s.low", n->name));
  add_to_output(g, n, y, arena_printf(g->arena, "%s_base", n->out[0]->name),
                arena_printf(g->arena, "%s.corrected", n->name));
  return p;
}
