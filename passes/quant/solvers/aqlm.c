/* aqlm.c - additive codebooks (AQLM: Egiazarian and others 2024, arXiv:2401.06118): eight weights of a
 * row are the sum of an entry of each of two codebooks, which the tensor has for itself, times the row's
 * scale.
 *
 * The codebooks begin as the centres of k-means, the second of what the first leaves.  Then, in turn,
 * each vector of weights gets the pair of entries that is best for the layer's loss e H e^T, all others
 * given (a beam over the first book, all of the second), and the codebooks get the entries that are
 * best for all vectors, by least squares: conjugate gradients, of which each step needs one product with
 * H.  Entries are bytes throughout, of limited size so that sums are bytes, too; codebooks that are not
 * better once they are rounded are not taken, so that the loss never grows. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/quant/solvers.h"

enum {
  SIZE = 8,       /* weights of a vector */
  ENTRIES = 256,  /* of a book */
  BOOKS = 2,
  BEAM = 4,       /* entries of the first book that are tried with all of the second */
  SAMPLE = 8192,  /* vectors that k-means looks at, at most */
  MEANS = 12,     /* its steps */
  GRADIENTS = 8,  /* steps of conjugate gradients */
  CHUNK = 32      /* channels at a time */
};

static const double limit[BOOKS] = {90, 37}; /* of entries: together 127 */

typedef struct Additive {
  Layer *l;
  int64_t per_row, n;          /* vectors of a row, of all rows */
  int64_t k;                   /* columns */
  double *h;                   /* [groups][k][k] damped Hessians */
  double *e, *gradient;        /* [channels][k] errors, and e H */
  uint8_t *index;              /* [n][BOOKS] */
  int8_t *book;                /* [BOOKS][ENTRIES][SIZE] */
} Additive;

/* ---- vectors --------------------------------------------------------------------------------- */

static int64_t element_of(const Additive *a, int64_t v) {
  return v / a->per_row * a->k + v % a->per_row * SIZE;
}

static double scale_of(const Additive *a, int64_t v) {
  const Layer *l = a->l;
  return (double)l->q->scale[scale_index(l->t, l->q, element_of(a, v))];
}

static const double *hessian_of(const Additive *a, int64_t v) {
  int64_t per_group = a->l->channels / a->l->x->groups;
  return a->h + v / a->per_row / per_group * a->k * a->k;
}

static const int8_t *entry(const Additive *a, int m, int64_t i) {
  return a->book + (m * ENTRIES + i) * SIZE;
}

/* Code j of vector v. */
static int8_t code_of(const Additive *a, int64_t v, int64_t j) {
  const uint8_t *i = a->index + v * BOOKS;
  return (int8_t)(entry(a, 0, i[0])[j] + entry(a, 1, i[1])[j]);
}

/* y [channels][k] = x times each channel's H. */
static void times_hessian(const Additive *a, const double *x, double *y) {
  int64_t per_group = a->l->channels / a->l->x->groups;
  for (int64_t g = 0; g < a->l->x->groups; g++)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)per_group, (int)a->k, (int)a->k, 1,
                x + g * per_group * a->k, (int)a->k, a->h + g * a->k * a->k, (int)a->k, 0,
                y + g * per_group * a->k, (int)a->k);
}

/* Errors and their gradient from the codes; returns the loss. */
static double start_errors(Additive *a) {
  double loss = 0;
  for (int64_t v = 0; v < a->n; v++) {
    int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
    for (int64_t j = 0; j < size; j++)
      a->e[element + j] = (double)a->l->w[element + j] - scale_of(a, v) * code_of(a, v, j);
  }
  times_hessian(a, a->e, a->gradient);
  for (int64_t i = 0; i < a->l->channels * a->k; i++) loss += a->e[i] * a->gradient[i];
  return loss;
}

/* ---- k-means --------------------------------------------------------------------------------- */

static int nearest_centre(const double *centre, const double *x, int64_t size) {
  double least = INFINITY;
  int best = 0;
  for (int i = 0; i < ENTRIES; i++) {
    double sum = 0;
    for (int64_t j = 0; j < size; j++)
      sum += (x[j] - centre[i * SIZE + j]) * (x[j] - centre[i * SIZE + j]);
    if (sum < least) least = sum, best = i;
  }
  return best;
}

