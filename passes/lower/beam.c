/* beam.c - beam search for an order of steps: all beginnings of the same length are ranked by their
 * peak, then by what is alive after them, and only the best few go on.  For graphs that are too
 * wide for the exact search of order.c. */
#include <stdlib.h>
#include <string.h>

#include "passes/lower/order.h"

typedef struct Beginning {
  Progress now;
  int64_t peak;
} Beginning;

/* A beginning made one step longer, not carried out yet. */
typedef struct Candidate {
  int parent, step;
  int64_t peak, live;
  uint64_t set;              /* hash of the steps run: equal ones are the same moment */
} Candidate;

typedef struct Beam {
  const OrderProblem *p;
  int width, n_now, n_candidate;
  Beginning *now, *next;     /* [width] of one length, and of the next */
  Candidate *candidate;      /* [width * n_step] */
  uint64_t *set;             /* [width] hashes of those that go on */
  int *step, *parent;        /* [n_step][width] how each beginning of each length was made */
} Beam;

static int compare_candidates(const void *a, const void *b) {
  const Candidate *x = a, *y = b;
  if (x->peak != y->peak) return x->peak < y->peak ? -1 : 1;
  if (x->live != y->live) return x->live < y->live ? -1 : 1;
  if (x->parent != y->parent) return x->parent < y->parent ? -1 : 1;
  return x->step < y->step ? -1 : x->step > y->step;
}

static uint64_t hash_with(const Progress *s, int step) {
  uint64_t *word = &s->done[step / 64], kept = *word;
  *word |= UINT64_C(1) << step % 64;
  uint64_t hash = hash_bytes(HASH_START, s->done, (size_t)s->n_word * sizeof *s->done);
  *word = kept;
  return hash;
}

static void add_candidate(Beam *b, int parent, int step) {
  const Beginning *from = &b->now[parent];
  int64_t peak = step_peak(b->p, &from->now, step);
  Candidate c = {.parent = parent, .step = step, .peak = peak > from->peak ? peak : from->peak};
  c.live = from->now.live + step_growth(b->p, &from->now, step);
  c.set = hash_with(&from->now, step);
  b->candidate[b->n_candidate++] = c;
}

static void expand(Beam *b, int parent) {
  const Beginning *from = &b->now[parent];
  int only = free_step(b->p, &from->now, from->peak);
  if (only >= 0) {
    add_candidate(b, parent, only);
    return;
  }
  for (int i = 0; i < from->now.n_ready; i++) add_candidate(b, parent, from->now.ready[i]);
}

static bool is_taken(const Beam *b, int n, uint64_t set) {
  for (int i = 0; i < n; i++)
    if (b->set[i] == set) return true;
  return false;
}

/* Carries out the best candidates; they become the beginnings of length depth + 1. */
static void advance(Beam *b, int depth) {
  int n = 0;
  qsort(b->candidate, (size_t)b->n_candidate, sizeof *b->candidate, compare_candidates);
  for (int i = 0; i < b->n_candidate && n < b->width; i++) {
    const Candidate *c = &b->candidate[i];
    if (is_taken(b, n, c->set)) continue;
    copy_progress(b->p, &b->next[n].now, &b->now[c->parent].now);
    run_step(b->p, &b->next[n].now, c->step);
    b->next[n].peak = c->peak;
    b->step[(int64_t)depth * b->width + n] = c->step;
    b->parent[(int64_t)depth * b->width + n] = c->parent;
    b->set[n++] = c->set;
  }
  Beginning *swapped = b->now;
  b->now = b->next;
  b->next = swapped;
  b->n_now = n;
}

static Beginning *new_beginnings(Arena *a, const OrderProblem *p, int width) {
  Beginning *list = arena_alloc(a, width * (int64_t)sizeof *list);
  for (int i = 0; i < width; i++) list[i].now = new_progress(a, p);
  return list;
}

int64_t beam_order(Arena *a, const OrderProblem *p, int width, int *order) {
  int64_t room = (int64_t)width * p->n_step;
  Beam b = {.p = p, .width = width, .n_now = 1};
  b.now = new_beginnings(a, p, width);
  b.next = new_beginnings(a, p, width);
  b.candidate = arena_alloc(a, room * (int64_t)sizeof *b.candidate);
  b.set = arena_alloc(a, width * (int64_t)sizeof *b.set);
  b.step = arena_alloc(a, room * (int64_t)sizeof *b.step);
  b.parent = arena_alloc(a, room * (int64_t)sizeof *b.parent);
  start_progress(p, &b.now[0].now);
  b.now[0].peak = p->start_bytes;
  for (int depth = 0; depth < p->n_step; depth++) {
    b.n_candidate = 0;
    for (int i = 0; i < b.n_now; i++) expand(&b, i);
    advance(&b, depth);
  }
  for (int depth = p->n_step - 1, i = 0; depth >= 0; depth--) {
    order[depth] = b.step[(int64_t)depth * width + i];
    i = b.parent[(int64_t)depth * width + i];
  }
  return b.now[0].peak;
}
