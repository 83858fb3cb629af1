/* order.c - searches the order of steps with the lowest peak of memory.
 *
 * How much is alive between two steps depends only on the set of steps that have run.  So a search
 * for an order below a limit goes depth first, the lowest step number first, and remembers the sets
 * from which the rest cannot be done: dynamic programming over the order ideals, but only over
 * those that the limit lets live.  The limit is found by bisection between what any order needs and
 * the peak of the order so far.  This is Ahn et al., "Ordering Chaos" (MLSys 2020), with one more
 * rule: a step that frees as much as it takes runs at once.  Where a graph narrows to one value,
 * all beginnings lead to the same set, so the parts of a network are searched one by one without
 * being cut.  Searches that take too long are given up, and a beam search has a try. */
#include <string.h>

#include "passes/lower/order.h"

enum {
  MAX_RUNS = 200000,         /* steps run in one search */
  MAX_ALL_RUNS = 1000000,    /* steps run in all */
  MAX_SET_BYTES = 1 << 26,   /* memory for sets that lead nowhere */
  BEAM_WIDTH = 32,
  MAX_BEAM_WORK = 100000000, /* width * steps^2 */
};

/* ---- the moment between two steps */

static void *new_ints(Arena *a, int64_t n) { return arena_alloc(a, n * (int64_t)sizeof(int)); }

Progress new_progress(Arena *a, const OrderProblem *p) {
  Progress s = {.n_word = (p->n_step + 63) / 64};
  s.readers = new_ints(a, p->n_value);
  s.makers = new_ints(a, p->n_value);
  s.missing = new_ints(a, p->n_step);
  s.ready = new_ints(a, p->n_step);
  s.done = arena_alloc(a, s.n_word * (int64_t)sizeof *s.done);
  return s;
}

void start_progress(const OrderProblem *p, Progress *s) {
  memset(s->done, 0, (size_t)s->n_word * sizeof *s->done);
  s->n_ready = 0;
  s->live = p->start_bytes;
  for (int i = 0; i < p->n_value; i++) {
    s->readers[i] = p->value[i].n_read;
    s->makers[i] = p->value[i].n_made;
  }
  for (int i = 0; i < p->n_step; i++) {
    s->missing[i] = p->step[i].n_before;
    if (s->missing[i] == 0) s->ready[s->n_ready++] = i;
  }
}

void copy_progress(const OrderProblem *p, Progress *to, const Progress *from) {
  memcpy(to->readers, from->readers, (size_t)p->n_value * sizeof *to->readers);
  memcpy(to->makers, from->makers, (size_t)p->n_value * sizeof *to->makers);
  memcpy(to->missing, from->missing, (size_t)p->n_step * sizeof *to->missing);
  memcpy(to->ready, from->ready, (size_t)from->n_ready * sizeof *to->ready);
  memcpy(to->done, from->done, (size_t)from->n_word * sizeof *to->done);
  to->n_ready = from->n_ready;
  to->live = from->live;
}

static int64_t smaller(const Value *a, const Value *b) {
  return a->bytes < b->bytes ? a->bytes : b->bytes;
}

/* Does memory for the value have to be found now that a step makes it? */
static bool is_new(const OrderProblem *p, const Progress *s, int value) {
  return !p->value[value].is_input && s->makers[value] == p->value[value].n_made;
}

int64_t step_peak(const OrderProblem *p, const Progress *s, int step) {
  const Step *t = &p->step[step];
  int64_t bytes = s->live + t->scratch;
  for (int i = 0; i < t->n_made; i++)
    if (is_new(p, s, t->made[i])) bytes += p->value[t->made[i]].bytes;
  for (int i = 0; i < t->n_over && is_new(p, s, t->made[0]); i++)
    if (s->readers[t->over[i]] == 1)
      return bytes - smaller(&p->value[t->made[0]], &p->value[t->over[i]]);
  return bytes;
}

int64_t step_growth(const OrderProblem *p, const Progress *s, int step) {
  const Step *t = &p->step[step];
  int64_t bytes = 0;
  for (int i = 0; i < t->n_made; i++)
    if (p->value[t->made[i]].n_read > 0 && is_new(p, s, t->made[i]))
      bytes += p->value[t->made[i]].bytes;
  for (int i = 0; i < t->n_read; i++)
    if (s->readers[t->read[i]] == 1) bytes -= p->value[t->read[i]].bytes;
  return bytes;
}

static void drop_ready(Progress *s, int step) {
  int at = 0;
  while (s->ready[at] != step) at++;
  s->ready[at] = s->ready[--s->n_ready];
}

