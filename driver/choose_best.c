/* choose_best.c - from costs and budgets to one choice.
 *
 * The method proposes its best selections; the first of them that may fit are compiled and
 * measured, and of those that keep to all limits the one with the least error at the network's
 * outputs wins.  Where networks take more than the sum of their parts, the sum is corrected and
 * the method asked again.  A limit for the accuracy alone is met by bisection along the front of weights: the
 * fewest bytes that are good enough. */
#include <math.h>
#include <signal.h>
#include <string.h>

#include "driver/choose.h"

enum { PROPOSALS = 240, TRIED = 12, ROUNDS = 20 };

static volatile sig_atomic_t stopped;

static void stop(int number) {
  (void)number;
  stopped = 1;
}

/* The second Ctrl-C stops at once. */
void watch_for_stop(void) {
  struct sigaction then = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &then, NULL);
  sigaction(SIGTERM, &then, NULL);
}

bool is_stopped(void) { return stopped; }

Knapsack knapsack_of(const Chooser *c, bool weights_only) {
  Knapsack k = {.n_group = c->s->n_group, .n_candidate = c->s->n_candidate, .cost = c->cost};
  for (int m = 0; m < N_ADDED; m++) {
    bool wanted = weights_only ? m == LIMIT_WEIGHTS : c->limit[m].text != NULL;
    if (!wanted) continue;
    k.take[k.n_budget] = c->take[m];
    k.limit[k.n_budget++] = weights_only ? INFINITY : c->limit[m].most - c->fixed[m];
  }
  return k;
}

/* ---- nothing fits ---------------------------------------------------------------------------- */

static const char *append(Arena *a, const char *text, LimitKind kind, const char *what,
                          const Limit *l, double least) {
  return arena_printf(a, "%s%s %s: %s%s, %s asked for", text, *text ? ";" : ":", limit_name(kind),
                      limit_text(a, l, kind, least), what, l->text);
}

static _Noreturn void report_infeasible(const Chooser *c, const Knapsack *k) {
  Arena *a = c->s->a;
  const char *text = "", *alone = " at least", *others = " at least within the other budgets";
  bool any = false;
  for (int round = 0; round < 2 && !any; round++)
    for (int m = 0, b = 0; m < N_ADDED; m++) {
      if (!c->limit[m].text) continue;
      double least = least_take(a, k, b++, round == 0) + c->fixed[m];
      if (round == 0 && least <= c->limit[m].most) continue;
      text = append(a, text, (LimitKind)m, round == 0 ? alone : others, &c->limit[m], least);
      any = true;
    }
  error("no choice of candidates keeps to the budgets%s", text);
}

/* The least that any trial takes of a limit that is no sum. */
static _Noreturn void report_trials(const Chooser *c) {
  Arena *a = c->s->a;
  const char *text = "";
  for (int m = 0; m < N_LIMITS; m++) {
    double least = INFINITY;
    for (int i = 0; i < c->n_trial; i++) least = fmin(least, c->trial[i].take[m]);
    if (c->limit[m].text && least > c->limit[m].most)
      text = append(a, text, (LimitKind)m, " at least in what was tried", &c->limit[m], least);
  }
  error("no choice of candidates keeps to the budgets%s", text);
}

/* ---- the best within sums -------------------------------------------------------------------- */

static const Trial *better(const Chooser *c, const Trial *a, const Trial *b) {
  if (!keeps_to_limits(c, b)) return a;
  return !a || b->error < a->error ? b : a;
}

static double error_of(const Trial *t) { return t ? t->error : INFINITY; }

/* By how much the sums underrate a trial goes to what is fixed. */
static void correct_sums(Chooser *c, const Trial *t) {
  for (int m = 0; m < N_ADDED; m++) {
    if (!c->limit[m].text) continue;
    c->fixed[m] = fmax(c->fixed[m], t->take[m] - sum_takes(c, (LimitKind)m, t->choice));
  }
}

/* One candidate everywhere, where the sums say that it fits (k NULL: whatever they say): what a
 * policy without search would have. */
static const Trial *try_uniform(Chooser *c, const Knapsack *k, const Trial *best) {
  Arena *a = c->s->a;
  int *choice = arena_alloc(a, (c->s->n_group + 1) * (int64_t)sizeof *choice);
  for (int i = 0; i < c->s->n_candidate && !stopped; i++) {
    for (int g = 0; g < c->s->n_group; g++) choice[g] = i;
    Selection s = k ? selection_of(a, k, choice) : (Selection){0};
    if (!k || fits(k, &s)) best = better(c, best, try_choice(c, choice, error_of(best)));
  }
  return best;
}

/* Leaves the first proposals that may fit; returns how many.  Where none may, the least that any of
 * them has beside its sum goes to what is fixed. */
static int keep_likely(Chooser *c, Selection *proposal, int n) {
  double beside = INFINITY;
  int kept = 0;
  for (int i = 0; i < n && kept < TRIED; i++) {
    const int *choice = proposal[i].choice;
    if (c->j->cx.progress) c->j->cx.progress("foretelling", i + 1, n);
    if (stopped || may_fit(c, choice)) proposal[kept++] = proposal[i];
    else beside = fmin(beside, predict_flash(c, choice) - sum_takes(c, LIMIT_FLASH, choice));
  }
  if (n > 0 && kept == 0) c->fixed[LIMIT_FLASH] = beside;
  return kept;
}

static const Trial *best_of_proposals(Chooser *c) {
  Arena *a = c->s->a;
  Selection proposal[PROPOSALS];
  for (int round = 0; round < ROUNDS; round++) {
    Knapsack k = knapsack_of(c, false);
    int n = c->method->solve(a, &k, c->limit[LIMIT_FLASH].text ? PROPOSALS : TRIED, proposal);
    const Trial *best = NULL;
    /* A network of several formats has the code of all of them: one format may fit where no
     * mixture does. */
    if (n == 0 && round > 0) best = try_uniform(c, NULL, NULL);
    if (n == 0 && !best) report_infeasible(c, &k);
    n = keep_likely(c, proposal, n);
    for (int i = 0; i < n && !(stopped && best); i++) {
      const Trial *t = try_choice(c, proposal[i].choice, error_of(best));
      best = better(c, best, t);
      if (!best) correct_sums(c, t);
      if (c->j->cx.progress) c->j->cx.progress("trying choices", i + 1, n);
    }
    if (best) return refine(c, try_uniform(c, &k, best));
  }
  report_trials(c);
}

/* ---- as few weights as the accuracy permits --------------------------------------------------- */

/* The choice of a point of the front of weights. */
static const Trial *try_point(Chooser *c, const Knapsack *k, const Front *front, int point) {
  Selection s = selection_at(c->s->a, k, front, front[0].take[point]);
  return try_choice(c, s.choice, INFINITY);
}

static const Trial *fewest_weights(Chooser *c) {
  Knapsack k = knapsack_of(c, true);
  const Front *front = find_fronts(c->s->a, &k, 0);
  int low = 0, high = front[0].n - 1; /* the last is the best by the metric */
  const Trial *best = better(c, NULL, try_point(c, &k, front, high));
  if (!best) report_trials(c);
  while (low < high && !stopped) {
    int mid = low + (high - low) / 2;
    const Trial *t = try_point(c, &k, front, mid);
    if (keeps_to_limits(c, t)) best = t, high = mid;
    else low = mid + 1;
  }
  return best;
}

const Trial *choose_best(Chooser *c) {
  for (int m = 0; m < N_LIMITS; m++)
    if (c->limit[m].text && m != LIMIT_DROP) return best_of_proposals(c);
  return fewest_weights(c);
}
