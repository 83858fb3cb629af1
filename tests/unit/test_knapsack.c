/* test_knapsack.c - choosing candidates within budgets: the published configurations of HAWQ-V3
 * for ResNet-18, all selections of small random problems, and what must hold of any budget. */
#include <math.h>
#include <stdlib.h>

#include "driver/search/knapsack.h"
#include "tests/unit/unit.h"

/* ---- ResNet-18 of HAWQ-V3 (Yao et al. 2021): layers without the first and the last, 4 or 8 bits ------- */

enum { HAWQ_LAYERS = 19, HAWQ_GROUPS = 16, FOUR = 0, EIGHT = 1, SIZE = 0, BOPS, LATENCY };

/* clang-format off */
/* Mean traces of the Hessian, and squared errors of the weights with 8 and with 4 bits. */
static const double trace[HAWQ_LAYERS] = {
    .06857826, .03162379, .03298575, .01205663, .02222431, .00596336, .06931772, .00807129, .00372905, .00530698,
    .00209011, .00737569, .00210454, .00151197, .00158041, .00078146, .00451841, .00098745, .00072944};
static const double error8[HAWQ_LAYERS] = {
    .0235, .0125, .0102, .0082, .0145, .0344, .0023, .0287, .0148, .0333, .0682, .0027, .0448, .0336, .0576, .1130,
    .0102, .0947, .0532};
static const double error4[HAWQ_LAYERS] = {
    6.7430, 3.9691, 3.3281, 2.6796, 4.7277, 10.5966, .6827, 9.0942, 4.8857, 10.7599, 21.7546, .8603, 14.5324, 10.9651,
    18.7706, 36.4044, 3.1572, 29.6994, 17.4016};
static const double weights[HAWQ_LAYERS] = {
    36864, 36864, 36864, 36864, 73728, 147456, 8192, 147456, 147456, 294912, 589824, 32768, 589824, 589824, 1179648,
    2359296, 131072, 2359296, 2359296};
static const double macs[HAWQ_LAYERS] = {
    115605504, 115605504, 115605504, 115605504, 57802752, 115605504, 6422528, 115605504, 115605504, 57802752,
    115605504, 6422528, 115605504, 115605504, 57802752, 115605504, 6422528, 115605504, 115605504};
/* Milliseconds on a T4. */
static const double time4[HAWQ_LAYERS] = {
    .21094404, .21092674, .21104113, .21086851, .13642465, .19167506, .02532183, .19148203, .19142914, .11395316,
    .20556011, .01917474, .20566918, .20566509, .13185102, .22287786, .01790088, .22304611, .22286099};
static const double time8[HAWQ_LAYERS] = {
    .36189111, .36211718, .31141909, .30454471, .19184896, .38948934, .0334169, .38904905, .3892859, .19134735,
    .34307431, .02802354, .34313329, .34310756, .21117103, .37376585, .02896843, .37398187, .37405185};
/* The layer that a shortcut's convolution goes with. */
static const int first_of[HAWQ_LAYERS] = {0, 1, 2, 3, 4, 5, 4, 7, 8, 9, 10, 9, 12, 13, 14, 15, 14, 17, 18};

/* Budget: share of the way from 4 bits everywhere to 8; bits of each layer as published. */
static const struct { unsigned budgets; double share; const char *bits; } published[] = {
    {1 << SIZE,    .25, "8888888888888844444"},
    {1 << SIZE,    .50, "8888888888888884844"},
    {1 << SIZE,    .75, "8888888888888488884"},
    {1 << BOPS,    .25, "8884848444444444444"},
    {1 << BOPS,    .50, "8884888848884444444"},
    {1 << BOPS,    .75, "8888888848888484884"},
    {1 << LATENCY, .25, "8884848444444444444"},
    {1 << LATENCY, .50, "8888848848884484844"},
    {1 << LATENCY, .75, "8888888848888484884"},
    {1 << SIZE | 1 << BOPS | 1 << LATENCY, .50, "8884888848884444444"},
};
/* clang-format on */

