/* regions.c - an arena in several memory regions: tightly coupled memory, SRAM, external.
 *
 * A buffer goes to the fastest region that still has room, those first that are accessed most often
 * for their size: working memory, then what many windows read.  Each region is placed by itself;
 * offsets count through, so that an offset tells the region. */
#include <stdlib.h>
#include <string.h>

#include "passes/lower/regions.h"

typedef struct Heat {
  int block;
  double per_byte;           /* bytes accessed for each byte of the block */
} Heat;

/* Bytes that a node reads of input i: windows read the same ones again and again. */
static double bytes_read(const Node *n, int i) {
  double bytes = (double)stored_bytes(n->in[i]);
  if (i > 0 || node_macs(n) == 0 || n->n_in < 2 || !n->in[1] || !is_const(n->in[1])) return bytes;
  double channels = (double)n->in[1]->dim[0] / (double)attr_int(n, "group", 1);
  double read = (double)node_macs(n) / channels * dtype_bytes(n->in[0]->dtype);
  return read > bytes ? read : bytes;
}

static void add_heat(const Liveness *l, Heat *heat, const Tensor *t, double bytes) {
  int at = t && !is_const(t) ? l->buffer_of[t->id] : -1;
  if (at >= 0) heat[at].per_byte += bytes;
}

static int hottest_first(const void *a, const void *b) {
  const Heat *x = a, *y = b;
  if (x->per_byte != y->per_byte) return x->per_byte > y->per_byte ? -1 : 1;
  return x->block - y->block;
}

static Heat *rank_blocks(Arena *a, const Graph *g, const Liveness *l) {
  Heat *heat = arena_alloc(a, l->n_buffer * (int64_t)sizeof *heat);
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    for (int j = 0; j < n->n_in; j++)
      if (n->in[j] && !is_const(n->in[j])) add_heat(l, heat, n->in[j], bytes_read(n, j));
    for (int j = 0; j < n->n_out; j++)
      if (n->out[j]) add_heat(l, heat, n->out[j], (double)stored_bytes(n->out[j]));
  }
  for (int i = 0; i < l->n_buffer; i++) {
    const Buffer *b = &l->buffer[i];
    heat[i].block = i;
    if (b->block.bytes > 0) heat[i].per_byte /= (double)b->block.bytes;
    if (b->node) heat[i].per_byte = (double)INT64_MAX;
  }
  qsort(heat, (size_t)l->n_buffer, sizeof *heat, hottest_first);
  return heat;
}

/* The chosen blocks by themselves; what follows a block that is not among them follows none. */
static Block *choose_blocks(Arena *a, const Block *block, int n, const int *chosen) {
  Block *some = arena_alloc(a, n * (int64_t)sizeof *some);
  for (int i = 0; i < n; i++) {
    some[i] = block[chosen[i]];
    int followed = some[i].follows - 1;
    some[i].follows = 0;
    for (int j = 0; j < n; j++)
      if (chosen[j] == followed) some[i].follows = j + 1;
  }
  return some;
}

/* Fills a region with blocks of the list that are still free (region[i] < 0), the first ones first;
 * returns the bytes used. */
static int64_t fill_region(Arena *a, Block *block, int n, const Heat *list, int number,
                           int64_t room, int *region) {
  int *chosen = arena_alloc(a, n * (int64_t)sizeof *chosen), count = 0;
  for (int i = 0; i < n; i++) {
    if (region[list[i].block] >= 0) continue;
    chosen[count] = list[i].block;
    if (block_bound(choose_blocks(a, block, count + 1, chosen), count + 1) <= room) count++;
  }
  for (; count > 0; count--) {
    Block *some = choose_blocks(a, block, count, chosen);
    int64_t bytes = place_blocks(a, some, count);
    if (bytes > room) continue;
    for (int i = 0; i < count; i++) {
      region[chosen[i]] = number;
      block[chosen[i]].offset = some[i].offset;
    }
    return bytes;
  }
  return 0;
}

static const Region *first_ram(const Target *t) {
  for (int i = 0; i < t->n_region; i++)
    if (!t->region[i].is_rom) return &t->region[i];
  return NULL;
}

/* False, with nothing changed, when the regions do not hold everything. */
static bool split_arena(Arena *a, Graph *g, const Target *t, const Liveness *l, Block *block) {
  int n = l->n_buffer, parts = 0, left = n;
  int *region = arena_alloc(a, n * (int64_t)sizeof *region);
  ArenaPart part[MAX_REGIONS];
  int64_t end = 0;
  const Heat *list = rank_blocks(a, g, l);
  Block *split = arena_alloc(a, n * (int64_t)sizeof *split);
  memcpy(split, block, (size_t)n * sizeof *split);
  for (int i = 0; i < n; i++) region[i] = -1;
  for (int r = 0; r < t->n_region && left > 0; r++) {
    if (t->region[r].is_rom) continue;
    int64_t room = t->region[r].bytes / BLOCK_ALIGN * BLOCK_ALIGN;
    int64_t bytes = fill_region(a, split, n, list, parts, room, region);
    left = 0;
    for (int i = 0; i < n; i++) {
      if (region[i] == parts) split[i].offset += end;
      left += region[i] < 0;
    }
    if (bytes == 0) continue;
    part[parts++] = (ArenaPart){t->region[r].name, end};
    end += bytes;
  }
  if (left > 0) return false;
  memcpy(block, split, (size_t)n * sizeof *block);
  memcpy(g->part, part, (size_t)parts * sizeof *part);
  g->n_part = parts;
  g->arena_bytes = end;
  return true;
}

void place_in_regions(Arena *a, Graph *g, const Target *t, const Liveness *l, Block *block) {
  _Static_assert((int)MAX_REGIONS <= (int)MAX_ARENA_PARTS, "every region may hold a part");
  const Region *ram = t ? first_ram(t) : NULL;
  g->n_part = 0;
  g->arena_bytes = place_blocks(a, block, l->n_buffer);
  if (ram && g->arena_bytes > ram->bytes) split_arena(a, g, t, l, block);
}
