/* fronts.c - dynamic programming over what a budget is spent on: for every group and those behind
 * it, the selections that no other beats in both cost and take.
 *
 * The front of a group and those behind it: the front behind, moved by every candidate of the group,
 * sorted, and swept of points that others beat (Nemhauser and Ullmann 1969).  It is exact for any
 * real numbers; there is no grid. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "driver/search/knapsack.h"

enum { MAX_POINTS = 1 << 16 };

typedef struct Point {
  double take, cost;
} Point;

static int by_take(const void *a, const void *b) {
  const Point *x = a, *y = b;
  if (x->take != y->take) return x->take < y->take ? -1 : 1;
  return (x->cost > y->cost) - (x->cost < y->cost);
}

/* Keeps the points that cost less than all that take less; returns how many. */
static int64_t sweep(Point *p, int64_t n) {
  int64_t kept = 0;
  qsort(p, (size_t)n, sizeof *p, by_take);
  for (int64_t i = 0; i < n; i++)
    if (kept == 0 || p[i].cost < p[kept - 1].cost) p[kept++] = p[i];
  return kept;
}

/* Pairs of neighbours become one point that takes and costs as little as either. */
static int64_t halve(Point *p, int64_t n) {
  for (int64_t i = 0; i < n; i += 2) p[i / 2] = (Point){p[i].take, p[i + 1 < n ? i + 1 : i].cost};
  return (n + 1) / 2;
}

/* The front of group g and those behind, whose front is `rest`. */
static Front add_group(Arena *a, const Knapsack *k, int budget, int g, const Front *rest) {
  int64_t n = 0;
  Point *p = malloc((size_t)rest->n * (size_t)k->n_candidate * sizeof *p + 1);
  if (!p) error("out of memory");
  for (int c = 0; c < k->n_candidate; c++)
    for (int i = 0; i < rest->n; i++) {
      int at = g * k->n_candidate + c;
      Point q = {rest->take[i] + k->take[budget][at], rest->cost[i] + k->cost[at]};
      if (q.take <= k->limit[budget] * (1 + 1e-9)) p[n++] = q;
    }
  n = sweep(p, n);
  while (n > MAX_POINTS) n = halve(p, n);
  Front f = {.n = (int)n};
  f.take = arena_alloc(a, (n + 1) * (int64_t)sizeof *f.take);
  f.cost = arena_alloc(a, (n + 1) * (int64_t)sizeof *f.cost);
  for (int64_t i = 0; i < n; i++) f.take[i] = p[i].take, f.cost[i] = p[i].cost;
  free(p);
  return f;
}

Front *find_fronts(Arena *a, const Knapsack *k, int budget) {
  Front *f = arena_alloc(a, (k->n_group + 1) * (int64_t)sizeof *f);
  f[k->n_group] = (Front){1, arena_alloc(a, sizeof(double)), arena_alloc(a, sizeof(double))};
  for (int g = k->n_group - 1; g >= 0; g--) f[g] = add_group(a, k, budget, g, &f[g + 1]);
  return f;
}

double front_cost(const Front *f, double limit) {
  int from = 0, to = f->n; /* the first point that takes more is in [from, to] */
  while (from < to) {
    int mid = from + (to - from) / 2;
    if (f->take[mid] <= limit) from = mid + 1;
    else to = mid;
  }
  return from > 0 ? f->cost[from - 1] : INFINITY;
}

Selection selection_at(Arena *a, const Knapsack *k, const Front *front, double take) {
  int *choice = arena_alloc(a, (k->n_group + 1) * (int64_t)sizeof *choice);
  double left = take * (1 + 1e-12); /* sums in another order differ in their last bits */
  for (int g = 0; g < k->n_group; g++) {
    double best = INFINITY;
    for (int c = 0; c < k->n_candidate; c++) {
      int at = g * k->n_candidate + c;
      double cost = k->cost[at] + front_cost(&front[g + 1], left - k->take[0][at]);
      if (cost < best) best = cost, choice[g] = c;
    }
    left -= k->take[0][g * k->n_candidate + choice[g]];
  }
  return selection_of(a, k, choice);
}
