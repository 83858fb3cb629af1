/* liveness.c - groups tensors that share memory into buffers and finds the lifetimes of these.
 *
 * A view (Reshape, ...) always shares its input's memory.  A node whose kernel can work in place
 * writes over an input that nobody reads later, when that does not raise the peak: with equal sizes
 * it never does, but a small result that lives long would keep a large buffer alive.
 *
 *   x -> Conv -> a -> Relu -> b -> Reshape -> c -> Gemm -> y      a, b and c are one buffer
 *
 * Graph inputs live from before the first node to their last reader (and may be overwritten by it),
 * graph outputs to after the last node, the working memory of a kernel only at its node. */
#include <string.h>

#include "passes/lower/liveness.h"
#include "targets/kernels.h"

/* Memory that a group of tensors shares; kept at the id of its first tensor. */
typedef struct Group {
  int64_t bytes;
  int first, last;
} Group;

typedef struct Builder {
  const Graph *g;
  int *memory;               /* [n_tensor] id of the group's first tensor, -1: not in the arena */
  Group *group;              /* [n_tensor] valid where memory[id] == id */
  int64_t *load;             /* [n_node + 2] bytes alive at each moment, from -1 on */
} Builder;

static int64_t round_up(int64_t bytes) {
  return (bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
}

int64_t buffer_bytes(const Tensor *t) {
  int64_t bytes = stored_bytes(t);
  if (bytes < 0 || bytes > INT64_MAX / 1024)
    error_at(t->loc, "memory for tensor '%s' cannot be planned: its size is not known", t->name);
  return round_up(bytes);
}

int64_t scratch_bytes(const Node *n) {
  const Kernel *k = n->kernel;
  if (k == NULL || k->scratch == NULL) return 0;
  int64_t bytes = k->scratch(n);
  if (bytes < 0) bug("kernel %s wants %lld bytes of scratch", k->name, (long long)bytes);
  return round_up(bytes);
}

/* ---- who shares memory */

bool shares_input(const Node *n) {
  return n->n_in > 0 && n->n_out > 0 && n->in[0] && n->out[0] && !is_const(n->in[0]) && is_view(n);
}

/* A kernel that works in place may write less than it reads; writing more needs its consent. */
static bool fits_over(const Kernel *k, int i, const Tensor *y, const Tensor *x) {
  return stored_bytes(y) <= stored_bytes(x) || (k->grow >> i & 1);
}

bool may_overwrite(const Node *n, int i, const int *memory) {
  const Kernel *k = n->kernel;
  if (k == NULL || i >= 32 || !(k->in_place >> i & 1)) return false;
  const Tensor *x = n->in[i];
  if (n->n_out == 0 || !n->out[0] || !x || memory[x->id] < 0) return false;
  if (!fits_over(k, i, n->out[0], x)) return false;
  for (int j = 0; j < n->n_in; j++) {
    if (j == i || !n->in[j] || memory[n->in[j]->id] != memory[x->id]) continue;
    bool reads_the_same_way = n->in[j] == x && j < 32 && (k->in_place >> j & 1);
    if (!reads_the_same_way) return false;
  }
  return true;
}

void merge_views(const Graph *g, int *memory) {
  for (int i = 0; i < g->n_tensor; i++) memory[i] = -1;
  for (int i = 0; i < g->n_in; i++) memory[g->in[i]->id] = g->in[i]->id;
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    for (int j = 0; j < n->n_out; j++)
      if (n->out[j]) memory[n->out[j]->id] = n->out[j]->id;
    if (shares_input(n)) memory[n->out[0]->id] = memory[n->in[0]->id];
  }
}

/* ---- lifetimes */

static void extend(Builder *b, const Tensor *t, int moment) {
  if (!t || b->memory[t->id] < 0) return;
  Group *group = &b->group[b->memory[t->id]];
  if (moment < group->first) group->first = moment;
  if (moment > group->last) group->last = moment;
}

/* Lifetimes and sizes of the groups, as they are in memory[]. */
static void find_groups(Builder *b) {
  const Graph *g = b->g;
  for (int i = 0; i < g->n_tensor; i++) b->group[i] = (Group){0, g->n_node, -1};
  for (int i = 0; i < g->n_tensor; i++) {
    if (b->memory[i] < 0) continue;
    Group *group = &b->group[b->memory[i]];
    int64_t bytes = buffer_bytes(g->tensor[i]);
    if (bytes > group->bytes) group->bytes = bytes;
  }
  for (int i = 0; i < g->n_in; i++) extend(b, g->in[i], -1);
  for (int i = 0; i < g->n_node; i++) {
    for (int j = 0; j < g->node[i]->n_in; j++) extend(b, g->node[i]->in[j], i);
    for (int j = 0; j < g->node[i]->n_out; j++) extend(b, g->node[i]->out[j], i);
  }
  for (int i = 0; i < g->n_out; i++) extend(b, g->out[i], g->n_node);
}

/* ---- in place */

static void find_load(Builder *b) {
  for (int i = 0; i < b->g->n_node; i++) b->load[i + 1] = scratch_bytes(b->g->node[i]);
  for (int i = 0; i < b->g->n_tensor; i++) {
    if (b->memory[i] != i) continue;
    for (int m = b->group[i].first; m <= b->group[i].last; m++)
      b->load[m + 1] += b->group[i].bytes;
  }
}

