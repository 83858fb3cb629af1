/* kernels.h - the kernel table: which function of runtime/ computes a node on a target.  The
 * first row whose instruction set the target has and whose condition holds wins, so plain C
 * comes last. */
#ifndef QCC_KERNELS_H
#define QCC_KERNELS_H

#include "targets/targets.h"

/* How constant weights are laid out for a kernel, by codegen/pack.c. */
typedef enum Packing {
  PACK_NONE,   /* no weights */
  PACK_OHWI,   /* as in the graph: [O][kh][kw][I/group], sub-byte rows start on a byte boundary */
  PACK_HWC,    /* depthwise: [kh][kw][C], sub-byte taps start on a byte boundary */
  PACK_OWN,    /* as OHWI, in the packing of the weights' own format, where that is not their type's */
  PACK_OWN_HWC, /* as HWC */
  PACK_SPARSE, /* as OHWI, each row a bit per code and those that are not 0 (ir/formats/sparse.c) */
  PACK_FOURS_S16,  /* dsp/conv_s16.h: by fours in the order 0 2 1 3, of two channels side by side */
  PACK_EIGHTS_S16, /* mve/conv_s16.h: by eights of two channels side by side */
  PACK_PAIRS_S16,  /* pairs_s16.h: by pairs of eight channels side by side */
  PACK_DSP_PAIRS, /* words for runtime/dsp: two output channels in a halfword (codegen/pack_dsp.c) */
  PACK_DSP_FOURS, /* the same, two such pairs next to each other */
  PACK_DSP_RAISED_PAIRS, PACK_DSP_RAISED_FOURS, /* these two of weights among which is a -128 */
  PACK_DSP_QUADS, /* int4: four output channels in a halfword */
  PACK_DSP_BYTES, /* int2: four output channels in a byte */
  PACK_DSP_TAPS,  /* depthwise 3x3: a word per kernel column */
  /* pack_blocks.c, in blocks of output channels, depths padded with zeros run by run: */
  PACK_DOT,    /* neon/dot.h: blocks of 16, 8 or 4, steps of 4 codes */
  PACK_MMLA,   /* neon/mmla.h: the same, steps of 8 */
  PACK_ROWS,   /* neon/rows.h: blocks of 4, steps of 16, the last 8 */
  PACK_COLUMNS, /* rvv: one block, steps of 1: [kh][run][O] */
  PACK_PAIRS,  /* wasm/pairs.h: blocks of 16, 8 or 4, steps of 2 */
  PACK_TAP_PAIRS, /* wasm/depthwise.h: [pairs of taps][C][2], C a multiple of 8 */
  PACK_TAPS,   /* neon/depthwise.h: [kh][kw][C], C a multiple of 8, narrow taps share bytes */
  PACK_FLOATS, /* fours/conv_f32.h: [channels / 16][depth][16], the last group of 4, 8 or 12 */
  PACK_FLOAT_TAPS, /* fours/depthwise_f32.h: [channels / 4][taps][4] */
  /* For runtime/avx512 (VNNI) and runtime/avx2 (MADD), by codegen/pack_x86.c */
  PACK_VNNI_RUNS,      /* kernel rows end to end, four inputs of every channel side by side */
  PACK_VNNI_TAPS,      /* the same with runs of one tap, for dilated kernels */
  PACK_VNNI_DEPTHWISE, /* four taps of every channel side by side */
  PACK_VNNI_JOINED,    /* the same, the channels repeated until they fill 64 */
  PACK_MADD_RUNS,      /* the same four with two inputs or taps side by side */
  PACK_MADD_TAPS,
  PACK_MADD_DEPTHWISE,
  PACK_MADD_JOINED,    /* repeated until they fill 16 */
  PACK_FMA_16,         /* floats: [channels / 32][depth][32], the last group perhaps of 16 */
  PACK_FMA_8,          /* the same with 16 and 8 */
  PACK_WINOGRAD_16,    /* 3x3 floats transformed: 16 times [channels / 32][in_c][32] */
  PACK_WINOGRAD_8,
  PACK_FMA_TAPS_16,    /* depthwise floats: [channels / 16][taps][16] */
  PACK_FMA_TAPS_8,
  /* For runtime/mve, by codegen/pack_mve.c */
  PACK_MVE_QUADS,      /* four output channels side by side, for 16 elements */
  PACK_MVE_EIGHTS,     /* eight, those left in fours */
  PACK_MVE_COLUMNS,    /* depthwise: the taps of a channel column by column */
  PACK_MVE_FLOATS,     /* floats: [channels / 8][depth][8], up to four channels at the end [depth][4] */
  PACK_MVE_HALVES,     /* float16: [channels / 16][depth][16], up to eight at the end [depth][8] */
  /* With one of the above, in the table: of indices into the levels of the weights' format, in the
   * order of int4 weights. */
  PACK_INDICES = 256
} Packing;

