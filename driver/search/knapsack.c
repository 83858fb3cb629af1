/* knapsack.c - the table of methods, made from methods.def, and what all of them need. */
#include "driver/search/knapsack.h"

#include <math.h>
#include <string.h>

#define METHOD(name, function, summary) SolveFn function;
#include "ir/methods.def"
#undef METHOD

const Method methods[] = {
#define METHOD(name, function, summary) {#name, function, summary},
#include "ir/methods.def"
#undef METHOD
};
const int n_methods = sizeof methods / sizeof *methods;

const Method *find_method(const char *name) {
  const char *known[sizeof methods / sizeof *methods];
  if (!name) return &methods[0];
  for (int i = 0; i < n_methods; i++) {
    known[i] = methods[i].name;
    if (strcmp(name, known[i]) == 0) return &methods[i];
  }
  const char *near = nearest_name(name, known, n_methods);
  if (near) error("--method: unknown method '%s'; did you mean '%s'?", name, near);
  error("--method: unknown method '%s'; qcc list methods shows them", name);
}

Selection selection_of(Arena *a, const Knapsack *k, const int *choice) {
  Selection s = {.choice = arena_alloc(a, (k->n_group + 1) * (int64_t)sizeof *s.choice)};
  for (int g = 0; g < k->n_group; g++) {
    int at = g * k->n_candidate + choice[g];
    s.choice[g] = choice[g];
    s.cost += k->cost[at];
    for (int b = 0; b < k->n_budget; b++) s.take[b] += k->take[b][at];
  }
  return s;
}

/* Sums of the same numbers in another order may differ in their last bits. */
static const double slack = 1e-12;

bool fits(const Knapsack *k, const Selection *s) {
  for (int b = 0; b < k->n_budget; b++)
    if (s->take[b] > k->limit[b] + slack * fabs(k->limit[b])) return false;
  return true;
}

double least_take(Arena *a, const Knapsack *k, int budget, bool alone) {
  Knapsack other = {.n_group = k->n_group, .n_candidate = k->n_candidate, .cost = k->take[budget]};
  for (int b = 0; b < k->n_budget && !alone; b++) {
    if (b == budget) continue;
    other.take[other.n_budget] = k->take[b];
    other.limit[other.n_budget++] = k->limit[b];
  }
  Selection best;
  return solve_exact(a, &other, 1, &best) == 1 ? best.cost : -1;
}