static double hawq_take(int budget, int layer, int bits) {
  if (budget == SIZE) return weights[layer] * bits / 8;
  if (budget == BOPS) return macs[layer] * bits * bits / 1024;
  return bits == 8 ? time8[layer] : time4[layer];
}

static void published_configurations(void **state) {
  (void)state;
  Arena *a = new_arena();
  int group[HAWQ_LAYERS], n = 0;
  for (int i = 0; i < HAWQ_LAYERS; i++) group[i] = first_of[i] == i ? n++ : group[first_of[i]];
  assert_int_equal(n, HAWQ_GROUPS);
  for (size_t p = 0; p < sizeof published / sizeof *published; p++) {
    double cost[HAWQ_GROUPS * 2] = {0}, take[MAX_BUDGETS][HAWQ_GROUPS * 2] = {{0}};
    Knapsack k = {.n_group = HAWQ_GROUPS, .n_candidate = 2, .cost = cost};
    for (int i = 0; i < HAWQ_LAYERS; i++) {
      cost[2 * group[i] + FOUR] += trace[i] * error4[i];
      cost[2 * group[i] + EIGHT] += trace[i] * error8[i];
    }
    for (int b = SIZE; b <= LATENCY; b++) {
      if (!(published[p].budgets & (1u << b))) continue;
      double all4 = 0, all8 = 0;
      for (int i = 0; i < HAWQ_LAYERS; i++) {
        double four = hawq_take(b, i, 4), eight = hawq_take(b, i, 8);
        take[k.n_budget][2 * group[i] + FOUR] += four, all4 += four;
        take[k.n_budget][2 * group[i] + EIGHT] += eight, all8 += eight;
      }
      k.take[k.n_budget] = take[k.n_budget];
      k.limit[k.n_budget++] = all4 + published[p].share * (all8 - all4);
    }
    Selection best;
    assert_int_equal(find_method("exact")->solve(a, &k, 1, &best), 1);
    for (int i = 0; i < HAWQ_LAYERS; i++)
      assert_int_equal(best.choice[group[i]] == EIGHT ? '8' : '4', published[p].bits[i]);
  }
  free_arena(a);
}

/* ---- random problems ------------------------------------------------------------------------- */

enum { MAX_GROUPS = 10, CANDIDATES = 3, MAX_SELECTIONS = 59049, PROBLEMS = 60 };

typedef struct Problem {
  Knapsack k;
  double cost[MAX_GROUPS * CANDIDATES], take[2][MAX_GROUPS * CANDIDATES];
} Problem;

/* Candidates that take less mostly cost more, some costs and sizes are equal. */
static void new_problem(Problem *p, uint32_t *seed, int groups, int budgets) {
  p->k = (Knapsack){
      .n_group = groups, .n_candidate = CANDIDATES, .n_budget = budgets, .cost = p->cost};
  for (int b = 0; b < budgets; b++) p->k.take[b] = p->take[b], p->k.limit[b] = 0;
  for (int i = 0; i < groups * CANDIDATES; i++) {
    int c = i % CANDIDATES;
    p->cost[i] = (next_random(seed) % 100) / 16.0 * (1 << 2 * c);
    for (int b = 0; b < budgets; b++) {
      p->take[b][i] = next_random(seed) % 64 + (unsigned)(8 << (CANDIDATES - c));
      p->k.limit[b] += p->take[b][i] / CANDIDATES * (next_random(seed) % 40 + 70) / 100.0;
    }
  }
}

