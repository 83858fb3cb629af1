/* liveness.h - which tensors share a buffer and how long each buffer must live.  Moments are
 * positions in the order of nodes: -1 before the first node, n_node after the last one. */
#ifndef QCC_LIVENESS_H
#define QCC_LIVENESS_H

#include "passes/lower/placement.h"
#include "passes/lower/sharing.h"

typedef struct Buffer {
  Block block;
  const Tensor *root;        /* tensor that it is known by; NULL: working memory of a node */
  Node *node;                /* node whose working memory it is, or NULL */
} Buffer;

typedef struct Liveness {
  int n_node, n_buffer;
  Buffer *buffer;            /* [n_buffer] those of tensors, then working memory */
  int *buffer_of;            /* [n_tensor] index in buffer; -1: constants, tensors nobody makes */
  int64_t *at;               /* [n_tensor] bytes from the start of the buffer to the tensor */
  int64_t copied;            /* bytes of Concat that are not made where they belong */
} Liveness;

/* Sizes are multiples of BLOCK_ALIGN. */
int64_t round_to_block(int64_t bytes);
/* Working memory of a node's kernel, rounded up; 0 when there is none. */
int64_t scratch_bytes(const Node *n);

/* Decides what is computed in place; the graph stays as it is. */
Liveness *find_liveness(Arena *a, const Graph *g);
/* The same of a planned graph, from what pass_plan wrote into its tensors. */
Liveness *planned_liveness(Arena *a, const Graph *g);
/* The blocks of the buffers, in their order. */
Block *list_blocks(Arena *a, const Liveness *l);
/* Lower bound of the arena. */
int64_t peak_bytes(Arena *a, const Liveness *l);

/* behind.c: buffers that may lie over another one, which is given back from its start to its end
 * while they are filled.  Fills in `follows` and `lead` of the blocks. */
void find_followers(const Sharing *s, Liveness *l);

#endif