void run_step(const OrderProblem *p, Progress *s, int step) {
  const Step *t = &p->step[step];
  s->live += step_growth(p, s, step);
  for (int i = 0; i < t->n_read; i++) s->readers[t->read[i]]--;
  for (int i = 0; i < t->n_made; i++) s->makers[t->made[i]]--;
  s->done[step / 64] |= UINT64_C(1) << step % 64;
  drop_ready(s, step);
  for (int i = 0; i < t->n_after; i++)
    if (--s->missing[t->after[i]] == 0) s->ready[s->n_ready++] = t->after[i];
}

void undo_step(const OrderProblem *p, Progress *s, int step) {
  const Step *t = &p->step[step];
  for (int i = 0; i < t->n_after; i++)
    if (s->missing[t->after[i]]++ == 0) drop_ready(s, t->after[i]);
  s->ready[s->n_ready++] = step;
  s->done[step / 64] &= ~(UINT64_C(1) << step % 64);
  for (int i = 0; i < t->n_read; i++) s->readers[t->read[i]]++;
  for (int i = 0; i < t->n_made; i++) s->makers[t->made[i]]++;
  s->live -= step_growth(p, s, step);
}

int free_step(const OrderProblem *p, const Progress *s, int64_t limit) {
  int found = -1;
  for (int i = 0; i < s->n_ready; i++) {
    int step = s->ready[i];
    if (found >= 0 && step > found) continue;
    if (step_growth(p, s, step) <= 0 && step_peak(p, s, step) <= limit) found = step;
  }
  return found;
}

int64_t order_peak(Arena *a, const OrderProblem *p, const int *order) {
  Progress s = new_progress(a, p);
  int64_t peak = p->start_bytes;
  start_progress(p, &s);
  for (int i = 0; i < p->n_step; i++) {
    int64_t bytes = step_peak(p, &s, order[i]);
    if (bytes > peak) peak = bytes;
    run_step(p, &s, order[i]);
  }
  return s.live > peak ? s.live : peak;
}

/* ---- sets of steps from which the rest cannot be done */

typedef struct SetTable {
  int n_word;
  int64_t n, max;            /* sets kept, and at most */
  int64_t n_slot;            /* power of two */
  int32_t *slot;             /* [n_slot] 1 + index of a set, 0: empty */
  uint64_t *set;             /* [max][n_word] */
} SetTable;

static SetTable new_set_table(Arena *a, int n_word) {
  SetTable t = {.n_word = n_word, .max = MAX_SET_BYTES / 8 / n_word};
  if (t.max > MAX_RUNS) t.max = MAX_RUNS;
  for (t.n_slot = 1024; t.n_slot < 2 * t.max;) t.n_slot *= 2;
  t.slot = arena_alloc(a, t.n_slot * (int64_t)sizeof *t.slot);
  t.set = arena_alloc(a, t.max * n_word * (int64_t)sizeof *t.set);
  return t;
}

static void clear_sets(SetTable *t) {
  memset(t->slot, 0, (size_t)t->n_slot * sizeof *t->slot);
  t->n = 0;
}

/* Slot that holds the set, or the empty one where it belongs. */
static int64_t find_slot(const SetTable *t, const uint64_t *set) {
  size_t bytes = (size_t)t->n_word * sizeof *set;
  int64_t at = (int64_t)(hash_bytes(HASH_START, set, bytes) & (uint64_t)(t->n_slot - 1));
  while (t->slot[at] && memcmp(t->set + (t->slot[at] - 1) * (int64_t)t->n_word, set, bytes) != 0)
    at = (at + 1) & (t->n_slot - 1);
  return at;
}

static void add_set(SetTable *t, const uint64_t *set) {
  int64_t at = find_slot(t, set);
  if (t->slot[at]) return;
  memcpy(t->set + t->n * t->n_word, set, (size_t)t->n_word * sizeof *set);
  t->slot[at] = (int32_t)++t->n;
}

/* ---- depth first below a limit */

typedef struct Frame {
  int step;                  /* that was run from here, -1: none yet */
  bool forced;               /* it was a free step: there is no need to try others */
} Frame;

typedef struct DepthFirst {
  const OrderProblem *p;
  Progress now;
  SetTable dead;
  Frame *frame;              /* [n_step + 1] */
  int64_t runs, all_runs;    /* steps run in this search, in all */
} DepthFirst;

typedef enum Outcome { FOUND, IMPOSSIBLE, GAVE_UP } Outcome;