/* Costs of all selections that fit; returns how many. */
static int try_all(Arena *a, const Knapsack *k, double *cost) {
  int n = 0, all = (int)lround(pow(CANDIDATES, k->n_group));
  for (int i = 0; i < all; i++) {
    int choice[MAX_GROUPS], rest = i;
    for (int g = 0; g < k->n_group; g++, rest /= CANDIDATES) choice[g] = rest % CANDIDATES;
    Selection s = selection_of(a, k, choice);
    if (!fits(k, &s)) continue;
    cost[n++] = s.cost;
  }
  return n;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void exact_is_the_best_of_all(void **state) {
  (void)state;
  uint32_t seed = 7;
  double *cost = test_malloc(MAX_SELECTIONS * sizeof *cost);
  int infeasible = 0, greedy_best = 0;
  for (int i = 0; i < PROBLEMS; i++) {
    Arena *a = new_arena();
    Problem p;
    Selection best[4], quick;
    new_problem(&p, &seed, 2 + i % (i % 10 ? 6 : 9), 1 + i % 2);
    int n = try_all(a, &p.k, cost);
    qsort(cost, (size_t)n, sizeof *cost, by_value);
    int found = find_method("exact")->solve(a, &p.k, 4, best);
    assert_int_equal(found, n < 4 ? n : 4);
    for (int j = 0; j < found; j++) {
      assert_true(fits(&p.k, &best[j]));
      assert_true(fabs(best[j].cost - cost[j]) < 1e-9);
    }
    infeasible += n == 0;
    if (find_method("greedy")->solve(a, &p.k, 1, &quick) == 1) {
      assert_true(fits(&p.k, &quick));
      assert_true(quick.cost >= cost[0] - 1e-9);
      greedy_best += quick.cost < cost[0] * 1.0001 + 1e-9;
    }
    free_arena(a);
  }
  assert_in_range(infeasible, 1, PROBLEMS / 4);
  assert_in_range(greedy_best, PROBLEMS / 3, PROBLEMS - 1);
  test_free(cost);
}

static void larger_budgets_are_never_worse(void **state) {
  (void)state;
  Arena *a = new_arena();
  uint32_t seed = 11;
  Problem p;
  new_problem(&p, &seed, MAX_GROUPS, 2);
  double last = INFINITY, full = p.k.limit[0];
  for (int share = 40; share <= 200; share += 10) {
    Selection best;
    p.k.limit[0] = full * share / 100;
    if (find_method("exact")->solve(a, &p.k, 1, &best) == 0) {
      assert_true(isinf(last)); /* nothing fits only before something did */
      continue;
    }
    assert_true(best.cost <= last);
    last = best.cost;
  }
  assert_true(isfinite(last));
  free_arena(a);
}

/* The least that a budget can come to is reachable, and nothing below it is. */
static void least_take_is_the_limit_of_what_fits(void **state) {
  (void)state;
  Arena *a = new_arena();
  uint32_t seed = 5;
  for (int i = 0; i < 20; i++) {
    Problem p;
    Selection best;
    new_problem(&p, &seed, 6, 2);
    double least = least_take(a, &p.k, 0, false), alone = least_take(a, &p.k, 0, true);
    assert_true(least < 0 || alone <= least);
    if (least < 0) continue;
    p.k.limit[0] = least;
    assert_int_equal(find_method("exact")->solve(a, &p.k, 1, &best), 1);
    p.k.limit[0] = least - 1;
    assert_int_equal(find_method("exact")->solve(a, &p.k, 1, &best), 0);
  }
  free_arena(a);
}

/* Every point of a front is what the exact method finds within its take. */
static void fronts_are_exact(void **state) {
  (void)state;
  Arena *a = new_arena();
  uint32_t seed = 3;
  Problem p;
  new_problem(&p, &seed, 8, 1);
  p.k.limit[0] *= 2;
  const Front *front = find_fronts(a, &p.k, 0);
  Front f = front[0];
  assert_true(f.n > 20);
  for (int i = 0; i < f.n; i++) {
    Selection best;
    p.k.limit[0] = f.take[i];
    assert_int_equal(find_method("exact")->solve(a, &p.k, 1, &best), 1);
    assert_true(fabs(best.cost - f.cost[i]) < 1e-9);
    assert_true(i == 0 || f.cost[i] < f.cost[i - 1]);
    Selection at = selection_at(a, &p.k, front, f.take[i]);
    assert_true(at.take[0] <= f.take[i] && fabs(at.cost - f.cost[i]) < 1e-9);
  }
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(published_configurations),
      cmocka_unit_test(exact_is_the_best_of_all),
      cmocka_unit_test(larger_budgets_are_never_worse),
      cmocka_unit_test(least_take_is_the_limit_of_what_fits),
      cmocka_unit_test(fronts_are_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
