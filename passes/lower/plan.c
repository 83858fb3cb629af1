/* plan.c - an offset in one arena for every activation and for the working memory of kernels.
 *
 * sharing.c and liveness.c group tensors into buffers, placement.c packs these; this file carries
 * the result into the graph: tensor->offset and alias, the attribute scratch_offset of nodes,
 * graph->arena_bytes and arena_bound.  No schedule of these nodes can do with less than the bound.
 *
 *   x: [0,9) -> Conv -> y<offset=16> -> Relu -> z<offset=16, alias="y">
 */
#include <inttypes.h>
#include <stdlib.h>

#include "passes/lower/plan.h"
#include "passes/lower/regions.h"
#include "passes/passes.h"
#include "targets/kernels.h"

static void clear_plan(Graph *g) {
  g->arena_bytes = g->arena_bound = 0;
  g->n_part = 0;
  for (int i = 0; i < g->n_tensor; i++) {
    g->tensor[i]->offset = -1;
    g->tensor[i]->alias = -1;
  }
  for (int i = 0; i < g->n_node; i++)
    if (find_attr(g->node[i], "scratch_offset")) remove_attr(g->node[i], "scratch_offset");
}

static void place_buffers(Graph *g, const Target *t, Arena *a, Liveness *l) {
  Block *block = list_blocks(a, l);
  g->arena_bound = block_bound(block, l->n_buffer);
  place_in_regions(a, g, t, l, block);
  for (int i = 0; i < l->n_buffer; i++) l->buffer[i].block.offset = block[i].offset;
}

/* A Concat whose inputs all lie in its output has nothing to do. */
static bool is_done(const Node *n) {
  for (int i = 0; i < n->n_in; i++) {
    int64_t at = part_offset(n, i);
    if (at < 0 || is_const(n->in[i]) || n->in[i]->offset != n->out[0]->offset + at) return false;
  }
  return is_op(n, "Concat");
}

static void write_offsets(Graph *g, const Liveness *l) {
  for (int i = 0; i < g->n_tensor; i++) {
    if (l->buffer_of[i] < 0) continue;
    const Buffer *b = &l->buffer[l->buffer_of[i]];
    g->tensor[i]->offset = b->block.offset + l->at[i];
    if (b->root->id != i) g->tensor[i]->alias = b->root->id;
  }
  for (int i = 0; i < l->n_buffer; i++) {
    const Buffer *b = &l->buffer[i];
    if (b->node) set_int(g, b->node, "scratch_offset", b->block.offset);
  }
  for (int i = 0; i < g->n_node; i++)
    if (is_done(g->node[i])) g->node[i]->kernel = NULL, g->node[i]->n_variant = 0;
}

/* ---- the table */

static int by_first_moment(const void *a, const void *b) {
  const Buffer *x = a, *y = b;
  if (x->block.first != y->block.first) return x->block.first < y->block.first ? -1 : 1;
  return (x->root == NULL) - (y->root == NULL);
}

static void print_moment(FILE *f, const Liveness *l, int moment) {
  if (moment < 0) fprintf(f, " %5s", "in");
  else if (moment >= l->n_node) fprintf(f, " %5s", "out");
  else fprintf(f, " %5d", moment);
}

static void print_buffer(FILE *f, const Graph *g, const Liveness *l, const Buffer *b) {
  fprintf(f, "%10" PRId64 " %10" PRId64, b->block.bytes, b->block.offset);
  print_moment(f, l, b->block.first);
  print_moment(f, l, b->block.last);
  fprintf(f, "  %s", b->root ? b->root->name : b->node->name);
  if (!b->root) fputs(" (scratch)", f);
  for (int i = 0; b->root && i < g->n_tensor; i++)
    if (g->tensor[i]->alias == b->root->id) fprintf(f, ", %s", g->tensor[i]->name);
  fputc('\n', f);
}

void print_plan(FILE *f, const Graph *g) {
  Arena *a = new_arena();
  const Liveness *l = planned_liveness(a, g);
  double over = (double)(g->arena_bytes - g->arena_bound);
  qsort(l->buffer, (size_t)l->n_buffer, sizeof *l->buffer, by_first_moment);
  fprintf(f, "%10s %10s %5s %5s  buffer\n", "bytes", "offset", "first", "last");
  for (int i = 0; i < l->n_buffer; i++) print_buffer(f, g, l, &l->buffer[i]);
  for (int i = 0; i < g->n_part; i++)
    fprintf(f, "%10" PRId64 " %10" PRId64 "  in %s\n", part_bytes(g, i), part_start(g, i),
            g->part[i].region);
  fprintf(f, "arena %" PRId64 " bytes, lower bound %" PRId64 ", gap %.2f %%\n", g->arena_bytes,
          g->arena_bound, g->arena_bound > 0 ? 100 * over / (double)g->arena_bound : 0.0);
  free_arena(a);
}

void pass_plan(Graph *g, Context *cx) {
  Arena *a = new_arena();
  clear_plan(g);
  Liveness *l = find_liveness(a, g);
  place_buffers(g, cx->target, a, l);
  write_offsets(g, l);
  if (cx->verbose) print_plan(cx->verbose, g);
  free_arena(a);
}
