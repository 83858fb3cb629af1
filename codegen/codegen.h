/* codegen.h - from the planned graph to C: one .c and one .h file that need nothing else but the
 * target's compiler.  Kernels are functions of runtime/, pasted as they stand; what is generated
 * are constants, one call per node with a constant parameter structure, and the interface. */
#ifndef QCC_CODEGEN_H
#define QCC_CODEGEN_H

#include "passes/passes.h"
#include "targets/kernels.h"
#include "targets/targets.h"

typedef struct CodegenOptions {
  const char *name;            /* prefix of every symbol: a C identifier */
  const char *provenance;      /* for the opening comment; \n between lines */
  const char *optimize;        /* size, balanced or speed */
  bool static_arena;           /* define the arena in the .c file */
  int64_t bin_threshold;       /* bytes of weights from which on they go to NAME_weights.bin */
} CodegenOptions;

/* Writes DIR/NAME.c, DIR/NAME.h and, for large weights, DIR/NAME_weights.bin. */
void write_code(const Graph *g, Context *cx, const CodegenOptions *o, const char *dir);
/* Symbols of NAME.c that hold weights and biases, and the scales that belong to them. */
SizeSymbols size_symbols(Arena *a, const Graph *g, const char *name);
/* A C identifier made from a file name: "ad01-int8.onnx" gives "ad01_int8". */
char *identifier_of(Arena *a, const char *path);
const char *upper_of(Arena *a, const char *name);

/* The node's constant weights in the order of a kernel of its (pack.c). */
uint8_t *pack_weights(Arena *a, const Node *n, const Kernel *k, int64_t *bytes);
/* Those weights as the kernel's order has them: where it reads indices, as int4 without codes. */
Tensor packed_form(const Tensor *w, const Kernel *k);
/* Has the node groups, other than those of a depthwise convolution?  They are packed one behind the
 * other. */
bool has_parts(const Node *n);
/* Does one packing mean the same order for two nodes that share weights? */
bool same_order(const Node *n, const Node *other);
/* The orders of runtime/dsp/ (pack_dsp.c): arrays of words, in blocks of dsp_channels channels. */
bool is_dsp_packing(Packing p);
int dsp_channels(Packing p);
uint8_t *pack_dsp(Arena *a, const Tensor *w, Packing packing, int64_t *bytes);
/* The orders of runtime/mve/ (pack_mve.c). */
bool is_mve_packing(Packing packing);
uint8_t *pack_mve(Arena *a, const Tensor *w, Packing packing, int64_t *bytes);
/* The same for the packings of pack_blocks.c; apart: each tap is a run. */
uint8_t *pack_blocks(Arena *a, const Tensor *w, Packing packing, bool apart, int64_t *bytes);
/* The multiples of those weights, [block][groups][channels], once per `size` of them, which divides
 * the node's own. */
int64_t *pack_multiples(Arena *a, const Node *n, int64_t size, const Kernel *k, int64_t *count);
/* Floats as [channels / whole][depth][whole], the last group as many times `lanes` as suffice. */
uint8_t *pack_floats(Arena *a, const Tensor *w, int64_t lanes, int64_t whole, int64_t *bytes);

/* Bytes of the constants that write_code() writes: weights, biases and the rest; of all variants. */
typedef struct ConstantBytes { int64_t weights, biases, tables; } ConstantBytes;
ConstantBytes count_constants(const Graph *g, Context *cx, const CodegenOptions *o);
/* The same, and by node [n_node]: all constants that it is the first to want, and the weights among them. */
ConstantBytes count_node_constants(const Graph *g, Context *cx, const CodegenOptions *o, int64_t *all,
                                   int64_t *weights);

/* Do constant weights of the node lie in its kernel's order? */
bool has_packed_weights(const Node *n);
/* Which ROM region weights lie in (spread.c). */
typedef struct WeightRegion {
  const char *name;
  int64_t bytes;             /* of weights, in the first one of all other constants too */
} WeightRegion;

typedef struct WeightRegions {
  int n;                     /* 0: the first region holds all constants, or the target has no more */
  WeightRegion part[MAX_REGIONS];   /* [n] */
  int *of_tensor;            /* [n_tensor] */
} WeightRegions;

/* False when the regions do not hold the arrays, each in one piece. */
bool spread_weights(const Graph *g, const Target *t, const ConstantBytes *c, WeightRegions *r);

/* report.json: sizes, layers, kernels, arena, notes (report.c). */
void write_report(FILE *f, const Graph *g, Context *cx, const CodegenOptions *o);

#endif
