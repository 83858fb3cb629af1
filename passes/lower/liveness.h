/* liveness.h - which tensors share a buffer and how long each buffer must live.  Moments are
 * positions in the order of nodes: -1 before the first node, n_node after the last one. */
#ifndef QCC_LIVENESS_H
#define QCC_LIVENESS_H

#include "ir/ir.h"
#include "passes/lower/placement.h"

typedef struct Buffer {
  Block block;
  const Tensor *root;        /* tensor that was made first in it; NULL: working memory of a node */
  Node *node;                /* node whose working memory it is, or NULL */
} Buffer;

typedef struct Liveness {
  int n_node, n_buffer;
  Buffer *buffer;            /* [n_buffer] those of tensors, then working memory */
  int *buffer_of;            /* [n_tensor] index in buffer; -1: constants, tensors nobody makes */
} Liveness;

/* Bytes that a tensor takes in the arena; error_at when its shape is not known. */
int64_t buffer_bytes(const Tensor *t);
/* Working memory of a node's kernel, rounded up; 0 when there is none. */
int64_t scratch_bytes(const Node *n);
/* Does output 0 only rename the bytes of input 0, which is in the arena? */
bool shares_input(const Node *n);
/* May output 0 be written over input i, provided that nobody reads that later?  The kernel must
 * allow it, the size must fit, and no other input may be in the same memory (see merge_views). */
bool may_overwrite(const Node *n, int i, const int *memory);
/* Merges views with what they view; memory[id] becomes the id of the first tensor, -1: none. */
void merge_views(const Graph *g, int *memory);

/* Decides what is computed in place; the graph stays as it is. */
Liveness *find_liveness(Arena *a, const Graph *g);
/* The same of a planned graph, from what pass_plan wrote into its tensors. */
Liveness *planned_liveness(Arena *a, const Graph *g);
/* Lower bound of the arena. */
int64_t peak_bytes(Arena *a, const Liveness *l);

#endif