/* Weights as the kernels for an instruction set tell them apart: integers of 8, 4 and 2 bits; indices
 * of four bits into levels, 0 among them, of at most 8 bits but not -128, or of at most 5. */
typedef enum WeightKind { KIND_S8, KIND_S4, KIND_S2, KIND_L8, KIND_L5 } WeightKind;

typedef struct Kernel {
  const char *op;            /* operator it computes */
  const char *name;          /* function in runtime/, without qcc_ */
  const char *header;        /* "conv_s8.h" */
  const char *isa;           /* feature that the target must have, "+fast" behind it: not where
                                code is to be small; NULL: any */
  bool (*match)(const Node *n);        /* NULL: always */
  Packing packing;           /* without PACK_INDICES ... */
  bool indices;              /* ... and whether it had that */
  int64_t (*scratch)(const Node *n);   /* bytes of working memory; NULL: none */
  unsigned in_place;         /* bit i: output 0 may start where input i does, which dies here
                                and is not smaller */
  unsigned grow;             /* bit i: the same even where the output is larger */
  const char *call;          /* how it is called: a row of codegen/emit.def */
} Kernel;

/* Best kernel for the node, or NULL when there is none. */
const Kernel *choose_kernel(const Target *t, const Node *n);
/* Gives the node the target's kernel, or one of each of its variants; a view needs none.  False when
 * the target has none for it. */
bool set_kernel(const Graph *g, const Target *t, Node *n);
/* Kernel of the target's variant v, v < n_variants_of(n), which is 1 where there are none. */
int n_variants_of(const Node *n);
const Kernel *variant_kernel(const Node *n, int v);
/* Are the outputs of the node bytes of its input 0 as they stand: the same under another shape
 * (Reshape, a Transpose that moves only ones ...), or a run of them (a Slice or Split of the first
 * dimension that is not 1)?  Such nodes need no kernel; the outputs always share the input's
 * memory. */
bool is_view(const Node *n);
/* Where output j of a view begins in input 0, in bytes. */
int64_t view_offset(const Node *n, int j);
/* Does state i of a LoopEnd become bytes of another state? */
bool takes_other_state(const Node *end, int i);
/* Where input i of a Concat lies in its output, in bytes; -1 when it is not one run there. */
int64_t part_offset(const Node *n, int i);
/* The levels that kernels look weights up in: those of a format, or of a tensor's one codebook.  The table has
 * them by index with the bits of the zero's index flipped, so that the zero's is 0, with which depths are filled
 * up; it is one level more where it is none and there is room.  False where there is no 0. */
enum { N_LEVELS = 16 };
bool level_table(const QuantSpec *q, int8_t *table);
/* ---- products.c: rule tflite by two products --------------------------------------------------- */

bool follows_tflite(const Node *n); /* a QConv or QGemm */
/* The factors [channels][2] of each channel, the second for products of which `bits` bits are dropped: 32, with twice
 * the accumulator in the first, or 31.  factors may be NULL.  False where some channel has none. */
bool tflite_products(const Node *n, int bits, int32_t *factors);

/* ---- loops.c: expressions of loops.def --------------------------------------------------------- */

typedef enum Numbers {
  NUMBERS_ANY, NUMBERS_SIGNED, NUMBERS_UNSIGNED, NUMBERS_BOOLS, NUMBERS_REALS
} Numbers;
typedef struct Loop {
  const char *op;
  Numbers numbers;
  const char *start;         /* of a reduction, else NULL */
  const char *text, *finish;
} Loop;
Numbers numbers_of(const Node *n);    /* what its operands are */
bool has_elements(DType t);           /* has C a type for single elements? */
const Loop *find_loop(const Node *n); /* NULL when there is none */
const Loop *find_loop_of(const char *op, Numbers numbers);
/* The operator of two elements by which a scatter reduces; NULL: it replaces. */
const char *scatter_step(const Node *n);
/* The reduction whose steps a scan shows one by one. */
const char *scan_step(const Node *n);

/* ---- kernels.c -------------------------------------------------------------------------------- */

/* Conditions that several tables share.  Are the weights of the kind? */
bool is_kind(const Node *n, WeightKind kind);
/* A Gemm of floats as gemm_f32.h has it. */
bool is_gemm_f32(const Node *n);
bool is_gemm_f16(const Node *n); /* and of float16 */
/* Does the node's kernel sum products in float16, as Helium's do? */
bool sums_in_half(const Node *n);
int n_kernels(void);
const Kernel *kernel_at(int i);

#endif
