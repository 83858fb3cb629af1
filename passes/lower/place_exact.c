/* place_exact.c - the smallest arena for a few blocks, by branch and bound.
 *
 * In an arena that cannot be pressed down any further, every block rests on the ground or on a
 * block below it.  Taken by rising offset, each block then lies exactly on the highest end of those
 * before it that share a moment with it.  So it is enough to try the orders of blocks, always
 * dropping the next one on the skyline (the highest end so far at each moment), never below the one
 * before.  What still has to go above the skyline at a moment bounds the arena from below. */
#include <stdlib.h>
#include <string.h>

#include "passes/lower/placement.h"

typedef struct Piece {
  int64_t bytes;
  int first, last;           /* slots, both included */
  int index;                 /* of its block */
  bool placed;
} Piece;

typedef struct Search {
  Piece *piece;              /* [n] largest first */
  int n, n_slot;
  int64_t *height;           /* [n_slot] skyline */
  int64_t *rest;             /* [n_slot] bytes of the pieces that are not placed yet */
  int64_t *saved;            /* [n][n_slot] skylines to go back to */
  int64_t *offset;           /* [n] of pieces, at work */
  int64_t *best;             /* [n] offsets of the best placement */
  int64_t best_bytes, bound;
  int64_t steps, max_steps;
} Search;

static int by_bytes(const void *a, const void *b) {
  const Piece *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  if (x->last != y->last) return x->last < y->last ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static int by_value(const void *a, const void *b) {
  const int *x = a, *y = b;
  return *x < *y ? -1 : *x > *y;
}

/* One slot per moment at which a block begins: no other moment can be the busiest. */
static int find_slots(const Block *b, int n, int *moment) {
  int n_slot = 0;
  for (int i = 0; i < n; i++) moment[i] = b[i].first;
  qsort(moment, (size_t)n, sizeof *moment, by_value);
  for (int i = 0; i < n; i++)
    if (n_slot == 0 || moment[i] != moment[n_slot - 1]) moment[n_slot++] = moment[i];
  return n_slot;
}

static void add_piece(Search *s, const Block *b, int index, const int *moment) {
  Piece p = {.bytes = b->bytes, .first = -1, .last = -1, .index = index};
  for (int t = 0; t < s->n_slot; t++) {
    if (moment[t] < b->first || moment[t] > b->last) continue;
    if (p.first < 0) p.first = t;
    p.last = t;
    s->rest[t] += b->bytes;
  }
  s->piece[s->n++] = p;
}

static int64_t drop(const Search *s, const Piece *p) {
  int64_t top = 0;
  for (int t = p->first; t <= p->last; t++)
    if (s->height[t] > top) top = s->height[t];
  return top;
}

/* Can the rest still end below the best arena when nothing goes below `floor` any more? */
static bool has_hope(const Search *s, int64_t floor) {
  for (int t = 0; t < s->n_slot; t++) {
    int64_t base = s->height[t] > floor ? s->height[t] : floor;
    if (s->rest[t] > 0 && base + s->rest[t] >= s->best_bytes) return false;
  }
  return true;
}

static bool same_piece(const Piece *a, const Piece *b) {
  return a->bytes == b->bytes && a->first == b->first && a->last == b->last;
}

static void keep_best(Search *s) {
  int64_t end = 0;
  for (int i = 0; i < s->n; i++)
    if (s->offset[i] + s->piece[i].bytes > end) end = s->offset[i] + s->piece[i].bytes;
  if (end >= s->best_bytes) return;
  s->best_bytes = end;
  memcpy(s->best, s->offset, (size_t)s->n * sizeof *s->best);
}

static bool finished(const Search *s) {
  return s->best_bytes <= s->bound || s->steps > s->max_steps;
}

/* Tries every piece as number `depth`; the one before it was piece `before` at offset `floor`. */
static void branch(Search *s, int depth, int64_t floor, int before) {
  if (depth == s->n) {
    keep_best(s);
    return;
  }
  int64_t *saved = s->saved + (int64_t)depth * s->n_slot;
  memcpy(saved, s->height, (size_t)s->n_slot * sizeof *saved);
  const Piece *tried = NULL;
  for (int i = 0; i < s->n && !finished(s); i++) {
    Piece *p = &s->piece[i];
    if (p->placed || (tried && same_piece(tried, p))) continue;
    int64_t at = drop(s, p);
    if (at < floor || (at == floor && i < before) || at + p->bytes >= s->best_bytes) continue;
    tried = p;
    s->steps++;
    p->placed = true;
    s->offset[i] = at;
    for (int t = p->first; t <= p->last; t++) {
      s->height[t] = at + p->bytes;
      s->rest[t] -= p->bytes;
    }
    if (has_hope(s, at)) branch(s, depth + 1, at, i);
    for (int t = p->first; t <= p->last; t++) s->rest[t] += p->bytes;
    memcpy(s->height, saved, (size_t)s->n_slot * sizeof *saved);
    p->placed = false;
  }
}

int64_t place_exact(Arena *a, Block *b, int n, int64_t known, int64_t max_steps, bool *complete) {
  Search s = {.best_bytes = known, .bound = block_bound(b, n), .max_steps = max_steps};
  int64_t size = (int64_t)sizeof(int64_t);
  int *moment = arena_alloc(a, n * (int64_t)sizeof *moment);
  s.n_slot = find_slots(b, n, moment);
  s.piece = arena_alloc(a, n * (int64_t)sizeof *s.piece);
  s.height = arena_alloc(a, s.n_slot * size);
  s.rest = arena_alloc(a, s.n_slot * size);
  s.saved = arena_alloc(a, (int64_t)n * s.n_slot * size);
  s.offset = arena_alloc(a, n * size);
  s.best = arena_alloc(a, n * size);
  for (int i = 0; i < n; i++)
    if (b[i].bytes > 0) add_piece(&s, &b[i], i, moment);
  qsort(s.piece, (size_t)s.n, sizeof *s.piece, by_bytes);
  if (s.best_bytes > s.bound) branch(&s, 0, 0, 0);
  *complete = s.best_bytes <= s.bound || s.steps <= s.max_steps;
  if (s.best_bytes == known) return known;
  for (int i = 0; i < n; i++) b[i].offset = 0;
  for (int i = 0; i < s.n; i++) b[s.piece[i].index].offset = s.best[i];
  return s.best_bytes;
}
