/* kernels.h - the kernel tables: which function of runtime/ computes a node on a target.  One table per
 * ISA family, generic C last; the first row of a family that the target has and that matches the node wins. */
#ifndef QCC_KERNELS_H
#define QCC_KERNELS_H

#include "targets/targets.h"

/* How constant weights are laid out for a kernel, by codegen/pack.c. */
typedef enum Packing {
  PACK_NONE,   /* no weights */
  PACK_OHWI,   /* as in the graph: [O][kh][kw][I/group], sub-byte rows start on a byte boundary */
  PACK_HWC,    /* depthwise: [kh][kw][C], sub-byte taps start on a byte boundary */
} Packing;

typedef struct Kernel {
  const char *op;            /* operator it computes */
  const char *name;          /* function in runtime/, without qcc_ */
  const char *header;        /* "conv_s8.h" */
  const char *isa;           /* feature that the target must have; NULL: any */
  bool (*match)(const Node *n);        /* NULL: always */
  Packing packing;
  int64_t (*scratch)(const Node *n);   /* bytes of working memory; NULL: none */
  unsigned in_place;         /* bit i: output 0 may have the memory of input i, when that dies here and has the same size in bytes */
} Kernel;

/* Best kernel for the node, or NULL when there is none. */
const Kernel *choose_kernel(const Target *t, const Node *n);
/* Does the node only rename its input's bytes (Reshape, a Transpose that moves only ones ...)? Such nodes
 * need no kernel; output 0 always shares input 0's memory. */
bool is_view(const Node *n);
int n_kernels(void);
const Kernel *kernel_at(int i);

#endif