/* What the load at moment m would change by if y lay in the memory of x from node `at` on. */
static int64_t load_change(const Group *x, const Group *y, int at, int m) {
  int64_t merged = x->bytes > y->bytes ? x->bytes : y->bytes;
  return merged - (m <= at ? x->bytes : 0) - (m >= at ? y->bytes : 0);
}

/* Would the peak over the lives of both stay, or fall? */
static bool keeps_peak(const Builder *b, const Group *x, const Group *y, int at) {
  int64_t before = 0, after = 0;
  for (int m = x->first; m <= y->last; m++) {
    int64_t load = b->load[m + 1], merged = load + load_change(x, y, at, m);
    if (load > before) before = load;
    if (merged > after) after = merged;
  }
  return after <= before;
}

static void join(Builder *b, int x, int y, int at) {
  Group *from = &b->group[y], *to = &b->group[x];
  for (int m = to->first; m <= from->last; m++) b->load[m + 1] += load_change(to, from, at, m);
  to->last = from->last;
  if (from->bytes > to->bytes) to->bytes = from->bytes;
  for (int i = 0; i < b->g->n_tensor; i++)
    if (b->memory[i] == y) b->memory[i] = x;
}

/* Lets node number `at` write over one of its inputs, the first that is possible; `eager`: even
 * where that alone would raise the peak, because the next node in a chain may lower it again. */
static void try_in_place(Builder *b, int at, bool eager) {
  const Node *n = b->g->node[at];
  if (n->kernel == NULL || shares_input(n)) return;
  for (int i = 0; i < n->n_in; i++) {
    if (!may_overwrite(n, i, b->memory)) continue;
    int x = b->memory[n->in[i]->id], y = b->memory[n->out[0]->id];
    if (b->group[x].last != at) continue;
    if (!eager && !keeps_peak(b, &b->group[x], &b->group[y], at)) continue;
    join(b, x, y, at);
    return;
  }
}

/* ---- the result */

static void add_buffer(Liveness *l, Group group, const Tensor *root, Node *node) {
  Block block = {.bytes = group.bytes, .first = group.first, .last = group.last, .offset = -1};
  l->buffer[l->n_buffer++] = (Buffer){block, root, node};
}

static Liveness *list_buffers(const Builder *b, Arena *a) {
  const Graph *g = b->g;
  Liveness *l = arena_alloc(a, sizeof *l);
  l->n_node = g->n_node;
  l->buffer = arena_alloc(a, ((int64_t)g->n_tensor + g->n_node) * (int64_t)sizeof *l->buffer);
  l->buffer_of = arena_alloc(a, g->n_tensor * (int64_t)sizeof *l->buffer_of);
  for (int i = 0; i < g->n_tensor; i++) {
    if (b->memory[i] != i) continue;
    l->buffer_of[i] = l->n_buffer;
    add_buffer(l, b->group[i], g->tensor[i], NULL);
  }
  for (int i = 0; i < g->n_tensor; i++)
    l->buffer_of[i] = b->memory[i] < 0 ? -1 : l->buffer_of[b->memory[i]];
  for (int i = 0; i < g->n_node; i++) {
    int64_t bytes = scratch_bytes(g->node[i]);
    if (bytes > 0) add_buffer(l, (Group){bytes, i, i}, NULL, g->node[i]);
  }
  return l;
}

static Builder new_builder(Arena *a, const Graph *g) {
  Builder b = {.g = g};
  b.memory = arena_alloc(a, g->n_tensor * (int64_t)sizeof *b.memory);
  b.group = arena_alloc(a, g->n_tensor * (int64_t)sizeof *b.group);
  b.load = arena_alloc(a, ((int64_t)g->n_node + 2) * (int64_t)sizeof *b.load);
  merge_views(g, b.memory);
  return b;
}

static Liveness *share_in_place(Arena *a, const Graph *g, bool eager) {
  Builder b = new_builder(a, g);
  find_groups(&b);
  find_load(&b);
  for (int i = 0; i < g->n_node; i++) try_in_place(&b, i, eager);
  return list_buffers(&b, a);
}

Liveness *find_liveness(Arena *a, const Graph *g) {
  Liveness *careful = share_in_place(a, g, false), *eager = share_in_place(a, g, true);
  return peak_bytes(a, eager) < peak_bytes(a, careful) ? eager : careful;
}

Liveness *planned_liveness(Arena *a, const Graph *g) {
  Builder b = new_builder(a, g);
  for (int i = 0; i < g->n_tensor; i++)
    if (b.memory[i] >= 0) b.memory[i] = g->tensor[i]->alias >= 0 ? g->tensor[i]->alias : i;
  find_groups(&b);
  Liveness *l = list_buffers(&b, a);
  for (int i = 0; i < l->n_buffer; i++) {
    Buffer *buffer = &l->buffer[i];
    buffer->block.offset = buffer->root ? buffer->root->offset
                                        : attr_int(buffer->node, "scratch_offset", -1);
  }
  return l;
}

int64_t peak_bytes(Arena *a, const Liveness *l) {
  Block *block = arena_alloc(a, l->n_buffer * (int64_t)sizeof *block);
  for (int i = 0; i < l->n_buffer; i++) block[i] = l->buffer[i].block;
  return block_bound(block, l->n_buffer);
}
