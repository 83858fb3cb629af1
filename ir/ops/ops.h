/* ops.h - what the operator families share: their functions, declared from ops.def, and the
 * tools of inputs.c (questions that infer() asks), broadcast.c (walking and copying strided
 * elements) and window.c (geometry of convolutions and pools). */
#ifndef QCC_OPS_H
#define QCC_OPS_H

#include "ir/ir.h"

#define OP(name, min_in, max_in, min_out, max_out, flags, infer, eval, macs, vjp, summary) \
  void infer(Graph *g, Node *n);                                                           \
  void eval(const Node *n, const void *const *in, void *const *out);
#include "ir/ops.def"
#undef OP

/* Multiply-accumulates, the macs column of ops.def. */
int64_t conv_macs(const Node *n);
int64_t gemm_macs(const Node *n);
int64_t recurrent_macs(const Node *n);
int64_t tlstm_macs(const Node *n);
int64_t weight_only_macs(const Node *n);
int64_t dynamic_macs(const Node *n);

/* ---- inputs.c */

Tensor *in_tensor(const Node *n, int i);  /* NULL when absent */
const void *in_data(const Node *n, const void *const *in, int i);  /* elements, NULL when absent */
bool has_out(const Node *n, int i);
bool has_static_shape(const Tensor *t);   /* type known, every dimension known, product fits */
bool inputs_ready(const Node *n);         /* has_static_shape of every input that is there */
int64_t dims_product(const int64_t *dim, int from, int to);  /* of dim[from..to) */
void set_like(Node *n, int out, const Tensor *x);            /* x's type, shape and layout */
int get_axis(const Node *n, int64_t axis, int rank);         /* 0..rank-1; error_at otherwise */
const char *op_name(const Node *n);
const char *dims_text(char *buf, size_t size, const Tensor *t);  /* "[1,3,8]" for messages */
enum { DIMS_TEXT = 192 };
void need_type(const Node *n, int i, DType t);    /* error_at when input i is of another type */
void need_float(const Node *n, int i);            /* any float type */
void need_same_type(const Node *n, int i, int j);
/* Input i, if present, is one-dimensional with `count` elements; `what` names it in the message. */
void need_vector(const Node *n, int i, const char *what, int64_t count);

enum { INTS_ABSENT = -1, INTS_UNKNOWN = -2 };
/* Integers given by attribute `attr` (older opsets; NULL: none) or by input i (-1: none), whose
 * elements are in[i], or the constant's when `in` is NULL.  Returns how many, INTS_ABSENT, or
 * INTS_UNKNOWN while the input is not a constant. */
int get_ints(const Node *n, const char *attr, int i, const void *const *in, int64_t *v, int max);
/* The place that element i of the indices, input 1, names in a dimension of `size`; error_at when there is none. */
int64_t get_index(const Node *n, const void *const *in, int64_t i, int64_t size);
/* Element i of an integer type becomes v, wrapped. */
void put_int(DType t, void *data, int64_t i, int64_t v);
void *scratch(int64_t n, size_t element_bytes);   /* zeroed; free() it; exits when memory ends */

/* ---- move.c, pad.c, pool.c, qdq.c: shared with the gradients */

void get_permutation(const Node *n, int rank, int64_t *perm);  /* of a Transpose, checked */
/* Amounts of a Pad at the beginning and end of every dimension; false while they are unknown. */
bool get_pads(const Node *n, const void *const *in, int64_t *begin, int64_t *end);
/* Which input element is at place i of a dimension of `size`, by the mode's first letter; -1: the constant. */
int64_t pad_source(char mode, int64_t i, int64_t size);
/* What output position p of an average pool is divided by. Widened only. */
int64_t average_divisor(const Node *n, const Window *w, int64_t p);

/* ---- integer.c */

/* Codes of x[n] by its range, with 0 in it: uint8 in 0..255, or int8 128 below, scale, and zero point, an int32, or of
 * uint8 codes a uint8.  NaN counts for nothing. */
void quantize_by_range(int64_t n, const float *x, DType t, void *codes, float *scale, void *zero);

/* ---- scan.c */

int get_scan_axis(const Node *n, const void *const *in); /* of CumSum and the like; -1 while it is unknown */

/* ---- reduce.c */

/* Marks the dimensions that a reduction reduces, given by attribute, or by input 1 in newer opsets; false
 * while they are unknown. */
bool get_reduced(const Node *n, const void *const *in, bool *reduced);

