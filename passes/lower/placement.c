/* placement.c - packs blocks into one arena, several ways, and keeps the best.
 *
 * Every way is first fit: blocks are taken in some order and each gets the lowest gap (or the
 * tightest) between those placed before it that live at the same time.  The orders are those of
 * Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020): by size,
 * by breadth (the busiest moment first), and by area, length and start of the lifetime.  When none
 * meets the lower bound, a local search changes these orders: it moves a block that touches the top
 * of the arena to an earlier place, or swaps two.  Few blocks are settled by branch and bound. */
#include <stdlib.h>
#include <string.h>

#include "passes/lower/placement.h"

enum {
  N_ROUNDS = 2,              /* times that the local search starts from each order */
  MAX_TRIES = 800,           /* orders that it looks at in each of them */
  MAX_WORK = 30000000,       /* pairs of blocks that it looks at in all */
  STALE_TRIES = 400,         /* tries without an improvement before it takes another order */
  MAX_EXACT = 40,            /* blocks that branch and bound is tried on */
  MAX_EXACT_STEPS = 300000,
};

typedef struct Span { int64_t from, to; } Span;

typedef struct Placer {
  const Block *b;            /* [n] */
  int n;
  int **near;                /* [n] blocks that live at the same time ... */
  int *n_near;               /* [n] ... and their number */
  int64_t *load;             /* [n] bytes alive when a block begins */
  int64_t *at;               /* [n] offsets of the placement at work, -1: not placed yet */
  int64_t *best;             /* [n] offsets of the best placement */
  int64_t best_bytes, bound;
  Span *span;                /* [n] neighbours of a block, sorted by offset */
  int64_t work;              /* neighbours looked at so far */
  uint64_t seed;
} Placer;

static void *new_array(Arena *a, int64_t n, size_t size) {
  return arena_alloc(a, n * (int64_t)size);
}

/* ---- lifetimes */

static bool overlap_in_time(const Block *b, const Block *c) {
  return b->first <= c->last && c->first <= b->last;
}

static bool follows(const Block *b, int i, int j) { return b[i].follows == j + 1; }

static bool lies_behind(const Block *b, int i, int j) {
  return follows(b, i, j) && b[i].offset <= b[j].offset + b[i].lead;
}

bool blocks_collide(const Block *b, int i, int j) {
  return b[i].bytes > 0 && b[j].bytes > 0 && overlap_in_time(&b[i], &b[j]) &&
         b[i].offset < b[j].offset + b[j].bytes && b[j].offset < b[i].offset + b[i].bytes &&
         !lies_behind(b, i, j) && !lies_behind(b, j, i);
}

int64_t shared_bytes(const Block *b, int64_t bytes, int64_t lead) {
  int64_t top = b->bytes + (lead < 0 ? -lead : 0), end = top > bytes ? top : bytes;
  int64_t shared = b->bytes + bytes - end;
  return shared > 0 ? shared : 0;
}

static bool is_alive(const Block *b, int moment) { return b->first <= moment && moment <= b->last; }

int64_t block_load(const Block *b, int n, int moment) {
  int64_t sum = 0;
  for (int j = 0; j < n; j++) {
    if (!is_alive(&b[j], moment)) continue;
    sum += b[j].bytes;
    const Block *other = b[j].follows ? &b[b[j].follows - 1] : NULL;
    if (other && is_alive(other, moment)) sum -= shared_bytes(other, b[j].bytes, b[j].lead);
  }
  return sum;
}

int64_t block_bound(const Block *b, int n) {
  int64_t bound = 0;
  for (int i = 0; i < n; i++) {
    int64_t load = block_load(b, n, b[i].first); /* no other moment can be the busiest */
    if (load > bound) bound = load;
  }
  return bound;
}

int64_t block_extent(const Block *b, int n) {
  int64_t end = 0;
  for (int i = 0; i < n; i++)
    if (b[i].offset + b[i].bytes > end) end = b[i].offset + b[i].bytes;
  return end;
}

static void find_neighbours(Placer *p, Arena *a) {
  p->near = new_array(a, p->n, sizeof *p->near);
  p->n_near = new_array(a, p->n, sizeof *p->n_near);
  p->load = new_array(a, p->n, sizeof *p->load);
  int *found = new_array(a, p->n, sizeof *found);
  for (int i = 0; i < p->n; i++) {
    int n = 0;
    p->load[i] = block_load(p->b, p->n, p->b[i].first);
    for (int j = 0; j < p->n; j++)
      if (j != i && p->b[j].bytes > 0 && overlap_in_time(&p->b[i], &p->b[j])) found[n++] = j;
    p->n_near[i] = n;
    p->near[i] = new_array(a, n, sizeof **p->near);
    memcpy(p->near[i], found, (size_t)n * sizeof *found);
  }
}

