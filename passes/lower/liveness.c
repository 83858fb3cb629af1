/* liveness.c - groups tensors that share memory into buffers and finds the lifetimes of these.
 *
 * A view (Reshape, a Slice of rows, ...) always shares its input's memory.  What a Concat joins is
 * made where it belongs, and a node whose kernel can work in place writes over an input that
 * nobody reads later, when that does not raise the peak: with equal sizes it never does, but a
 * small result that lives long would keep a large buffer alive.
 *
 *   x -> Conv -> a -> Relu -> b -> Reshape -> c -> Gemm -> y      a, b and c are one buffer
 *
 * Graph inputs live from before the first node to their last reader (and may be overwritten by it),
 * graph outputs to after the last node, the working memory of a kernel only at its node. */
#include <string.h>

#include "passes/lower/liveness.h"
#include "targets/kernels.h"

typedef struct Builder {
  const Graph *g;
  Sharing s;
  Life *life;                /* [n_tensor] of a group, at its root */
  int64_t *load;             /* [n_node + 2] bytes alive at each moment, from -1 on */
  int64_t copied;            /* bytes of Concat that are not made where they belong */
} Builder;

int64_t round_to_block(int64_t bytes) {
  return (bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
}

/* What the hungriest of the target's variants wants. */
int64_t scratch_bytes(const Node *n) {
  int64_t most = 0;
  for (int v = 0; v < n_variants_of(n); v++) {
    const Kernel *k = variant_kernel(n, v);
    int64_t bytes = k && k->scratch ? k->scratch(n) : 0;
    if (bytes < 0) bug("kernel %s wants %lld bytes of scratch", k->name, (long long)bytes);
    if (bytes > most) most = bytes;
  }
  return round_to_block(most);
}

static int64_t group_bytes(const Builder *b, int root) { return round_to_block(b->s.bytes[root]); }

/* ---- lifetimes */

static void find_lives(Builder *b) {
  const Sharing *s = &b->s;
  for (int i = 0; i < b->g->n_tensor; i++) b->life[i] = (Life){b->g->n_node, -1};
  for (int i = 0; i < b->g->n_tensor; i++) {
    if (s->root[i] < 0) continue;
    Life *life = &b->life[s->root[i]];
    if (s->life[i].first < life->first) life->first = s->life[i].first;
    if (s->life[i].last > life->last) life->last = s->life[i].last;
  }
}

static void find_load(Builder *b) {
  for (int i = 0; i < b->g->n_node; i++)
    for (int m = b->s.busy[i].first; m <= b->s.busy[i].last; m++)
      b->load[m + 1] += scratch_bytes(b->g->node[i]);
  for (int i = 0; i < b->g->n_tensor; i++) {
    if (b->s.root[i] != i) continue;
    for (int m = b->life[i].first; m <= b->life[i].last; m++) b->load[m + 1] += group_bytes(b, i);
  }
}

/* ---- one group into another */

/* Group y begins `at` bytes behind group x: what that makes of both. */
typedef struct Union {
  int x, y;                  /* roots */
  int64_t at, bytes;
  Life life;
} Union;

static Union unite(const Builder *b, int x, int y, int64_t at) {
  int64_t below = at < 0 ? -at : 0, end = at + b->s.bytes[y];
  Union u = {.x = x, .y = y, .at = at, .life = b->life[x]};
  if (b->life[y].first < u.life.first) u.life.first = b->life[y].first;
  if (b->life[y].last > u.life.last) u.life.last = b->life[y].last;
  u.bytes = round_to_block(below + (end > b->s.bytes[x] ? end : b->s.bytes[x]));
  return u;
}

static bool lives_at(const Life *life, int m) { return life->first <= m && m <= life->last; }

/* What the load at moment m, within the life of the union, changes by. */
static int64_t load_change(const Builder *b, const Union *u, int m) {
  return u->bytes - (lives_at(&b->life[u->x], m) ? group_bytes(b, u->x) : 0) -
         (lives_at(&b->life[u->y], m) ? group_bytes(b, u->y) : 0);
}

/* Would the peak over the lives of both stay, or fall? */
static bool keeps_peak(const Builder *b, const Union *u) {
  int64_t before = 0, after = 0;
  for (int m = u->life.first; m <= u->life.last; m++) {
    int64_t load = b->load[m + 1], united = load + load_change(b, u, m);
    if (load > before) before = load;
    if (united > after) after = united;
  }
  return after <= before;
}

static void join(Builder *b, const Union *u) {
  for (int m = u->life.first; m <= u->life.last; m++) b->load[m + 1] += load_change(b, u, m);
  b->life[u->x] = u->life;
  move_group(&b->s, u->y, u->x, u->at);
}

/* ---- in place */

/* Are all tensors still where their types may lie after y's group has moved by `shift` bytes? */
static bool keeps_alignment(const Tensor *x, const Tensor *y, int64_t shift) {
  return shift % BLOCK_ALIGN == 0 || (shift > 0 && dtype_bytes(x->dtype) == dtype_bytes(y->dtype));
}

/* Lets node number `at` write over one of its inputs, the first that is possible; `eager`: even
 * where that alone would raise the peak, because the next node in a chain may lower it again. */
static void try_in_place(Builder *b, int at, bool eager) {
  const Node *n = b->g->node[at];
  if (n->kernel == NULL || is_view(n)) return;
  for (int i = 0; i < n->n_in; i++) {
    if (!may_overwrite(&b->s, n, i)) continue;
    const Tensor *x = n->in[i], *y = n->out[0];
    int64_t shift = b->s.at[x->id] - b->s.at[y->id];
    Union u = unite(b, b->s.root[x->id], b->s.root[y->id], shift);
    if (u.x == u.y || !keeps_alignment(x, y, shift)) continue;
    if (!may_move(&b->s, u.y, u.x, shift, at)) continue;
    if (!eager && !keeps_peak(b, &u)) continue;
    join(b, &u);
    return;
  }
}

/* Makes what a Concat joins where it belongs, as far as possible. */
static void try_parts(Builder *b, const Node *n, bool eager) {
  for (int i = 0; i < n->n_in && is_op(n, "Concat"); i++) {
    bool fits = fits_part(&b->s, n, i);
    if (fits) {
      int y = n->out[0]->id;
      Union u = unite(b, b->s.root[y], b->s.root[n->in[i]->id], b->s.at[y] + part_offset(n, i));
      fits = eager || keeps_peak(b, &u);
      if (fits) join(b, &u);
    }
    if (!fits) b->copied += stored_bytes(n->in[i]);
  }
}

/* ---- the result */

static void add_buffer(Liveness *l, int64_t bytes, Life life, const Tensor *root, Node *node) {
  Block block = {.bytes = bytes, .first = life.first, .last = life.last, .offset = -1};
  l->buffer[l->n_buffer++] = (Buffer){block, root, node};
}

static Liveness *list_buffers(const Builder *b, Arena *a) {
  const Graph *g = b->g;
  Liveness *l = arena_alloc(a, sizeof *l);
  l->n_node = g->n_node;
  l->copied = b->copied;
  l->at = b->s.at;
  l->buffer = arena_alloc(a, ((int64_t)g->n_tensor + g->n_node) * (int64_t)sizeof *l->buffer);
  l->buffer_of = arena_alloc(a, g->n_tensor * (int64_t)sizeof *l->buffer_of);
  for (int i = 0; i < g->n_tensor; i++) {
    if (b->s.root[i] != i) continue;
    l->buffer_of[i] = l->n_buffer;
    add_buffer(l, group_bytes(b, i), b->life[i], g->tensor[i], NULL);
  }
  for (int i = 0; i < g->n_tensor; i++)
    l->buffer_of[i] = b->s.root[i] < 0 ? -1 : l->buffer_of[b->s.root[i]];
  for (int i = 0; i < g->n_node; i++) {
    int64_t bytes = scratch_bytes(g->node[i]);
    if (bytes > 0) add_buffer(l, bytes, b->s.busy[i], NULL, g->node[i]);
  }
  return l;
}

static Builder new_builder(Arena *a, const Graph *g, Sharing s) {
  Builder b = {.g = g, .s = s};
  b.life = arena_alloc(a, g->n_tensor * (int64_t)sizeof *b.life);
  b.load = arena_alloc(a, ((int64_t)g->n_node + 2) * (int64_t)sizeof *b.load);
  find_lives(&b);
  return b;
}

static Liveness *share_memory(Arena *a, const Graph *g, bool eager_parts, bool eager_in_place) {
  Builder b = new_builder(a, g, share_views(a, g));
  find_load(&b);
  for (int i = g->n_node - 1; i >= 0; i--) try_parts(&b, g->node[i], eager_parts);
  for (int i = 0; i < g->n_node; i++) try_in_place(&b, i, eager_in_place);
  Liveness *l = list_buffers(&b, a);
  find_followers(&b.s, l);
  return l;
}

Liveness *find_liveness(Arena *a, const Graph *g) {
  Liveness *best = NULL;
  int64_t least = 0;
  for (int way = 0; way < 4; way++) {
    Liveness *l = share_memory(a, g, way / 2 == 0, way % 2 == 1);
    int64_t peak = peak_bytes(a, l);
    if (best && (peak > least || (peak == least && l->copied >= best->copied))) continue;
    best = l;
    least = peak;
  }
  return best;
}

Liveness *planned_liveness(Arena *a, const Graph *g) {
  Builder b = new_builder(a, g, planned_sharing(a, g));
  Liveness *l = list_buffers(&b, a);
  for (int i = 0; i < g->n_tensor; i++)
    if (b.s.root[i] == i) l->buffer[l->buffer_of[i]].block.offset = g->tensor[i]->offset - l->at[i];
  for (int i = 0; i < l->n_buffer; i++)
    if (l->buffer[i].node)
      l->buffer[i].block.offset = attr_int(l->buffer[i].node, "scratch_offset", -1);
  return l;
}

Block *list_blocks(Arena *a, const Liveness *l) {
  Block *block = arena_alloc(a, l->n_buffer * (int64_t)sizeof *block);
  for (int i = 0; i < l->n_buffer; i++) block[i] = l->buffer[i].block;
  return block;
}

int64_t peak_bytes(Arena *a, const Liveness *l) {
  return block_bound(list_blocks(a, l), l->n_buffer);
}
