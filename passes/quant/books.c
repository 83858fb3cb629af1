/* books.c - codebooks of few levels, by exact one-dimensional clustering.
 *
 * Levels are integers of the int8 grid times the scale, so the search is over these from the start:
 * which of the 255 values, `count` of them, make the weighted squared distance of the points to the
 * nearest one least?  That is k-means with centres on the grid, and nothing is lost by rounding them
 * afterwards.  D_q(j), the least cost of all points below level j with q levels of which j is the
 * highest, follows from D_q-1 by
 *
 *   D_q(j) = min over i < j of D_q-1(i) + cost of the points between i and j
 *
 * A point between two levels goes to the nearer one, whose border is a multiple of half a grid step:
 * sums over cells of that width give every cost in three subtractions.  The best i does not fall as j
 * grows (between neighbouring levels the cost is a Monge array), so that the rows are filled by
 * divide and conquer (Groenlund et al. 2017, arXiv:1701.07204, do it with free centres). */
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/solvers.h"

enum { LEAST = -127, GRID = 255, CELLS = 2 * GRID - 2 };

/* Of the points below a border: sums of weights, of weights times x, times x squared. */
typedef struct Sums {
  double w, wx, wxx;
} Sums;

typedef struct Search {
  Sums below[CELLS + 1];     /* border h is at LEAST + h / 2; points outside are in the end cells */
  double cost[2][GRID];      /* D of the level before and of this one */
  uint8_t *from;             /* [GRID] for this level: the i of each j */
} Search;

/* The points of cells [from, to) against grid value i. */
static double cost_of(const Search *s, int from, int to, int i) {
  const Sums *a = &s->below[from], *b = &s->below[to];
  double v = LEAST + i, cost = b->wxx - a->wxx - 2 * v * (b->wx - a->wx) + v * v * (b->w - a->w);
  return cost > 0 ? cost : 0;
}

/* Cells between grid values i and j, those nearer to i first. */
static double cost_between(const Search *s, int i, int j) {
  return cost_of(s, 2 * i, i + j, i) + cost_of(s, i + j, 2 * j, j);
}

/* Rows [lo, hi] of level q, whose best predecessors are in [first, last]. */
static void fill(Search *s, int q, int lo, int hi, int first, int last) {
  if (lo > hi) return;
  int j = (lo + hi) / 2, best = first;
  double least = INFINITY;
  for (int i = first; i <= last && i < j; i++) {
    double cost = s->cost[(q - 1) % 2][i] + cost_between(s, i, j);
    if (cost < least) least = cost, best = i;
  }
  s->cost[q % 2][j] = least;
  s->from[q * GRID + j] = (uint8_t)best;
  fill(s, q, lo, j - 1, first, best);
  fill(s, q, j + 1, hi, best, last);
}

static void add_points(Search *s, const double *x, const double *weight, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    double at = fmin(fmax(floor((x[i] - LEAST) * 2), 0), CELLS - 1);
    Sums *cell = &s->below[(int)at + 1];
    cell->w += weight[i], cell->wx += weight[i] * x[i], cell->wxx += weight[i] * x[i] * x[i];
  }
}

double choose_levels(const double *x, const double *weight, int64_t n, int count, int8_t *levels) {
  Search *s = scratch(1, sizeof *s);
  s->from = scratch((int64_t)count * GRID, sizeof *s->from);
  for (int h = 0; h <= CELLS; h++) s->below[h] = (Sums){0, 0, 0};
  add_points(s, x, weight, n);
  for (int h = 1; h <= CELLS; h++) {
    s->below[h].w += s->below[h - 1].w;
    s->below[h].wx += s->below[h - 1].wx;
    s->below[h].wxx += s->below[h - 1].wxx;
  }
  for (int j = 0; j < GRID; j++) s->cost[0][j] = cost_of(s, 0, 2 * j, j);
  for (int q = 1; q < count; q++) fill(s, q, q, GRID - 1, q - 1, GRID - 2);
  double least = INFINITY;
  int best = GRID - 1;
  for (int j = count - 1; j < GRID; j++) {
    double cost = s->cost[(count - 1) % 2][j] + cost_of(s, 2 * j, CELLS, j);
    if (cost < least) least = cost, best = j;
  }
  for (int q = count - 1, j = best; q >= 0; j = s->from[q * GRID + j], q--)
    levels[q] = (int8_t)(LEAST + j);
  free(s->from);
  free(s);
  return least;
}

/* The codebook of channels [first, first + n): weights in grid steps of their own scales, and what an
 * error of one step costs. */
static void fit_book(const Layer *l, int64_t first, int64_t n, int8_t *book) {
  int64_t count = n * l->row, from = first * l->row;
  double *x = scratch(2 * count, sizeof *x), *weight = x + count;
  for (int64_t i = 0; i < count; i++) {
    double scale = (double)l->q->scale[scale_index(l->t, l->q, from + i)];
    double importance = l->importance != NULL ? (double)*importance_from(l, from + i) : 1;
    x[i] = (double)l->w[from + i] / scale;
    weight[i] = importance * scale * scale;
  }
  choose_levels(x, weight, count, l->q->format->book_size, book);
  free(x);
}

/* As many vectors as cost one bit for each weight. */
static int64_t count_entries(const Layer *l) {
  int64_t size = l->q->format->vector, most = l->q->format->book_size / size;
  int64_t vectors = l->channels * ((l->row + size - 1) / size), entries = vectors / size;
  return entries < 1 ? 1 : entries > most ? most : entries;
}

void fit_books(Graph *g, Layer *l) {
  QuantSpec *q = l->q;
  if (q->format->book_size == 0) return;
  q->n_book = l->choice->own_books ? l->channels : 1;
  if (q->format->terms == 1) q->entries = count_entries(l);
  int64_t size = book_bytes(q);
  q->book = arena_alloc(g->arena, q->n_book * size);
  if (has_sums(q->format)) return; /* the solver makes it */
  int64_t channels = l->channels / q->n_book;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < q->n_book; i++) fit_book(l, i * channels, channels, q->book + i * size);
}