static void move_centres(double *centre, const double *x, const int *own, int64_t n) {
  double sum[ENTRIES * SIZE] = {0};
  int64_t count[ENTRIES] = {0};
  for (int64_t v = 0; v < n; v++) {
    count[own[v]]++;
    for (int j = 0; j < SIZE; j++) sum[own[v] * SIZE + j] += x[v * SIZE + j];
  }
  for (int i = 0; i < ENTRIES * SIZE; i++)
    if (count[i / SIZE] > 0) centre[i] = sum[i] / (double)count[i / SIZE];
}

/* A book for x [n][SIZE], which becomes what the book leaves of it. */
static void find_centres(Additive *a, int m, double *x, int64_t n) {
  double centre[ENTRIES * SIZE];
  int *own = scratch(n, sizeof *own);
  for (int i = 0; i < ENTRIES; i++)
    memcpy(centre + i * SIZE, x + i * n / ENTRIES * SIZE, SIZE * sizeof *x);
  for (int step = 0; step < MEANS; step++) {
#pragma omp parallel for schedule(static)
    for (int64_t v = 0; v < n; v++) own[v] = nearest_centre(centre, x + v * SIZE, SIZE);
    move_centres(centre, x, own, n);
  }
  for (int i = 0; i < ENTRIES * SIZE; i++)
    a->book[m * ENTRIES * SIZE + i] = (int8_t)rint(fmin(fmax(centre[i], -limit[m]), limit[m]));
  for (int64_t v = 0; v < n; v++)
    for (int j = 0; j < SIZE; j++) x[v * SIZE + j] -= entry(a, m, own[v])[j];
  free(own);
}

static void read_vector(const Additive *a, int64_t v, double *x) {
  int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
  for (int64_t j = 0; j < SIZE; j++)
    x[j] = j < size ? (double)a->l->w[element + j] / scale_of(a, v) : 0;
}

static void start_books(Additive *a) {
  int64_t n = a->n < SAMPLE ? a->n : SAMPLE;
  double *x = scratch(n * SIZE, sizeof *x), centre[BOOKS * ENTRIES * SIZE];
  for (int64_t i = 0; i < n; i++) read_vector(a, i * a->n / n, x + i * SIZE);
  for (int m = 0; m < BOOKS; m++) find_centres(a, m, x, n);
  for (int i = 0; i < BOOKS * ENTRIES * SIZE; i++) centre[i] = a->book[i];
#pragma omp parallel for schedule(static)
  for (int64_t v = 0; v < a->n; v++) {
    double rest[SIZE];
    read_vector(a, v, rest);
    for (int m = 0; m < BOOKS; m++) {
      int i = nearest_centre(centre + m * ENTRIES * SIZE, rest, vector_at(a->l, element_of(a, v) % a->k));
      a->index[v * BOOKS + m] = (uint8_t)i;
      for (int j = 0; j < SIZE; j++) rest[j] -= entry(a, m, i)[j];
    }
  }
  free(x);
}

/* ---- the best pair for a vector -------------------------------------------------------------- */

/* A vector's part of H, zeros where a row ends, and b H b of all entries. */
typedef struct Corner {
  double h[SIZE][SIZE];
  double square[BOOKS][ENTRIES];
} Corner;

static void read_corner(const Additive *a, int64_t v, Corner *c) {
  int64_t column = v % a->per_row * SIZE, size = vector_at(a->l, column);
  const double *h = hessian_of(a, v);
  for (int64_t i = 0; i < SIZE; i++)
    for (int64_t j = 0; j < SIZE; j++)
      c->h[i][j] = i < size && j < size ? h[(column + i) * a->k + column + j] : 0;
  for (int64_t i = 0; i < BOOKS * ENTRIES; i++) {
    const int8_t *b = a->book + i * SIZE;
    double sum = 0;
    for (int j = 0; j < SIZE; j++)
      for (int k = 0; k < SIZE; k++) sum += b[j] * c->h[j][k] * b[k];
    c->square[i / ENTRIES][i % ENTRIES] = sum;
  }
}

static double dot(const int8_t *b, const double *x) {
  double sum = 0;
  for (int j = 0; j < SIZE; j++) sum += b[j] * x[j];
  return sum;
}

