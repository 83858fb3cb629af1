/* emit.h - shared by the files that write the calls: one emit function per way to call a kernel,
 * in emit.def. */
#ifndef QCC_EMIT_H
#define QCC_EMIT_H

#include "codegen/codegen.h"

/* An array that was written; an equal one takes its name. */
typedef struct Array {
  const char *ctype, *name;
  bool is_weights;             /* in the section of weights */
  int align;                   /* bytes; negative: of the .bin file, where the array lies */
  uint64_t hash;               /* of the elements */
  const void *v;
  int64_t bytes;
} Array;

/* What a variant's calls use; a target without variants has one. */
typedef struct Body {
  FILE *calls;                 /* body of the run function ... */
  char *text;                  /* ... and what it is once the file is closed */
  size_t n_text;
  FILE *parts;                 /* functions with the parts of layers that several threads compute ... */
  char *parts_text;            /* ... and what they are once the file is closed */
  size_t n_parts_text;
  int n_header;
  const char **header;         /* runtime headers used, in order of use */
  bool uses_exp_activation;
  bool uses_tflite;            /* some layer with weights follows that rule */
  bool uses_float_rule;        /* some layer does */
  unsigned long long packings; /* used, QCC_PACKINGS of packed.h */
} Body;

typedef struct Emitter {
  const Graph *g;
  Context *cx;
  Arena *a;
  const CodegenOptions *o;
  const char *upper;           /* the prefix in upper case */
  FILE *constants;             /* arrays; NULL: they are only counted */
  ConstantBytes bytes;         /* of the arrays, and of the .bin file */
  int64_t *node_bytes;         /* [n_node] of all arrays that a node is the first to want, or NULL */
  int64_t *node_weights;       /* [n_node] of weights among these, or NULL */
  int n_written;
  Array *written;              /* [n_written] the arrays */
  int n_body;
  Body *body;                  /* [n_body] best variant first */
  Body *now;                   /* the one that is being written */
  FILE *calls;                 /* its calls */
  bool to_bin;                 /* weights go to NAME_weights.bin ... */
  FILE *bin;                   /* ... which is this; NULL: they are only counted */
  int64_t bin_bytes;
  WeightRegions regions;       /* of weights */
  int region;                  /* the one of the weights being written */
  int align;                   /* bytes that the weights being written want; 0: any */
  int bin_align;               /* the largest of those in the .bin file */
  int index;                   /* of the node that is being written */
  const char **array;          /* [n_tensor] name of the array that holds a constant, or NULL */
  const Kernel **packed_by;    /* [n_tensor] whose order the weights in that array have ... */
  const Node **packed_for;     /* ... and the node that wanted it */
} Emitter;

typedef void EmitFn(Emitter *e, const Node *n, const Kernel *k);

#define EMIT(call) EmitFn emit_##call;
#include "codegen/emit.def"
#undef EMIT

/* ---- emit.c ---------------------------------------------------------------------------------- */

void use_header(Emitter *e, const char *header);
Tensor *optional_input(const Node *n, int i);                    /* NULL when it is absent */
int64_t count_in(const Tensor *t, int from, int to);             /* product of dim[from..to) */
/* "_FLASH1": behind the macros of a region of weights; "" for the first one. */
const char *weight_suffix(Emitter *e, int region);
/* C expression for a byte of the arena, and for a kernel's working memory. */
const char *arena_place(Emitter *e, int64_t offset);
const char *scratch_place(Emitter *e, const Node *n);
/* C expression for a tensor's elements: an array's name, or its place in the arena. "NULL" for
 * NULL. */
