/* aqlm.c - additive codebooks (AQLM: Egiazarian and others 2024, arXiv:2401.06118): eight weights of a
 * row are the sum of an entry of each of two codebooks, or one of a single large one, which the tensor has
 * for itself, times the row's scale.
 *
 * The codebooks begin as the centres of k-means, the second of what the first leaves.  Then, in turn,
 * each vector of weights gets the entries that are best for the layer's loss e H e^T, all others
 * given (of two books a beam over the first, all of the second), and the codebooks get the entries that are
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
  BOOKS = 2,      /* at most */
  BEAM = 4,       /* entries of the first book that are tried with all of the second */
  SAMPLE = 8192,  /* vectors that k-means looks at, at most */
  MEANS = 12,     /* its steps */
  GRADIENTS = 8,  /* steps of conjugate gradients */
  CHUNK = 32      /* channels at a time */
};

typedef struct Additive {
  Layer *l;
  int64_t per_row, n;          /* vectors of a row, of all rows */
  int64_t k;                   /* columns */
  int books;                   /* of each of which an entry is added */
  int64_t entries;             /* of a book */
  double *h;                   /* [groups][k][k] damped Hessians */
  double *e, *gradient;        /* [channels][k] errors, and e H */
  uint16_t *index;             /* [n][books] */
  int8_t *book;                /* [books][entries][SIZE] */
} Additive;

/* Of the numbers in book m: together 127. */
static double limit_of(const Additive *a, int m) { return a->books == 1 ? 127 : m == 0 ? 90 : 37; }

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
  return a->book + (m * a->entries + i) * SIZE;
}