static void times_corner(const Corner *c, const int8_t *b, double factor, double *y) {
  for (int j = 0; j < SIZE; j++) y[j] = factor * dot(b, c->h[j]);
}

/* The entries of the first book with the least score, best first. */
static void find_beam(const double *score, int *beam) {
  int n = 0;
  for (int i = 0; i < ENTRIES; i++) {
    if (n == BEAM && !(score[i] < score[beam[BEAM - 1]])) continue;
    int at = n < BEAM ? n++ : BEAM - 1;
    while (at > 0 && score[i] < score[beam[at - 1]]) beam[at] = beam[at - 1], at--;
    beam[at] = i;
  }
}

/* A pair a, b adds s^2 (a + b) H (a + b) - 2 s (a + b) t to the loss, up to a constant. */
static void choose_pair(Additive *a, int64_t v, const Corner *c) {
  int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
  double s = scale_of(a, v), t[SIZE] = {0}, score[BOOKS][ENTRIES], first[ENTRIES], cross[SIZE];
  uint8_t *index = a->index + v * BOOKS, best[BOOKS] = {index[0], index[1]};
  for (int64_t j = 0; j < size; j++) {
    t[j] = a->gradient[element + j];
    for (int64_t k = 0; k < size; k++) t[j] += c->h[j][k] * s * code_of(a, v, k);
  }
  for (int m = 0; m < BOOKS; m++)
    for (int i = 0; i < ENTRIES; i++)
      score[m][i] = s * s * c->square[m][i] - 2 * s * dot(entry(a, m, i), t);
  times_corner(c, entry(a, 1, index[1]), 2 * s * s, cross);
  for (int i = 0; i < ENTRIES; i++) first[i] = score[0][i] + dot(entry(a, 0, i), cross);
  int beam[BEAM];
  double now = first[index[0]] + score[1][index[1]], least = now - 1e-9 * fabs(now);
  find_beam(first, beam);
  for (int k = 0; k < BEAM; k++) {
    times_corner(c, entry(a, 0, beam[k]), 2 * s * s, cross);
    for (int i = 0; i < ENTRIES; i++) {
      double sum = score[0][beam[k]] + score[1][i] + dot(entry(a, 1, i), cross);
      if (sum < least) least = sum, best[0] = (uint8_t)beam[k], best[1] = (uint8_t)i;
    }
  }
  if (best[0] == index[0] && best[1] == index[1]) return;
  for (int64_t j = 0; j < size; j++) {
    int code = entry(a, 0, best[0])[j] + entry(a, 1, best[1])[j];
    double change = s * (code_of(a, v, j) - code);
    cblas_daxpy((int)a->k, change, hessian_of(a, v) + (element % a->k + j) * a->k, 1,
                a->gradient + element / a->k * a->k, 1);
    a->e[element + j] += change;
  }
  memcpy(index, best, sizeof best);
}