/* ---- outliers.c, beside get_outliers of ir.h */

/* error_at when weights beside the codes do not fit them. */
void check_outliers(const Node *n, const Tensor *codes);
/* w [elements of codes] += the node's weights beside the codes; nothing when it has none. */
void add_outliers(const Node *n, const void *const *in, const Tensor *codes, float *w);
/* The same for one row, w: number r, whose weights beside the codes begin at `at`; returns their end. */
int64_t add_row_outliers(const OutlierRows *s, int64_t r, int64_t at, float scale, float *w);

/* ---- tflite.c */

/* Is it the rule that the accumulator of a node with weights becomes a code by? */
bool has_tflite_rule(const Node *n);
void check_exponent(const Node *n, int64_t exponent);   /* error_at unless shifts fit 32 bits */

/* ---- broadcast.c */

enum { WALK_INPUTS = 3 };
/* Rows of an output that several broadcast inputs make: in a row input j's elements are at
 * pos[j] + i * row_step[j], the output's at consecutive places. */
typedef struct Walk {
  int rank, n;                              /* merged outer dimensions; inputs */
  int64_t dim[MAX_RANK], at[MAX_RANK];
  int64_t step[WALK_INPUTS][MAX_RANK];
  int64_t pos[WALK_INPUTS], row_step[WALK_INPUTS];
  int64_t row, rows;                        /* elements per row, rows */
} Walk;
void start_walk(Walk *w, const Tensor *y, int n, Tensor *const *x);
void next_row(Walk *w);

/* The common shape of inputs [from, from + count), by ONNX's (numpy's) broadcasting. */
int broadcast_dims(const Node *n, int from, int count, int64_t *dim);
Layout broadcast_layout(const Node *n, int from, int count, int rank);

enum { COPY_RANK = 2 * MAX_RANK };
/* dst, contiguous with dimensions dim, gets src[sum of index * step]; `bytes` per element. */
void copy_strided(void *dst, const void *src, size_t bytes, int rank, const int64_t *dim,
                  const int64_t *step);
/* dst, contiguous with dimensions dim, gets src at map[d][index d] in every dimension of src_dim;
 * where a map says -1 the element is *fill. */
void copy_mapped(void *dst, const void *src, size_t bytes, int rank, const int64_t *dim,
                 const int64_t *src_dim, int64_t *const *map, const void *fill);
void row_steps(int rank, const int64_t *dim, int64_t *step);  /* of a contiguous tensor */

/* ---- window.c, beside get_window of ir.h */

/* Makes it three-dimensional with leading dimensions of 1, so that loops have a fixed depth. */
void widen_window(Window *w);
int64_t window_taps(const Window *w);       /* product of the kernel */
int64_t window_positions(const Window *w);  /* product of the output's spatial dimensions */
/* The taps of output position p (flat) that are inside the input: their element offsets within a
 * channel plane and, unless tap is NULL, their flat numbers.  Returns how many. Widened only. */
int64_t valid_taps(const Window *w, int64_t p, int64_t *offset, int64_t *tap);

/* Rows of the matrix whose product with the weights is a convolution (im2col). */
typedef struct Patches {
  const Window *w;      /* widened */
  const void *x;        /* whole input */
  size_t bytes;         /* per element */
  int pad_byte;         /* every byte of an element in the padding */
  bool taps_last;       /* order within a row: channel, tap (weights OIHW), else tap, channel */
  int64_t batch, group;
} Patches;
void gather_patches(const Patches *p, int64_t first, int64_t count, void *rows);

void get_conv_transpose(const Node *n, const Tensor *x, const Tensor *weights, Window *w);
void set_window_type(Node *n, DType t, const Window *w, Layout layout);

/* ---- conv.c, gemm.c: shared with quantized.c */

void check_conv_bias(const Node *n, int i, const char *what, int64_t channels);
/* Dimensions of a batched matrix product; batch dimensions broadcast. */
typedef struct MatMulShape {
  int64_t m, n, k, batches;
  int rank;                     /* of the batch dimensions */
  int64_t batch[MAX_RANK];
  int64_t a_step[MAX_RANK], b_step[MAX_RANK];  /* elements between batches */
  int out_rank;
  int64_t out_dim[MAX_RANK];
} MatMulShape;
void get_matmul_shape(const Node *n, MatMulShape *s);
void matmul_offsets(const MatMulShape *s, int64_t batch, int64_t *a, int64_t *b);

#endif
