/* sharing.c - groups of tensors in the same memory.
 *
 *   a = Slice(x, row 4)     a lies in x, 4 rows behind its start
 *   y = Concat(b, c)        b and c lie in y, one behind the other, where nothing else holds them
 */
#include "passes/lower/sharing.h"
#include "targets/kernels.h"

static int64_t size_of(const Tensor *t) {
  int64_t bytes = stored_bytes(t);
  if (bytes < 0 || bytes > INT64_MAX / 1024)
    error_at(t->loc, "memory for tensor '%s' cannot be planned: its size is not known", t->name);
  return bytes;
}

static void set_place(Sharing *s, const Tensor *t, int root, int64_t at) {
  int64_t end = at + size_of(t);
  s->root[t->id] = root;
  s->at[t->id] = at;
  if (end > s->bytes[root]) s->bytes[root] = end;
}

static void read_at(Sharing *s, const Tensor *t, int moment) {
  if (t && s->life[t->id].last < moment) s->life[t->id].last = moment;
}

static void find_busy(Sharing *s) {
  const Graph *g = s->g;
  for (int i = 0; i < g->n_node; i++) s->busy[i] = (Life){i, i};
  for (int i = 0, first = 0; i < g->n_node; i++) {
    int64_t part = attr_int(g->node[i], "parallel", -1);
    if (part < 0) continue;
    if (part == 0) first = i;
    for (int k = first; k <= i; k++)
      if (find_attr(g->node[k], "parallel")) s->busy[k] = (Life){first, i};
  }
}

/* Conditions are read before the nodes that run where they hold. */
static void find_guard_lives(Sharing *s) {
  bool holds;
  for (int i = 0; i < s->g->n_node; i++)
    for (int k = 0; guard_of(s->g, s->g->node[i], k, &holds); k++)
      read_at(s, guard_of(s->g, s->g->node[i], k, &holds), s->busy[i].last);
}

/* What is made before a loop and read in a step is read in every step; the rows that steps make are there from the
 * first of them on.  The loops inside of a loop end before it. */
static void find_loop_lives(Sharing *s) {
  const Graph *g = s->g;
  for (int end = 0; end < g->n_node; end++) {
    const Node *n = g->node[end];
    if (!is_op(n, "LoopEnd")) continue;
    int begin = other_end(g, end), states = loop_shape(n).states;
    for (int i = 0; i < g->n_tensor; i++) {
      Life *life = &s->life[i];
      if (life->first < begin && begin < life->last && life->last < end) life->last = end;
    }
    for (int i = states; i < n->n_out; i++)
      if (n->out[i]) s->life[n->out[i]->id].first = begin;
  }
}

static void find_lives(Sharing *s) {
  const Graph *g = s->g;
  for (int i = 0; i < g->n_tensor; i++) s->life[i] = (Life){-1, -1};
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    bool view = is_view(n);
    for (int j = 0; j < n->n_in && !view; j++) read_at(s, n->in[j], s->busy[i].last);
    for (int j = 0; j < n->n_out; j++) {
      if (!n->out[j]) continue;
      int first = view ? s->life[n->in[0]->id].first : s->busy[i].first;
      s->life[n->out[j]->id] = (Life){first, view ? first : s->busy[i].last};
    }
  }
  for (int i = 0; i < g->n_out; i++) read_at(s, g->out[i], g->n_node);
  find_guard_lives(s);
  find_loop_lives(s);
}

static Sharing new_sharing(Arena *a, const Graph *g) {
  Sharing s = {.g = g};
  s.root = arena_alloc(a, g->n_tensor * (int64_t)sizeof *s.root);
  s.at = arena_alloc(a, g->n_tensor * (int64_t)sizeof *s.at);
  s.bytes = arena_alloc(a, g->n_tensor * (int64_t)sizeof *s.bytes);
  s.life = arena_alloc(a, g->n_tensor * (int64_t)sizeof *s.life);
  s.busy = arena_alloc(a, g->n_node * (int64_t)sizeof *s.busy);
  for (int i = 0; i < g->n_tensor; i++) s.root[i] = -1;
  find_busy(&s);
  find_lives(&s);
  return s;
}

Sharing share_views(Arena *a, const Graph *g) {
  Sharing s = new_sharing(a, g);
  for (int i = 0; i < g->n_in; i++) set_place(&s, g->in[i], g->in[i]->id, 0);
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    bool view = is_view(n) && s.root[n->in[0]->id] >= 0;
    for (int j = 0; j < n->n_out; j++) {
      if (!n->out[j]) continue;
      if (!view) set_place(&s, n->out[j], n->out[j]->id, 0);
      else set_place(&s, n->out[j], s.root[n->in[0]->id], s.at[n->in[0]->id] + view_offset(n, j));
    }
  }
  return s;
}