/* ---- first fit */

/* Where block i must not be, because of block j: it must end before or start behind the span. */
static Span span_of(const Placer *p, int i, int j) {
  Span s = {p->at[j], p->at[j] + p->b[j].bytes};
  if (follows(p->b, i, j) && p->b[i].lead > -p->b[i].bytes)
    s.from = p->at[j] + p->b[i].lead + p->b[i].bytes;
  if (follows(p->b, j, i) && p->b[j].lead > -p->b[j].bytes) s.to = p->at[j] - p->b[j].lead;
  return s;
}

/* The placed neighbours of block i, by rising offset. */
static int collect_spans(Placer *p, int i) {
  int n = 0;
  for (int k = 0; k < p->n_near[i]; k++) {
    int j = p->near[i][k];
    if (p->at[j] < 0) continue;
    Span s = span_of(p, i, j);
    int to = n++;
    for (; to > 0 && p->span[to - 1].from > s.from; to--) p->span[to] = p->span[to - 1];
    p->span[to] = s;
  }
  p->work += p->n_near[i] + 1;
  return n;
}

/* Lowest gap that takes block i, or the tightest one; on top of its neighbours when none does. */
static int64_t find_gap(Placer *p, int i, bool tightest) {
  int n = collect_spans(p, i);
  int64_t top = 0, found = -1, slack = INT64_MAX;
  for (int k = 0; k < n; k++) {
    int64_t gap = p->span[k].from - top;
    if (gap >= p->b[i].bytes && gap - p->b[i].bytes < slack) {
      if (!tightest) return top;
      found = top;
      slack = gap - p->b[i].bytes;
    }
    if (p->span[k].to > top) top = p->span[k].to;
  }
  return found >= 0 ? found : top;
}

/* Places all blocks in the given order; gives up with INT64_MAX once the arena exceeds `limit`. */
static int64_t fit(Placer *p, const int *order, bool tightest, int64_t limit) {
  int64_t end = 0;
  for (int i = 0; i < p->n; i++) p->at[i] = -1;
  for (int k = 0; k < p->n; k++) {
    int i = order[k];
    p->at[i] = p->b[i].bytes > 0 ? find_gap(p, i, tightest) : 0;
    if (p->at[i] + p->b[i].bytes > end) end = p->at[i] + p->b[i].bytes;
    if (end > limit) return INT64_MAX;
  }
  if (end < p->best_bytes) {
    p->best_bytes = end;
    memcpy(p->best, p->at, (size_t)p->n * sizeof *p->best);
  }
  return end;
}

/* ---- orders */

typedef struct Rank {
  int64_t key, tie;          /* larger ones first */
  int index;
} Rank;

static int64_t length_of(const Placer *p, int i) {
  return (int64_t)p->b[i].last - p->b[i].first + 1;
}
static Rank by_size(const Placer *p, int i) { return (Rank){p->b[i].bytes, length_of(p, i), i}; }
static Rank by_length(const Placer *p, int i) { return (Rank){length_of(p, i), p->b[i].bytes, i}; }
static Rank by_start(const Placer *p, int i) { return (Rank){-p->b[i].first, p->b[i].bytes, i}; }
static Rank by_area(const Placer *p, int i) {
  int64_t area = mul_size(length_of(p, i), p->b[i].bytes);
  return (Rank){area < 0 ? INT64_MAX : area, p->b[i].bytes, i};
}
/* The load of the busiest moment that the block sees: its own start or a neighbour's. */
static Rank by_breadth(const Placer *p, int i) {
  int64_t busiest = p->load[i];
  for (int k = 0; k < p->n_near[i]; k++) {
    int j = p->near[i][k];
    if (p->b[j].first >= p->b[i].first && p->load[j] > busiest) busiest = p->load[j];
  }
  return (Rank){busiest, p->b[i].bytes, i};
}

static Rank (*const orders[])(const Placer *p, int i) = {by_size, by_breadth, by_area, by_length,
                                                         by_start};
enum { N_ORDERS = sizeof orders / sizeof *orders };

