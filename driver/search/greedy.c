/* greedy.c - starts with the cheapest candidate of every group and, as long as a budget is
 * exceeded, makes the change that costs least for what it brings the budgets nearer to their
 * limits.  Then takes back what turns out not to be needed. Fast for any number of groups, and
 * seldom far from the best. */
#include <math.h>

#include "driver/search/knapsack.h"

SolveFn solve_greedy;

/* By how much the budgets are exceeded together, in shares of them. */
static double excess(const Knapsack *k, const Selection *s) {
  double sum = 0;
  for (int b = 0; b < k->n_budget; b++)
    if (s->take[b] > k->limit[b]) sum += (s->take[b] - k->limit[b]) / fmax(k->limit[b], 1e-300);
  return sum;
}

static void change(const Knapsack *k, Selection *s, int g, int c) {
  int from = g * k->n_candidate + s->choice[g], to = g * k->n_candidate + c;
  s->choice[g] = c;
  s->cost += k->cost[to] - k->cost[from];
  for (int b = 0; b < k->n_budget; b++) s->take[b] += k->take[b][to] - k->take[b][from];
}

/* What a change brings; the more, the better.  -INFINITY: it is none to make. */
typedef double GainFn(const Knapsack *k, const Selection *before, const Selection *after);

/* Shares of the budgets that are saved, for what they cost. */
static double price_of_saving(const Knapsack *k, const Selection *before, const Selection *after) {
  double saved = excess(k, before) - excess(k, after);
  return saved > 0 ? -(after->cost - before->cost) / saved : -INFINITY;
}

/* Cost that is given back without exceeding a budget. */
static double cost_given_back(const Knapsack *k, const Selection *before, const Selection *after) {
  return fits(k, after) ? before->cost - after->cost : -INFINITY;
}

/* Makes the change that brings most; false when none brings more than `least`. */
static bool make_best_change(const Knapsack *k, Selection *s, GainFn *gain, double least) {
  int group = -1, candidate = 0;
  for (int g = 0; g < k->n_group; g++)
    for (int c = 0; c < k->n_candidate; c++) {
      Selection t = *s;
      int before = s->choice[g];
      change(k, &t, g, c); /* the array of choices is that of s */
      double v = gain(k, s, &t);
      s->choice[g] = before;
      if (v > least) least = v, group = g, candidate = c;
    }
  if (group < 0) return false;
  change(k, s, group, candidate);
  return true;
}

int solve_greedy(Arena *a, const Knapsack *k, int most, Selection *best) {
  int *choice = arena_alloc(a, (k->n_group + 1) * (int64_t)sizeof *choice);
  if (most < 1) return 0;
  for (int g = 0; g < k->n_group; g++)
    for (int c = 1; c < k->n_candidate; c++)
      if (k->cost[g * k->n_candidate + c] < k->cost[g * k->n_candidate + choice[g]]) choice[g] = c;
  Selection s = selection_of(a, k, choice);
  while (!fits(k, &s))
    if (!make_best_change(k, &s, price_of_saving, -INFINITY)) return 0;
  while (make_best_change(k, &s, cost_given_back, 1e-12 * s.cost)) continue; /* less is rounding */
  *best = selection_of(a, k, s.choice);
  return 1;
}