Sharing planned_sharing(Arena *a, const Graph *g) {
  Sharing s = new_sharing(a, g);
  int64_t *start = arena_alloc(a, g->n_tensor * (int64_t)sizeof *start);
  for (int i = 0; i < g->n_tensor; i++) {
    const Tensor *t = g->tensor[i];
    if (t->offset < 0) continue;
    s.root[i] = t->alias >= 0 ? t->alias : i;
    start[i] = INT64_MAX;
  }
  for (int i = 0; i < g->n_tensor; i++)
    if (s.root[i] >= 0 && g->tensor[i]->offset < start[s.root[i]])
      start[s.root[i]] = g->tensor[i]->offset;
  for (int i = 0; i < g->n_tensor; i++)
    if (s.root[i] >= 0)
      set_place(&s, g->tensor[i], s.root[i], g->tensor[i]->offset - start[s.root[i]]);
  return s;
}

void move_group(Sharing *s, int from, int to, int64_t at) {
  int64_t below = at < 0 ? -at : 0, end = at + below + s->bytes[from];
  for (int i = 0; i < s->g->n_tensor; i++) {
    if (s->root[i] == to) s->at[i] += below;
    if (s->root[i] != from) continue;
    s->root[i] = to;
    s->at[i] += at + below;
  }
  s->bytes[to] += below;
  if (end > s->bytes[to]) s->bytes[to] = end;
}

bool fits_part(const Sharing *s, const Node *n, int i) {
  const Tensor *part = n->in[i], *y = n->out[0];
  int root = s->root[part->id];
  if (part->def && (part->def->op->flags & OP_FLOW)) return false;
  return root >= 0 && root != s->root[y->id] && part_offset(n, i) >= 0 &&
         s->bytes[root] == stored_bytes(part);
}

void join_parts(Sharing *s, const Node *n) {
  int y = n->out[0]->id;
  for (int i = 0; i < n->n_in; i++)
    if (fits_part(s, n, i))
      move_group(s, s->root[n->in[i]->id], s->root[y], s->at[y] + part_offset(n, i));
}

/* A kernel that works in place may write less than it reads; writing more needs its consent. */
static bool fits_over(const Kernel *k, int i, const Tensor *y, const Tensor *x) {
  return stored_bytes(y) <= stored_bytes(x) || (k->grow >> i & 1);
}

static bool kernel_may_overwrite(const Kernel *k, const Sharing *s, const Node *n, int i) {
  if (k == NULL || i >= 32 || !(k->in_place >> i & 1)) return false;
  const Tensor *x = n->in[i];
  if (n->n_out != 1 || !n->out[0] || !x || s->root[x->id] < 0) return false;
  if (!fits_over(k, i, n->out[0], x)) return false;
  for (int j = 0; j < n->n_in; j++) {
    if (j == i || !n->in[j] || s->root[n->in[j]->id] != s->root[x->id]) continue;
    bool reads_the_same_way = n->in[j] == x && j < 32 && (k->in_place >> j & 1);
    if (!reads_the_same_way) return false;
  }
  return true;
}

/* Parts that run at the same time may read what another one would write over. */
bool may_overwrite(const Sharing *s, const Node *n, int i) {
  if (find_attr(n, "parallel")) return false;
  for (int v = 0; v < n_variants_of(n); v++)
    if (!kernel_may_overwrite(variant_kernel(n, v), s, n, i)) return false;
  return true;
}

static bool collide(const Sharing *s, int x, int y, int64_t at, int now) {
  int64_t from = s->at[y] + at, to = from + stored_bytes(s->g->tensor[y]);
  if (from >= s->at[x] + stored_bytes(s->g->tensor[x]) || to <= s->at[x]) return false;
  bool handed_over = s->life[x].last == now && s->life[y].first == now;
  return !handed_over && live_together(s->life[x], s->life[y]);
}

bool may_move(const Sharing *s, int from, int to, int64_t at, int now) {
  for (int x = 0; x < s->g->n_tensor; x++) {
    if (s->root[x] != to) continue;
    for (int y = 0; y < s->g->n_tensor; y++)
      if (s->root[y] == from && collide(s, x, y, at, now)) return false;
  }
  return true;
}