/* The next step to try from here: a free one, else the ready ones by rising number; -1: no more. */
static int next_step(const DepthFirst *d, Frame *f, int64_t limit) {
  if (f->forced) return -1;
  if (f->step < 0) {
    int step = free_step(d->p, &d->now, limit);
    f->forced = step >= 0;
    if (f->forced) return step;
  }
  int next = -1;
  for (int i = 0; i < d->now.n_ready; i++) {
    int step = d->now.ready[i];
    if (step <= f->step || (next >= 0 && step > next)) continue;
    if (step_peak(d->p, &d->now, step) <= limit) next = step;
  }
  return next;
}

/* Looks for an order with no peak above the limit. */
static Outcome search_below(DepthFirst *d, int64_t limit, int *order) {
  const OrderProblem *p = d->p;
  start_progress(p, &d->now);
  clear_sets(&d->dead);
  d->frame[0] = (Frame){.step = -1};
  d->runs = 0;
  for (int depth = 0; depth < p->n_step;) {
    Frame *f = &d->frame[depth];
    int step = next_step(d, f, limit);
    if (step >= 0) {
      if (d->runs > MAX_RUNS || d->all_runs > MAX_ALL_RUNS) return GAVE_UP;
      f->step = step;
      d->runs++;
      d->all_runs++;
      run_step(p, &d->now, step);
      if (d->dead.slot[find_slot(&d->dead, d->now.done)]) undo_step(p, &d->now, step);
      else d->frame[++depth] = (Frame){.step = -1};
      continue;
    }
    if (d->dead.n == d->dead.max) return GAVE_UP;
    if (depth == 0) return IMPOSSIBLE;
    add_set(&d->dead, d->now.done);
    undo_step(p, &d->now, d->frame[--depth].step);
  }
  for (int i = 0; i < p->n_step; i++) order[i] = d->frame[i].step;
  return FOUND;
}

/* ---- the lowest limit */

static bool reads_value(const Step *t, int value) {
  for (int i = 0; i < t->n_read; i++)
    if (t->read[i] == value) return true;
  return false;
}

/* What each step needs by itself, however it is placed. */
static int64_t least_peak(const OrderProblem *p) {
  int64_t least = p->start_bytes;
  for (int i = 0; i < p->n_step; i++) {
    const Step *t = &p->step[i];
    int64_t bytes = t->scratch;
    for (int j = 0; j < t->n_read; j++) bytes += p->value[t->read[j]].bytes;
    for (int j = t->n_over > 0 ? 1 : 0; j < t->n_made; j++)
      if (!reads_value(t, t->made[j])) bytes += p->value[t->made[j]].bytes;
    if (bytes > least) least = bytes;
  }
  return least;
}

/* Lowers `peak`, that of `order`, as far as searches come; `found` is room for an order. */
static int64_t bisect(Arena *a, DepthFirst *d, int64_t peak, int *order, int *found, bool *proved) {
  const OrderProblem *p = d->p;
  int64_t low = least_peak(p);
  for (int64_t limit = low; low < peak; limit = low + (peak - low) / 2) {
    Outcome outcome = search_below(d, limit, found);
    if (outcome == FOUND) {
      peak = order_peak(a, p, found);
      memcpy(order, found, (size_t)p->n_step * sizeof *order);
    } else {
      low = limit + 1;
      if (outcome == GAVE_UP) *proved = false;
    }
  }
  return peak;
}

int64_t find_order(Arena *a, const OrderProblem *p, int *order, bool *proved) {
  *proved = true;
  for (int i = 0; i < p->n_step; i++) order[i] = i;
  int64_t peak = order_peak(a, p, order);
  if (p->n_step < 2 || peak <= least_peak(p)) return peak;
  DepthFirst d = {.p = p, .now = new_progress(a, p)};
  d.dead = new_set_table(a, d.now.n_word);
  d.frame = arena_alloc(a, ((int64_t)p->n_step + 1) * (int64_t)sizeof *d.frame);
  int *found = new_ints(a, p->n_step);
  peak = bisect(a, &d, peak, order, found, proved);
  if (*proved) return peak;
  int64_t width = MAX_BEAM_WORK / ((int64_t)p->n_step * p->n_step);
  if (width > BEAM_WIDTH) width = BEAM_WIDTH;
  if (width < 1) width = 1;
  int64_t beam_peak = beam_order(a, p, (int)width, found);
  if (beam_peak >= peak) return peak;
  memcpy(order, found, (size_t)p->n_step * sizeof *order);
  return beam_peak;
}
