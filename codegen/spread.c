/* spread.c - weights in several ROM regions: memory tightly coupled to the core, internal flash,
 * external flash.
 *
 * As long as all constants fit the first region they stay there.  Else its room goes to the weights
 * that an inference reads most often for their size (a convolution reads each weight for every
 * pixel, a product of one row only once), the next region to what is left, and so on.  Everything
 * that is not weights stays in the first region, where the code is. */
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"

typedef struct Piece {
  int tensor;                /* its id */
  int64_t bytes;             /* packed, of all variants */
  double uses;               /* of each weight in an inference */
} Piece;

static int most_used_first(const void *a, const void *b) {
  const Piece *x = a, *y = b;
  if (x->uses != y->uses) return x->uses > y->uses ? -1 : 1;
  return x->tensor - y->tensor;
}

static int64_t packed_bytes(Arena *a, const Node *n) {
  int64_t sum = 0;
  for (int v = 0; v < n_variants_of(n); v++) {
    int64_t bytes;
    pack_weights(a, n, variant_kernel(n, v), &bytes);
    sum += bytes;
  }
  return sum;
}

/* The packed weights of the graph, those used most often first. */
static int list_pieces(const Graph *g, Piece *list) {
  Arena *a = new_arena();
  int n = 0, *seen = arena_alloc(a, (g->n_tensor + 1) * (int64_t)sizeof *seen);
  for (int i = 0; i < g->n_node; i++) {
    const Node *node = g->node[i];
    if (!has_packed_weights(node)) continue;
    const Tensor *w = node->in[1];
    if (!seen[w->id]) {
      list[n++] = (Piece){w->id, packed_bytes(a, node), 0};
      seen[w->id] = n;
    }
    list[seen[w->id] - 1].uses += (double)node_macs(node) / (double)n_elements(w);
  }
  free_arena(a);
  qsort(list, (size_t)n, sizeof *list, most_used_first);
  return n;
}

bool spread_weights(const Graph *g, const Target *t, const ConstantBytes *c, WeightRegions *r) {
  *r = (WeightRegions){0};
  for (int i = 0; t && i < t->n_region; i++)
    if (t->region[i].is_rom) r->part[r->n++] = (WeightRegion){t->region[i].name, 0};
  int64_t others = c->biases + c->tables, room[MAX_REGIONS];
  for (int i = 0, k = 0; i < r->n; k++)
    if (t->region[k].is_rom) room[i++] = t->region[k].bytes;
  if (r->n < 2 || others + c->weights <= room[0]) return r->n = 0, true;
  if (others > room[0]) return r->n = 0, false;
  Piece *list = arena_alloc(g->arena, (g->n_node + 1) * (int64_t)sizeof *list);
  int n = list_pieces(g, list);
  r->of_tensor = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *r->of_tensor);
  r->part[0].bytes = others;
  for (int i = 0; i < n; i++) {
    int k = 0;
    while (k < r->n && r->part[k].bytes + list[i].bytes > room[k]) k++;
    if (k == r->n) return r->n = 0, false;
    r->part[k].bytes += list[i].bytes;
    r->of_tensor[list[i].tensor] = k;
  }
  return true;
}
