/* choose_refine.c - errors of layers do not quite add up: some make others worse, some cancel. 
 * So the best choice so far is changed in one group or two, as far as the budgets allow, in the
 * order of what the metric says of it; a change that lowers the measured error is kept. */
#include <stdlib.h>
#include <string.h>

#include "driver/choose.h"

enum { TRIALS = 72 };

/* Group g gets candidate c, and h gets d. */
typedef struct Change {
  int g, c, h, d;
  double cost;
} Change;

typedef struct Changes {
  Arena *a;
  const Chooser *c;
  Knapsack k;
  int *choice; /* [n_group] that is changed */
  int n;
  Change *list; /* [n] */
} Changes;

static int by_cost(const void *a, const void *b) {
  const Change *x = a, *y = b;
  if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
  return memcmp(x, y, offsetof(Change, cost));
}

static void apply(const Change *x, int *choice) {
  choice[x->g] = x->c;
  choice[x->h] = x->d;
}

/* Remembers a change that fits. */
static void consider(Changes *x, int g, int c, int h, int d) {
  Change change = {g, c, h, d, 0}, back = {g, x->choice[g], h, x->choice[h], 0};
  apply(&change, x->choice);
  Selection s = selection_of(x->a, &x->k, x->choice);
  apply(&back, x->choice);
  if (!fits(&x->k, &s)) return;
  change.cost = s.cost;
  x->list = arena_grow(x->a, x->list, x->n, sizeof *x->list);
  x->list[x->n++] = change;
}

static void list_changes(Changes *x) {
  int groups = x->k.n_group, candidates = x->k.n_candidate;
  for (int g = 0; g < groups; g++)
    for (int c = 0; c < candidates; c++) {
      if (c == x->choice[g]) continue;
      consider(x, g, c, g, c);
      for (int h = g + 1; h < groups; h++)
        for (int d = 0; d < candidates; d++)
          if (d != x->choice[h]) consider(x, g, c, h, d);
    }
  qsort(x->list, (size_t)x->n, sizeof *x->list, by_cost);
}

/* The first change of a trial that makes it better, or NULL; *left trials may be measured. */
static const Trial *improve(Chooser *c, const Trial *t, int *left) {
  Changes x = {.a = new_arena(), .c = c, .k = knapsack_of(c, false)};
  size_t bytes = (size_t)c->s->n_group * sizeof(int);
  int *choice = arena_alloc(x.a, (int64_t)bytes + 1);
  double error = t->error;
  const Trial *found = NULL;
  x.choice = arena_alloc(x.a, (int64_t)bytes + 1);
  memcpy(x.choice, t->choice, bytes);
  list_changes(&x);
  for (int i = 0; i < x.n && !found && *left > 0 && !is_stopped(); i++) {
    int before = c->n_trial;
    memcpy(choice, x.choice, bytes);
    apply(&x.list[i], choice);
    if (!may_fit(c, choice)) continue;
    const Trial *now = try_choice(c, choice, error);
    *left -= c->n_trial > before;
    if (keeps_to_limits(c, now) && now->error < error) found = now;
    if (c->j->cx.progress) c->j->cx.progress("refining", TRIALS - *left, TRIALS);
  }
  free_arena(x.a);
  return found;
}

const Trial *refine(Chooser *c, const Trial *best) {
  int left = TRIALS;
  for (const Trial *t = best; t; t = improve(c, best, &left)) best = t;
  return best;
}
