/* sharing.h - groups of tensors that lie in the same memory, each at its place. */
#ifndef QCC_SHARING_H
#define QCC_SHARING_H

#include "ir/ir.h"

/* Moments are positions in the order of nodes: -1 before the first node, n_node after the last. */
typedef struct Life { int first, last; } Life;  /* both included */

static inline bool live_together(Life a, Life b) {
  return a.first <= b.last && b.first <= a.last;
}

/* A group is known by the id of one of its tensors, its root. */
typedef struct Sharing {
  const Graph *g;
  int *root;                 /* [n_tensor] root of the tensor's group; -1: not in the arena */
  int64_t *at;               /* [n_tensor] bytes from the start of the group to the tensor */
  int64_t *bytes;            /* [n_tensor] bytes of a group, at its root */
  Life *busy;                /* [n_node] when a node may be at work: as long as any part of a layer
                                whose parts run at the same time (attribute `parallel`) */
  Life *life;                /* [n_tensor] from the moment when the tensor's bytes are written to
                                the last one when a node that is no view itself reads them by it */
} Sharing;

/* Views with what they view, and nothing else; error_at when a size is not known. */
Sharing share_views(Arena *a, const Graph *g);
/* What pass_plan wrote into a planned graph. */
Sharing planned_sharing(Arena *a, const Graph *g);
/* Puts all of group `from` into group `to`, `at` bytes behind its start; below 0 the group begins
 * so much earlier than it did.  `from` stops being a root. */
void move_group(Sharing *s, int from, int to, int64_t at);

/* May input i of a Concat be made where it lies in the output? Only what fills its place exactly
 * and lies nowhere else yet. */
bool fits_part(const Sharing *s, const Node *n, int i);
/* Moves every input of a Concat that may be into its place. */
void join_parts(Sharing *s, const Node *n);
/* May output 0 be written over input i, provided that nobody reads that later?  The kernel, of
 * every variant, must allow it, the size must fit, and no other input may be in the same memory. */
bool may_overwrite(const Sharing *s, const Node *n, int i);
/* Could group `from` begin `at` bytes behind group `to`?  Not where two of their tensors would need
 * the same bytes at the same moment; only node number `now` may write over what it reads last. */
bool may_move(const Sharing *s, int from, int to, int64_t at, int now);

#endif