static void choose_pairs(Additive *a) {
  int64_t per_group = a->l->channels / a->l->x->groups;
  int64_t chunks = (per_group + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(dynamic)
  for (int64_t i = 0; i < chunks * a->l->x->groups; i++) {
    int64_t group = i / chunks * per_group, from = group + i % chunks * CHUNK;
    int64_t to = group + per_group - from < CHUNK ? group + per_group : from + CHUNK;
    Corner c;
    for (int64_t k = 0; k < a->per_row; k++) {
      read_corner(a, from * a->per_row + k, &c);
      for (int64_t r = from; r < to; r++) choose_pair(a, r * a->per_row + k, &c);
    }
  }
}

/* ---- the best books -------------------------------------------------------------------------- */

enum { UNKNOWNS = BOOKS * ENTRIES * SIZE };

/* sum [UNKNOWNS] of s x over the vectors that use an entry. */
static void gather(const Additive *a, const double *x, double *sum) {
  memset(sum, 0, UNKNOWNS * sizeof *sum);
  for (int64_t v = 0; v < a->n; v++) {
    int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
    double s = scale_of(a, v);
    for (int m = 0; m < BOOKS; m++)
      for (int64_t j = 0; j < size; j++)
        sum[(m * ENTRIES + a->index[v * BOOKS + m]) * SIZE + j] += s * x[element + j];
  }
}

/* x [channels][k]: how weights change when entries do. */
static void scatter(const Additive *a, const double *change, double *x) {
  for (int64_t v = 0; v < a->n; v++) {
    int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
    double s = scale_of(a, v);
    const uint8_t *i = a->index + v * BOOKS;
    for (int64_t j = 0; j < size; j++)
      x[element + j] = s * (change[i[0] * SIZE + j] + change[(ENTRIES + i[1]) * SIZE + j]);
  }
}

static double dot_all(const double *x, const double *y) {
  return cblas_ddot(UNKNOWNS, x, 1, y, 1);
}

/* The change of all entries that makes the loss least. */
static void solve_books(const Additive *a, double *x) {
  int64_t size = a->l->channels * a->k;
  double *weights = scratch(2 * size, sizeof *weights), *product = weights + size;
  double *rest = scratch(3 * UNKNOWNS, sizeof *rest), *p = rest + UNKNOWNS, *q = p + UNKNOWNS;
  gather(a, a->gradient, rest);
  memcpy(p, rest, UNKNOWNS * sizeof *p);
  double square = dot_all(rest, rest);
  for (int step = 0; step < GRADIENTS && square > 0; step++) {
    scatter(a, p, weights);
    times_hessian(a, weights, product);
    gather(a, product, q);
    double curvature = dot_all(p, q), last = square;
    if (!(curvature > 0)) break;
    cblas_daxpy(UNKNOWNS, square / curvature, p, 1, x, 1);
    cblas_daxpy(UNKNOWNS, -square / curvature, q, 1, rest, 1);
    square = dot_all(rest, rest);
    for (int i = 0; i < UNKNOWNS; i++) p[i] = rest[i] + square / last * p[i];
  }
  free(weights);
  free(rest);
}

/* Returns the loss with new books, where they are better, else with the old ones. */
static double improve_books(Additive *a, double loss) {
  double *change = scratch(UNKNOWNS, sizeof *change);
  int8_t old[UNKNOWNS];
  memcpy(old, a->book, sizeof old);
  solve_books(a, change);
  for (int i = 0; i < UNKNOWNS; i++) {
    double most = limit[i / (ENTRIES * SIZE)];
    a->book[i] = (int8_t)rint(fmin(fmax(old[i] + change[i], -most), most));
  }
  free(change);
  double better = start_errors(a);
  if (better < loss) return better;
  memcpy(a->book, old, sizeof old);
  return start_errors(a);
}

/* Rows are as large as suits the books, whatever their largest weight. */
float fit_typical(const float *w, const float *importance, int64_t n, const Format *f) {
  (void)importance;
  return typical_scale(w, n, f);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void damp_hessians(Additive *a) {
  const Moments *x = a->l->x;
  int64_t k = a->k;
  memcpy(a->h, x->hessian, (size_t)(x->groups * k * k) * sizeof *a->h);
  for (int64_t g = 0; g < x->groups; g++) {
    double mean = 0, *h = a->h + g * k * k;
    for (int64_t i = 0; i < k; i++) mean += h[i * k + i] / (double)k;
    for (int64_t i = 0; i < k; i++) h[i * k + i] += a->l->choice->damp * mean;
  }
}

const char *round_aqlm(Layer *l) {
  Additive a = {.l = l, .k = l->row, .per_row = (l->row + SIZE - 1) / SIZE, .book = l->q->book};
  a.n = l->channels * a.per_row;
  if (a.n == 0) return NULL;
  prepare_blas();
  a.h = scratch(mul_size(l->x->groups, mul_size(a.k, a.k)), sizeof *a.h);
  a.e = scratch(2 * l->channels * a.k, sizeof *a.e);
  a.gradient = a.e + l->channels * a.k;
  a.index = scratch(a.n, BOOKS);
  damp_hessians(&a);
  start_books(&a);
  start_errors(&a);
  choose_pairs(&a);
  double loss = start_errors(&a);
  for (int64_t i = 0; i < l->choice->sweeps; i++) {
    loss = improve_books(&a, loss);
    choose_pairs(&a);
    loss = start_errors(&a);
  }
  for (int64_t v = 0; v < a.n; v++) {
    int64_t element = element_of(&a, v), size = vector_at(l, element % a.k);
    for (int64_t j = 0; j < size; j++) l->codes[element + j] = code_of(&a, v, j);
  }
  free(a.h);
  free(a.e);
  free(a.index);
  return NULL;
}
