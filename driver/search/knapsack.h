/* knapsack.h - one candidate for each group, at the least cost that the budgets allow.
 *
 * What groups cost and take is added up.  One budget is solved by dynamic programming over what
 * is taken (fronts.c), several by branch and bound (exact.c), whose bounds are the fronts of
 * each budget by itself; HAWQ-V3 (Yao et al. 2021) writes the same problem as an integer
 * program. */
#ifndef QCC_KNAPSACK_H
#define QCC_KNAPSACK_H

#include "ir/ir.h"

enum { MAX_BUDGETS = 4 };

typedef struct Knapsack {
  int n_group, n_candidate, n_budget;
  const double *cost;              /* [n_group][n_candidate], none below 0 */
  const double *take[MAX_BUDGETS]; /* [n_budget][n_group][n_candidate], none below 0 */
  double limit[MAX_BUDGETS];       /* of what all groups take together */
} Knapsack;

typedef struct Selection {
  int *choice; /* [n_group] candidates */
  double cost, take[MAX_BUDGETS];
} Selection;

/* Finds at most `most` selections within the budgets, the best first; returns how many, 0 where
 * nothing fits. */
typedef int SolveFn(Arena *a, const Knapsack *k, int most, Selection *best);

/* A row of ir/methods.def. */
typedef struct Method {
  const char *name;
  SolveFn *solve;
  const char *summary;
} Method;
extern const Method methods[];
extern const int n_methods;
const Method *find_method(const char *name); /* NULL gives the first; error() on an unknown name */

/* What a choice costs and takes. */
Selection selection_of(Arena *a, const Knapsack *k, const int *choice);
bool fits(const Knapsack *k, const Selection *s);

/* The least of a budget that any selection takes which keeps to the others; -1 where none does. 
 * `alone`: whatever the others are. */
double least_take(Arena *a, const Knapsack *k, int budget, bool alone);

/* ---- fronts.c -------------------------------------------------------------------------------- */

/* Selections for groups [from, n_group) that none other beats in both, by what they take,
 * rising. */
typedef struct Front {
  int n;
  double *take, *cost; /* [n] */
} Front;

/* front[n_group + 1], by `from`, of one budget, up to its limit.  Fronts of more points than can
 * be kept are replaced by fewer below them: the least cost that may be had is never overrated. */
Front *find_fronts(Arena *a, const Knapsack *k, int budget);
/* The least cost of a front within a limit; INFINITY where nothing fits. */
double front_cost(const Front *f, double limit);
/* The selection of a point of front[0], of budget 0, by what it takes. */
Selection selection_at(Arena *a, const Knapsack *k, const Front *front, double take);

#endif