/* Code j of vector v. */
static int8_t code_of(const Additive *a, int64_t v, int64_t j) {
  int code = 0;
  for (int m = 0; m < a->books; m++) code += entry(a, m, a->index[v * a->books + m])[j];
  return (int8_t)code;
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

static int64_t nearest_centre(const double *centre, int64_t entries, const double *x, int64_t size) {
  double least = INFINITY;
  int64_t best = 0;
  for (int64_t i = 0; i < entries; i++) {
    double sum = 0;
    for (int64_t j = 0; j < size; j++)
      sum += (x[j] - centre[i * SIZE + j]) * (x[j] - centre[i * SIZE + j]);
    if (sum < least) least = sum, best = i;
  }
  return best;
}

static void move_centres(double *centre, int64_t entries, const double *x, const int64_t *own,
                         int64_t n) {
  double *sum = scratch(entries * SIZE, sizeof *sum);
  int64_t *count = scratch(entries, sizeof *count);
  for (int64_t v = 0; v < n; v++) {
    count[own[v]]++;
    for (int j = 0; j < SIZE; j++) sum[own[v] * SIZE + j] += x[v * SIZE + j];
  }
  for (int64_t i = 0; i < entries * SIZE; i++)
    if (count[i / SIZE] > 0) centre[i] = sum[i] / (double)count[i / SIZE];
  free(sum);
  free(count);
}

/* A book for x [n][SIZE], which becomes what the book leaves of it. */
static void find_centres(Additive *a, int m, double *x, int64_t n) {
  int64_t entries = a->entries;
  double *centre = scratch(entries * SIZE, sizeof *centre), limit = limit_of(a, m);
  int64_t *own = scratch(n, sizeof *own);
  for (int64_t i = 0; i < entries; i++)
    memcpy(centre + i * SIZE, x + i * n / entries * SIZE, SIZE * sizeof *x);
  for (int step = 0; step < MEANS; step++) {
#pragma omp parallel for schedule(static)
    for (int64_t v = 0; v < n; v++) own[v] = nearest_centre(centre, entries, x + v * SIZE, SIZE);
    move_centres(centre, entries, x, own, n);
  }
  for (int64_t i = 0; i < entries * SIZE; i++)
    a->book[m * entries * SIZE + i] = (int8_t)rint(fmin(fmax(centre[i], -limit), limit));
  for (int64_t v = 0; v < n; v++)
    for (int j = 0; j < SIZE; j++) x[v * SIZE + j] -= entry(a, m, own[v])[j];
  free(centre);
  free(own);
}

static void read_vector(const Additive *a, int64_t v, double *x) {
  int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
  for (int64_t j = 0; j < SIZE; j++)
    x[j] = j < size ? (double)a->l->w[element + j] / scale_of(a, v) : 0;
}

static void start_books(Additive *a) {
  int64_t most = a->entries * SIZE > SAMPLE ? a->entries * SIZE : SAMPLE;
  int64_t n = a->n < most ? a->n : most, book = a->entries * SIZE;
  double *x = scratch(n * SIZE, sizeof *x), *centre = scratch(a->books * book, sizeof *centre);
  for (int64_t i = 0; i < n; i++) read_vector(a, i * a->n / n, x + i * SIZE);
  for (int m = 0; m < a->books; m++) find_centres(a, m, x, n);
  for (int64_t i = 0; i < a->books * book; i++) centre[i] = a->book[i];
#pragma omp parallel for schedule(static)
  for (int64_t v = 0; v < a->n; v++) {
    double rest[SIZE];
    read_vector(a, v, rest);
    for (int m = 0; m < a->books; m++) {
      int64_t size = vector_at(a->l, element_of(a, v) % a->k);
      int64_t i = nearest_centre(centre + m * book, a->entries, rest, size);
      a->index[v * a->books + m] = (uint16_t)i;
      for (int j = 0; j < SIZE; j++) rest[j] -= entry(a, m, i)[j];
    }
  }
  free(x);
  free(centre);
}

/* ---- the best entries for a vector ----------------------------------------------------------- */

/* A vector's part of H, zeros where a row ends, and b H b of all entries. */
typedef struct Corner {
  double h[SIZE][SIZE];
  double *square;              /* [books][entries] */
  double *score;               /* [books][entries] scratch: what an entry adds to the loss ... */
  double *first;               /* [entries] ... and one of the first book, with the second's as it is */
} Corner;

static void read_corner(const Additive *a, int64_t v, Corner *c) {
  int64_t column = v % a->per_row * SIZE, size = vector_at(a->l, column);
  const double *h = hessian_of(a, v);
  for (int64_t i = 0; i < SIZE; i++)
    for (int64_t j = 0; j < SIZE; j++)
      c->h[i][j] = i < size && j < size ? h[(column + i) * a->k + column + j] : 0;
  for (int64_t i = 0; i < a->books * a->entries; i++) {
    const int8_t *b = a->book + i * SIZE;
    double sum = 0;
    for (int j = 0; j < SIZE; j++)
      for (int k = 0; k < SIZE; k++) sum += b[j] * c->h[j][k] * b[k];
    c->square[i] = sum;
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
static void find_beam(const double *score, int64_t entries, int64_t *beam) {
  int n = 0;
  for (int64_t i = 0; i < entries; i++) {
    if (n == BEAM && !(score[i] < score[beam[BEAM - 1]])) continue;
    int at = n < BEAM ? n++ : BEAM - 1;
    while (at > 0 && score[i] < score[beam[at - 1]]) beam[at] = beam[at - 1], at--;
    beam[at] = i;
  }
}

/* The best pair of entries. */
static void find_pair(const Additive *a, const Corner *c, double s, uint16_t *best) {
  int64_t beam[BEAM], n = a->entries;
  const double *second = c->score + n;
  double cross[SIZE];
  times_corner(c, entry(a, 1, best[1]), 2 * s * s, cross);
  for (int64_t i = 0; i < n; i++) c->first[i] = c->score[i] + dot(entry(a, 0, i), cross);
  double now = c->first[best[0]] + second[best[1]], least = now - 1e-9 * fabs(now);
  find_beam(c->first, n, beam);
  for (int k = 0; k < BEAM; k++) {
    times_corner(c, entry(a, 0, beam[k]), 2 * s * s, cross);
    for (int64_t i = 0; i < n; i++) {
      double sum = c->score[beam[k]] + second[i] + dot(entry(a, 1, i), cross);
      if (sum < least) least = sum, best[0] = (uint16_t)beam[k], best[1] = (uint16_t)i;
    }
  }
}

static void find_single(const Additive *a, const Corner *c, uint16_t *best) {
  double now = c->score[best[0]], least = now - 1e-9 * fabs(now);
  for (int64_t i = 0; i < a->entries; i++)
    if (c->score[i] < least) least = c->score[i], best[0] = (uint16_t)i;
}

/* A sum b of entries adds s^2 b H b - 2 s b t to the loss, up to a constant. */
static void choose_sum(Additive *a, int64_t v, const Corner *c) {
  int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
  double s = scale_of(a, v), t[SIZE] = {0};
  uint16_t *index = a->index + v * a->books, best[BOOKS] = {0};
  int8_t old[SIZE];
  size_t bytes = (size_t)a->books * sizeof *index;
  memcpy(best, index, bytes);
  for (int64_t j = 0; j < size; j++) {
    old[j] = code_of(a, v, j);
    t[j] = a->gradient[element + j];
    for (int64_t k = 0; k < size; k++) t[j] += c->h[j][k] * s * code_of(a, v, k);
  }
  for (int64_t i = 0; i < a->books * a->entries; i++)
    c->score[i] = s * s * c->square[i] - 2 * s * dot(a->book + i * SIZE, t);
  if (a->books == 1) find_single(a, c, best);
  else find_pair(a, c, s, best);
  if (memcmp(best, index, bytes) == 0) return;
  memcpy(index, best, bytes);
  for (int64_t j = 0; j < size; j++) {
    double change = s * (old[j] - code_of(a, v, j));
    cblas_daxpy((int)a->k, change, hessian_of(a, v) + (element % a->k + j) * a->k, 1,
                a->gradient + element / a->k * a->k, 1);
    a->e[element + j] += change;
  }
}

static void choose_sums(Additive *a) {
  int64_t per_group = a->l->channels / a->l->x->groups;
  int64_t chunks = (per_group + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(dynamic)
  for (int64_t i = 0; i < chunks * a->l->x->groups; i++) {
    int64_t group = i / chunks * per_group, from = group + i % chunks * CHUNK;
    int64_t to = group + per_group - from < CHUNK ? group + per_group : from + CHUNK;
    int64_t n = a->books * a->entries;
    Corner c = {.square = scratch(2 * n + a->entries, sizeof *c.square)};
    c.score = c.square + n, c.first = c.score + n;
    for (int64_t k = 0; k < a->per_row; k++) {
      read_corner(a, from * a->per_row + k, &c);
      for (int64_t r = from; r < to; r++) choose_sum(a, r * a->per_row + k, &c);
    }
    free(c.square);
  }
}

/* ---- the best books -------------------------------------------------------------------------- */

static int64_t count_unknowns(const Additive *a) { return a->books * a->entries * SIZE; }

/* sum [unknowns] of s x over the vectors that use an entry. */
static void gather(const Additive *a, const double *x, double *sum) {
  memset(sum, 0, (size_t)count_unknowns(a) * sizeof *sum);
  for (int64_t v = 0; v < a->n; v++) {
    int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
    double s = scale_of(a, v);
    for (int m = 0; m < a->books; m++)
      for (int64_t j = 0; j < size; j++)
        sum[(m * a->entries + a->index[v * a->books + m]) * SIZE + j] += s * x[element + j];
  }
}

/* x [channels][k]: how weights change when entries do. */
static void scatter(const Additive *a, const double *change, double *x) {
  for (int64_t v = 0; v < a->n; v++) {
    int64_t element = element_of(a, v), size = vector_at(a->l, element % a->k);
    double s = scale_of(a, v);
    for (int64_t j = 0; j < size; j++) {
      double sum = 0;
      for (int m = 0; m < a->books; m++)
        sum += change[(m * a->entries + a->index[v * a->books + m]) * SIZE + j];
      x[element + j] = s * sum;
    }
  }
}

/* The change of all entries that makes the loss least. */
static void solve_books(const Additive *a, double *x) {
  int64_t size = a->l->channels * a->k;
  int n = (int)count_unknowns(a);
  double *weights = scratch(2 * size, sizeof *weights), *product = weights + size;
  double *rest = scratch(3 * n, sizeof *rest), *p = rest + n, *q = p + n;
  gather(a, a->gradient, rest);
  memcpy(p, rest, (size_t)n * sizeof *p);
  double square = cblas_ddot(n, rest, 1, rest, 1);
  for (int step = 0; step < GRADIENTS && square > 0; step++) {
    scatter(a, p, weights);
    times_hessian(a, weights, product);
    gather(a, product, q);
    double curvature = cblas_ddot(n, p, 1, q, 1), last = square;
    if (!(curvature > 0)) break;
    cblas_daxpy(n, square / curvature, p, 1, x, 1);
    cblas_daxpy(n, -square / curvature, q, 1, rest, 1);
    square = cblas_ddot(n, rest, 1, rest, 1);
    for (int i = 0; i < n; i++) p[i] = rest[i] + square / last * p[i];
  }
  free(weights);
  free(rest);
}

/* Returns the loss with new books, where they are better, else with the old ones. */
static double improve_books(Additive *a, double loss) {
  int64_t n = count_unknowns(a);
  double *change = scratch(n, sizeof *change);
  int8_t *old = scratch(n, sizeof *old);
  memcpy(old, a->book, (size_t)n);
  solve_books(a, change);
  for (int64_t i = 0; i < n; i++) {
    double most = limit_of(a, (int)(i / (a->entries * SIZE)));
    a->book[i] = (int8_t)rint(fmin(fmax(old[i] + change[i], -most), most));
  }
  free(change);
  double better = start_errors(a);
  if (!(better < loss)) {
    memcpy(a->book, old, (size_t)n);
    better = start_errors(a);
  }
  free(old);
  return better;
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

static int compare_entries(const void *a, const void *b) { return memcmp(a, b, SIZE); }

/* A single book keeps the vectors that are used, in the order in which they are looked for. */
static void drop_unused(const Additive *a) {
  QuantSpec *q = a->l->q;
  bool *used = scratch(a->entries, sizeof *used);
  for (int64_t v = 0; v < a->n; v++) used[a->index[v]] = true;
  int64_t n = 0, kept = 0;
  for (int64_t i = 0; i < a->entries; i++)
    if (used[i]) memmove(a->book + n++ * SIZE, entry(a, 0, i), SIZE);
  qsort(a->book, (size_t)n, SIZE, compare_entries);
  for (int64_t i = 0; i < n; i++)
    if (i == 0 || memcmp(entry(a, 0, i), entry(a, 0, kept - 1), SIZE) != 0)
      memmove(a->book + kept++ * SIZE, entry(a, 0, i), SIZE);
  q->entries = kept;
  free(used);
}

const char *round_aqlm(Layer *l) {
  Additive a = {.l = l, .k = l->row, .per_row = (l->row + SIZE - 1) / SIZE, .book = l->q->book,
                .books = l->q->format->terms};
  a.entries = book_bytes(l->q) / SIZE / a.books;
  a.n = l->channels * a.per_row;
  if (a.n == 0) return NULL;
  prepare_blas();
  a.h = scratch(mul_size(l->x->groups, mul_size(a.k, a.k)), sizeof *a.h);
  a.e = scratch(2 * l->channels * a.k, sizeof *a.e);
  a.gradient = a.e + l->channels * a.k;
  a.index = scratch(a.n * a.books, sizeof *a.index);
  damp_hessians(&a);
  start_books(&a);
  start_errors(&a);
  choose_sums(&a);
  double loss = start_errors(&a);
  for (int64_t i = 0; i < l->choice->sweeps; i++) {
    loss = improve_books(&a, loss);
    choose_sums(&a);
    loss = start_errors(&a);
  }
  for (int64_t v = 0; v < a.n; v++) {
    int64_t element = element_of(&a, v), size = vector_at(l, element % a.k);
    for (int64_t j = 0; j < size; j++) l->codes[element + j] = code_of(&a, v, j);
  }
  if (a.books == 1) drop_unused(&a);
  free(a.h);
  free(a.e);
  free(a.index);
  return NULL;
}