const char *pointer_to(Emitter *e, const Tensor *t);
/* Name of the array with the constant's elements, written once. */
const char *constant_array(Emitter *e, const Tensor *t, const char *kind);
/* `static const struct qcc_groups q = {...}`; name of the array of multiples, in the kernel's order. */
const char *write_plain_multiples(Emitter *e, const uint8_t *v, int64_t rows, int64_t n);
const char *write_groups(Emitter *e, const Node *n, const Kernel *k);
/* `static const struct qcc_outliers s = {...}` where weights lie beside the codes; "&s, ", or "". */
const char *write_outliers(Emitter *e, const Node *n);
/* The node's weights (input 1) in the kernel's order. */
const char *weight_array(Emitter *e, const Node *n, const Kernel *k);
/* The table of weights that a kernel has as indices. */
const char *level_array(Emitter *e, const Node *n, const Kernel *k);
/* The fields of struct qcc_packed: how the weights share bytes, and codebooks. */
void write_packing(Emitter *e, const Node *n, const Kernel *k);
/* Elements must live as long as the emitter: arrays with the same ones are written once. */
const char *int_array(Emitter *e, const char *kind, const char *ctype, int64_t n, const int64_t *v);
const char *float_array(Emitter *e, const char *kind, int64_t n, const float *v);
/* Input i of a node of which several inputs may be constant; "NULL" where it is absent. */
const char *operand_pointer(Emitter *e, const Node *n, int i);
const char *scratch_pointer(Emitter *e, const Node *n);
/* The working memory as an argument with its comma, for kernels that want some. */
const char *scratch_argument(Emitter *e, const Node *n, const Kernel *k);
/* A float as a C constant that reads back to the same value. */
const char *float_text(Emitter *e, double v);
const char *double_text(Emitter *e, double v);
/* `static const struct TYPE p = {`; the caller writes the fields and calls close_params(). */
void open_params(Emitter *e, const char *type);
void open_named(Emitter *e, const char *type, const char *name);
void field(Emitter *e, const char *name, int64_t v);
void field_ints(Emitter *e, const char *name, int n, const int64_t *v);
void close_params(Emitter *e);
void call(Emitter *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void write_window_fields(Emitter *e, const Node *n, const Tensor *weights);
/* `.g = {...}` */
void write_window(Emitter *e, const Node *n, const Tensor *weights);
/* `.group = ...`, and where kernel k finds the weights of each. */
void write_group(Emitter *e, const Node *n, const Kernel *k);
/* `static const struct qcc_gemm_f32 p = {...}` */
void write_gemm(Emitter *e, const Node *n);
void write_rescale(Emitter *e, const Node *n);
/* The same for kernels that follow rule tflite by two products, the second factors `distance` behind the first; the
 * accumulator is shifted before. */
void write_products(Emitter *e, const Node *n, int shift, int64_t distance);
/* The fused activation as a structure field `.act = {...}`. */
void write_activation(Emitter *e, const Node *n);
/* `static const struct qcc_x_scales t = {...}`, of a node on codes with scales of run time. */
void write_x_scales(Emitter *e, const Node *n);
/* `static const struct qcc_zeros z = {...}` of such a node; the two arguments "&z, ...", or "NULL, NULL". */
const char *write_zeros(Emitter *e, const Node *n);
/* Sum of the codes of output channel o's weights, times their multiples. */
int64_t weight_sum(const Node *n, int64_t o);
/* `static const struct qcc_act act = {...};` */
void write_activation_constant(Emitter *e, const Node *n);
/* Elements between neighbours of x along each dimension of y; 0 where x is broadcast. */
void broadcast_steps(const Tensor *x, const Tensor *y, int64_t *step);
void write_broadcast(Emitter *e, const Node *n);
/* The call of a kernel of two tensors of codes, of equal shapes or broadcast (emit_int.c). */
void call_binary(Emitter *e, const Node *n, const Kernel *k);
void write_matmul(Emitter *e, const Node *n);
/* `.NAME = {...}`: how input i of a product of codes to int32 is read; and the call behind the parameters
 * (emit_integer.c). */
void write_codes8(Emitter *e, const Node *n, int i, const char *name);
void call_integer(Emitter *e, const Node *n, const Kernel *k);
unsigned reduced_mask(const Node *n);  /* bit d: a reduction's dimension d */
/* A call that applies the node's fused activation in place, where the kernel does not. */
void finish_activation(Emitter *e, const Node *n);
const char *ctype_of(DType t);

#endif
