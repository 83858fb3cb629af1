/* exact.c - the best selections within all budgets, by branch and bound.
 *
 * Groups are decided in order, candidates of a group by what they promise.  What the groups
 * behind will cost at least is known for each budget by itself from its fronts; the largest of
 * these is the bound.  With one budget it is no bound but the truth, and the search walks
 * straight to the best selection. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "driver/search/knapsack.h"

SolveFn solve_exact;

/* Branches that are looked at before the search is content with what it has. */
enum { MAX_BRANCHES = 20000000 };

typedef struct Search {
  Arena *a;
  const Knapsack *k;
  Front *front[MAX_BUDGETS]; /* [n_budget][n_group + 1] */
  double *least;             /* [n_group + 1] cost of the groups from there on without any budget */
  double left[MAX_BUDGETS];  /* of the budgets, behind what is decided */
  int *choice;               /* [n_group] */
  int most, n;
  Selection *best; /* [n] of at most `most`, the best first */
  int64_t branches;
} Search;

static double bound(const Search *s, int g) {
  double most = s->least[g];
  for (int b = 0; b < s->k->n_budget; b++)
    most = fmax(most, front_cost(&s->front[b][g], s->left[b]));
  return most;
}

static void keep(Search *s) {
  Selection found = selection_of(s->a, s->k, s->choice);
  int at = s->n < s->most ? s->n++ : s->most - 1;
  while (at > 0 && s->best[at - 1].cost > found.cost) s->best[at] = s->best[at - 1], at--;
  s->best[at] = found;
}

/* What a selection must cost less than. */
static double to_beat(const Search *s) {
  return s->n < s->most ? INFINITY : s->best[s->most - 1].cost;
}

typedef struct Branch {
  int candidate;
  double promise;
} Branch;

static int by_promise(const void *a, const void *b) {
  const Branch *x = a, *y = b;
  if (x->promise != y->promise) return x->promise < y->promise ? -1 : 1;
  return x->candidate - y->candidate;
}

static void spend(Search *s, int g, int c, double sign) {
  for (int b = 0; b < s->k->n_budget; b++)
    s->left[b] -= sign * s->k->take[b][g * s->k->n_candidate + c];
}

/* cost: of the groups before g. */
static void decide(Search *s, int g, double cost) {
  const Knapsack *k = s->k;
  if (g == k->n_group) {
    keep(s);
    return;
  }
  Branch *branch = malloc((size_t)k->n_candidate * sizeof *branch);
  if (!branch) error("out of memory");
  for (int c = 0; c < k->n_candidate; c++) {
    double own = cost + k->cost[g * k->n_candidate + c], before[MAX_BUDGETS];
    memcpy(before, s->left, sizeof before);
    spend(s, g, c, 1);
    branch[c] = (Branch){c, own + bound(s, g + 1)};
    memcpy(s->left, before, sizeof before);
  }
  qsort(branch, (size_t)k->n_candidate, sizeof *branch, by_promise);
  for (int i = 0; i < k->n_candidate; i++) {
    double before[MAX_BUDGETS];
    if (!(branch[i].promise < to_beat(s)) || s->branches++ > MAX_BRANCHES) break;
    int c = s->choice[g] = branch[i].candidate;
    memcpy(before, s->left, sizeof before);
    spend(s, g, c, 1);
    decide(s, g + 1, cost + k->cost[g * k->n_candidate + c]);
    memcpy(s->left, before, sizeof before);
  }
  free(branch);
}

int solve_exact(Arena *a, const Knapsack *k, int most, Selection *best) {
  Search s = {.a = a, .k = k, .most = most, .best = best};
  s.choice = arena_alloc(a, (k->n_group + 1) * (int64_t)sizeof *s.choice);
  s.least = arena_alloc(a, (k->n_group + 1) * (int64_t)sizeof *s.least);
  for (int g = k->n_group - 1; g >= 0; g--) {
    double least = INFINITY;
    for (int c = 0; c < k->n_candidate; c++) least = fmin(least, k->cost[g * k->n_candidate + c]);
    s.least[g] = s.least[g + 1] + least;
  }
  for (int b = 0; b < k->n_budget; b++) {
    s.front[b] = find_fronts(a, k, b);
    s.left[b] = k->limit[b] * (1 + 1e-12); /* sums in another order differ in their last bits */
  }
  if (isfinite(bound(&s, 0))) decide(&s, 0, 0);
  return s.n;
}