static int compare_ranks(const void *a, const void *b) {
  const Rank *x = a, *y = b;
  if (x->key != y->key) return x->key > y->key ? -1 : 1;
  if (x->tie != y->tie) return x->tie > y->tie ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static int *make_order(Placer *p, Arena *a, int which) {
  Rank *rank = new_array(a, p->n, sizeof *rank);
  int *order = new_array(a, p->n, sizeof *order);
  for (int i = 0; i < p->n; i++) rank[i] = orders[which](p, i);
  qsort(rank, (size_t)p->n, sizeof *rank, compare_ranks);
  for (int i = 0; i < p->n; i++) order[i] = rank[i].index;
  return order;
}

/* ---- local search */

static int random_below(Placer *p, int n) {  /* xorshift64* */
  p->seed ^= p->seed >> 12;
  p->seed ^= p->seed << 25;
  p->seed ^= p->seed >> 27;
  return (int)((p->seed * UINT64_C(0x2545F4914F6CDD1D) >> 33) % (uint64_t)n);
}

/* Position in the order of a block that ends at the top of the arena. */
static int find_top(const Placer *p, const int *order, const int64_t *at, int64_t end) {
  for (int k = 0; k < p->n; k++)
    if (p->b[order[k]].bytes > 0 && at[order[k]] + p->b[order[k]].bytes == end) return k;
  return p->n - 1;
}

static void change_order(Placer *p, int *order, int top) {
  if (top > 0 && random_below(p, 2) == 0) {
    int to = random_below(p, top), moved = order[top];
    memmove(order + to + 1, order + to, (size_t)(top - to) * sizeof *order);
    order[to] = moved;
    return;
  }
  int i = random_below(p, p->n), j = random_below(p, p->n), swapped = order[i];
  order[i] = order[j];
  order[j] = swapped;
}

/* Walks from one order over its neighbours, never to a worse one.  `next` is room for an order. */
static void improve(Placer *p, int *order, int *next) {
  size_t bytes = (size_t)p->n * sizeof *order;
  int64_t now = fit(p, order, false, INT64_MAX - 1);
  int top = find_top(p, order, p->at, now);
  for (int t = 0, stale = 0; t < MAX_TRIES && stale < STALE_TRIES; t++, stale++) {
    if (p->best_bytes <= p->bound || p->work > MAX_WORK) return;
    memcpy(next, order, bytes);
    change_order(p, next, top);
    int64_t end = fit(p, next, false, now);
    if (end == INT64_MAX) continue;
    if (end < now) stale = 0;
    now = end;
    memcpy(order, next, bytes);
    top = find_top(p, order, p->at, now);
  }
}

static void search_locally(Placer *p, Arena *a, int *const *order) {
  int *next = new_array(a, p->n, sizeof *next);
  for (int round = 0; round < N_ROUNDS; round++)
    for (int i = 0; i < N_ORDERS; i++) improve(p, order[i], next);
}

/* ---- all together */

/* Branch and bound knows nothing of blocks that overlap. */
static bool any_follows(const Block *b, int n) {
  for (int i = 0; i < n; i++)
    if (b[i].follows) return true;
  return false;
}

static void check_placement(const Block *b, int n) {
  for (int i = 0; i < n; i++) {
    if (b[i].offset < 0 || b[i].offset % BLOCK_ALIGN != 0) bug("block %d lies badly", i);
    for (int j = 0; j < i; j++)
      if (blocks_collide(b, i, j)) bug("blocks %d and %d overlap in the arena", j, i);
  }
}

int64_t place_blocks(Arena *a, Block *b, int n) {
  Placer p = {.b = b, .n = n, .best_bytes = INT64_MAX, .bound = block_bound(b, n)};
  p.seed = UINT64_C(88172645463325252);
  int *order[N_ORDERS];
  if (n == 0) return 0;
  p.at = new_array(a, n, sizeof *p.at);
  p.best = new_array(a, n, sizeof *p.best);
  p.span = new_array(a, n, sizeof *p.span);
  find_neighbours(&p, a);
  for (int i = 0; i < N_ORDERS; i++) order[i] = make_order(&p, a, i);
  for (int i = 0; i < N_ORDERS && p.best_bytes > p.bound; i++) {
    fit(&p, order[i], false, INT64_MAX - 1);
    fit(&p, order[i], true, INT64_MAX - 1);
  }
  if (p.best_bytes > p.bound) search_locally(&p, a, order);
  for (int i = 0; i < n; i++) b[i].offset = p.best[i];
  bool complete;
  if (p.best_bytes > p.bound && n <= MAX_EXACT && !any_follows(b, n))
    p.best_bytes = place_exact(a, b, n, p.best_bytes, MAX_EXACT_STEPS, &complete);
  check_placement(b, n);
  return p.best_bytes;
}
