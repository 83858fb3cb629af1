/* ir.h - the nouns of the compiler: everything that a pass, a front end or the code generator reads
 * and writes.  One header, sectioned by the file that owns the functions.  Layers: this header
 * includes nothing of the project; every other directory may include it.
 *
 * A Graph is a list of Nodes in execution order plus the Tensors that they connect.  Passes only
 * add facts to it.  Shapes are physical: a tensor whose layout is LAYOUT_NHWC has its channels
 * in the last dimension, any other tensor is in ONNX's order. */
#ifndef QCC_IR_H
#define QCC_IR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define QCC_VERSION "0.1.0"
#define MAX_RANK 8

typedef struct Arena Arena;
typedef struct Source Source;
typedef struct Tensor Tensor;
typedef struct Node Node;
typedef struct Graph Graph;
typedef struct OpDef OpDef;
typedef struct Format Format;
typedef struct Vjp Vjp;

/* ---- arena.c: memory that lives as long as one compile ------------------------------------- */

Arena *new_arena(void);
void free_arena(Arena *a);                      /* frees everything that was allocated from it */
void *arena_alloc(Arena *a, int64_t bytes);     /* zeroed, 64-byte aligned; error() if none */
char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for one more element in a growing array of `n` elements; the old array stays valid. */
void *arena_grow(Arena *a, void *array, int n, size_t element_bytes);

/* a * b for sizes; -1 when it overflows int64_t or either is negative. */
int64_t mul_size(int64_t a, int64_t b);

/* ---- diag.c: one clear message for the user, then exit status 1 ------------------------------ */

/* Where something was said.  Text files have src, line and col; models have src and `what`, a
 * phrase such as "node 'conv1' (Conv)". */
typedef struct Loc {
  const Source *src;  /* file; NULL: none known */
  int line, col;      /* 1-based; 0: the file has no lines */
  const char *what;   /* element of the file, or NULL */
} Loc;

struct Source {
  const char *path;   /* as the user named it */
  const char *text;   /* whole text for carets, or NULL for binary files */
  size_t len;         /* bytes of text */
};

Source *new_source(Arena *a, const char *path, const char *text, size_t len);
/* Prints `path:line:col: error: message`, the source line and a caret (or `path: what: error: ...`)
 * on stderr and exits with status 1.  Registered clean-ups (temporary folders) run first. */
_Noreturn void error_at(Loc loc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void verror_at(Loc loc, const char *fmt, va_list ap);
void warn_at(Loc loc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A bug in qcc: prints where, exits with status 70. */
_Noreturn void bug_at(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
/* The nearest of n names to `word` by edit distance, or NULL when none is near. */
const char *nearest_name(const char *word, const char *const *names, int n);
/* Text of a file, NUL-terminated (the NUL is not counted in *len); error() when it can't be
 * read. */
char *read_file(Arena *a, const char *path, size_t *len);

/* ---- text.c ---------------------------------------------------------------------------------- */

bool ends_with(const char *s, const char *end);
/* "models/kws.onnx" -> "kws" */
const char *stem_of(Arena *a, const char *path);

/* ---- types.c: element types, shapes --------------------------------------------------------- */

/* The numbers are ONNX's TensorProto.DataType. */
typedef enum DType {
  DT_NONE = 0, DT_F32 = 1, DT_U8 = 2, DT_I8 = 3, DT_U16 = 4, DT_I16 = 5, DT_I32 = 6, DT_I64 = 7,
  DT_STRING = 8, DT_BOOL = 9, DT_F16 = 10, DT_F64 = 11, DT_U32 = 12, DT_U64 = 13, DT_BF16 = 16,
  DT_F8E4M3 = 17, DT_F8E4M3FNUZ = 18, DT_F8E5M2 = 19, DT_F8E5M2FNUZ = 20, DT_U4 = 21, DT_I4 = 22,
  DT_F4E2M1 = 23, DT_F8E8M0 = 24, DT_U2 = 25, DT_I2 = 26,
  DT_COUNT = 27,
} DType;

const char *dtype_name(DType t);          /* ONNX textual syntax: "float", "int8", "int64" ... */
DType dtype_by_name(const char *name);    /* DT_NONE when there is none */
/* Bytes of one element in the compiler's memory; sub-byte types are kept one code per byte. */
int dtype_bytes(DType t);
int dtype_bits(DType t);                  /* bits of one element when stored packed */
bool dtype_is_float(DType t);
bool dtype_is_half(DType t);               /* float16 or bfloat16 */
bool dtype_is_int(DType t);               /* any integer type, not bool */

typedef enum Layout {
  LAYOUT_NONE, /* ONNX's order: channels in dimension 1 where the operator has channels */
  LAYOUT_NHWC, /* channels last, any number of spatial dimensions; convolution weights are OHWI */
} Layout;

/* How codes map to real numbers: real = scale * (code - zero).
 * axis -1: one scale.  axis >= 0: a scale per index of that dimension.  group > 0 as well: the
 * remaining dimensions, flattened in order, are cut in runs of `group` elements (the last may be
 * shorter) and each run has its own scale: scale[channel * n_groups + g].
 * A constant of floats that has one remembers the codes of the model from which they were decoded. */
typedef struct QuantSpec {
  const Format *format;  /* how the codes are stored */
  int axis;              /* channel dimension, or -1 */
  int64_t group;         /* elements that share a scale within a channel; 0: the whole channel */
  int64_t n;             /* number of scales */
  float *scale;          /* [n] */
  int32_t *zero;         /* [n] */
  uint8_t *multiple;     /* [n] or NULL: scale[i] = channel_scale[i / n_groups] * multiple[i] */
  float *channel_scale;  /* [channels] or NULL, goes with multiple */
  int64_t n_book;        /* codebooks, of a format that has them: 1 for all, or one per index of `axis` */
  int64_t entries;       /* vectors of a codebook whose size is its own; 0: as the format says */
  int8_t *book;          /* [n_book][book_bytes()] or NULL */
} QuantSpec;

struct Tensor {
  const char *name;
  const char *origin;       /* the model's tensor that it was made from, by name; NULL: itself */
  DType dtype;              /* DT_NONE until inferred */
  int rank;                 /* -1 until inferred */
  int64_t dim[MAX_RANK];    /* -1: unknown */
  const char *dim_param[MAX_RANK]; /* symbolic name of an unknown dimension, or NULL */
  Layout layout;
  QuantSpec *quant;         /* NULL: plain numbers */
  void *data;               /* constant's elements in memory order, or NULL */
  const Tensor *start;      /* of a state: a constant outside the graph, its value before the first call; NULL: 0 */
  Node *def;                /* node that computes it; NULL: graph input or constant */
  int id;                   /* index in graph->tensors */
  bool has_range;           /* calibrated: lo..hi below is what the quantizer covers */
  float lo, hi;             /* calibrated real range, contains 0 */
  int64_t offset;           /* byte offset in the arena; -1: not planned */
  int alias;                /* id of the tensor whose memory it shares (Reshape, in place), or -1 */
  bool inferred;            /* type and shape were only inferred: set_type() may set them anew */
  Loc loc;
};

int64_t n_elements(const Tensor *t);      /* product of the dimensions; -1 unknown or overflow */
int64_t tensor_bytes(const Tensor *t);    /* in the compiler's memory */
/* Bytes in the target's memory: constants of sub-byte types are packed, activations have an element per
 * byte. */
int64_t stored_bytes(const Tensor *t);
bool same_shape(const Tensor *a, const Tensor *b);
/* Are both plain numbers (NULL), or codes of one scale that mean the same? */
bool same_meaning(const QuantSpec *a, const QuantSpec *b);
const char *shape_text(Arena *a, const Tensor *t);  /* "[1,64,25,5]", unknown as its name or "?" */
/* Channel dimension of an activation: 1, or rank - 1 when the layout is NHWC. */
int channel_axis(const Tensor *t);
double get_real(DType t, const void *data, int64_t i);         /* element i as a real number */
void set_real(DType t, void *data, int64_t i, double value);   /* rounds and saturates */

/* A float of fewer bits than float32 that has a sign: widths of its fields, and codes less their sign. */
typedef struct SmallFloat {
  int exponent_bits, fraction_bits, bias;
  unsigned top;       /* of the largest number */
  unsigned infinity;  /* 0: there is none */
  unsigned nan;       /* the sign's bit: the code of -0; 0: there is none, NaN becomes 0 */
} SmallFloat;

const SmallFloat *small_float(DType t);   /* NULL: it is none */
/* As set_real(), but to an 8-bit float what is too large becomes infinity, or NaN where there is none,
 * unless it saturates.  float8e8m0 has but powers of two: `mode` is the first letter of up, down or
 * nearest, which goes up from the middle; the sign is lost. */
void set_narrow(DType t, void *data, int64_t i, double value, bool saturates, char mode);
int64_t get_int(DType t, const void *data, int64_t i);
/* Smallest and largest code of an integer type of at most 16 bits. */
void code_limits(DType t, float *lo, float *hi);
float half_to_float(uint16_t h);
uint16_t float_to_half(float f);

/* ---- graph.c -------------------------------------------------------------------------------- */

typedef enum AttrKind {
  ATTR_INT = 1, ATTR_FLOAT, ATTR_STRING, ATTR_TENSOR, ATTR_INTS, ATTR_FLOATS, ATTR_STRINGS
} AttrKind;

typedef struct Attr {
  const char *name;
  AttrKind kind;
  int64_t i;                /* ATTR_INT */
  double f;                 /* ATTR_FLOAT (float32 values) */
  const char *s;            /* ATTR_STRING */
  int n;                    /* elements of a list */
  int64_t *ints;            /* ATTR_INTS [n] */
  double *floats;           /* ATTR_FLOATS [n] */
  const char **strings;     /* ATTR_STRINGS [n] */
  Tensor *t;                /* ATTR_TENSOR, a constant */
} Attr;

struct Node {
  const OpDef *op;
  const char *name;         /* as in the model; made up from the first output when it had none */
  int n_in, n_out, n_attr;
  Tensor **in;              /* [n_in], NULL where an optional input is absent */
  Tensor **out;             /* [n_out], NULL where an optional output is absent */
  Attr *attr;               /* [n_attr] */
  const void *kernel;       /* chosen by codegen (const Kernel *), NULL before */
  int n_variant;
  const void **variant;     /* [n_variant] where the target has several: their kernels; the first
                               is `kernel` */
  Loc loc;
};

/* A part of the arena in a memory region of its own: from `start` to the next part or the end. */
typedef struct ArenaPart {
  const char *region;       /* name of the target's region */
  int64_t start;
} ArenaPart;

enum { MAX_ARENA_PARTS = 8 };

struct Graph {
  Arena *arena;
  const char *name;
  int opset;                /* of the default domain */
  int n_in, n_out, n_node, n_tensor;
  Tensor **in;              /* [n_in] graph inputs, without constants */
  Tensor **out;             /* [n_out] graph outputs */
  int n_state;              /* the last of both are values that live from call to call (state.c) */
  Node **node;              /* [n_node] in execution order */
  Tensor **tensor;          /* [n_tensor] every tensor, by id */
  int64_t arena_bytes;      /* planned arena; 0 before planning */
  int64_t arena_bound;      /* lower bound of the arena for this schedule */
  int n_part;               /* parts of the arena; 0: it lies in one piece */
  ArenaPart part[MAX_ARENA_PARTS];
  const char *stage;        /* name of the last pass that ran */
  uint64_t hash;            /* of the model file and its external data */
  Loc loc;
};

Graph *new_graph(Arena *a, const char *name);
/* A deep copy in the same arena (constant data is shared). */
Graph *clone_graph(const Graph *g);

Tensor *new_tensor(Graph *g, const char *name, DType t, int rank, const int64_t *dim);
Tensor *new_const(Graph *g, const char *name, DType t, int rank, const int64_t *dim, void *data);
Tensor *new_scalar_f32(Graph *g, const char *name, float value);           /* rank 0 constant */
Tensor *new_const_i64(Graph *g, const char *name, int n, const int64_t *v); /* rank 1 constant */
/* A tensor of the same type, shape, layout and quantization; no data. */
Tensor *copy_tensor(Graph *g, const char *name, const Tensor *like);
/* The part of the arena in which an offset lies; 0 when it lies in one piece. */
int arena_part(const Graph *g, int64_t offset);
int64_t part_start(const Graph *g, int part);
int64_t part_bytes(const Graph *g, int part);
const char *fresh_name(Graph *g, const char *base);   /* base, or base_1, base_2 ... if taken */
Tensor *find_tensor(const Graph *g, const char *name);
bool is_const(const Tensor *t);
bool is_graph_output(const Graph *g, const Tensor *t);
/* Says that t stands for a tensor of the model, or for what that stood for. */
void set_origin(Tensor *t, const Tensor *model);
/* Gives tensors the names of their origins where nothing else has them any more. */
void restore_names(Graph *g);

/* Creates a node of operator `op` (a bug() when there is no such row) and inserts it before
 * position `at` (-1: at the end).  Inputs and outputs are copied from the arrays; out[i]->def is
 * set.  A first output that is absent becomes one that nobody reads. */
Node *add_node(Graph *g, int at, const char *op, const char *name, int n_in, Tensor *const *in,
               int n_out, Tensor *const *out);
/* Shorthand: one output, a fresh tensor.  Operators that do without attributes are inferred at
 * once; after setting attributes call infer_node() (again). */
Tensor *add_op(Graph *g, int at, const char *op, const char *name, int n_in, Tensor *const *in);
void set_input(Graph *g, Node *n, int i, Tensor *t);   /* grows the input list with NULLs */
int node_index(const Graph *g, const Node *n);          /* position in g->node */
void remove_node(Graph *g, Node *n);                    /* its outputs become undefined */
void replace_uses(Graph *g, Tensor *old, Tensor *new_); /* in node inputs and graph outputs */
int count_uses(const Graph *g, const Tensor *t);        /* node inputs + graph outputs */
Node *only_user(const Graph *g, const Tensor *t);       /* the one node that reads it, else NULL */
void remove_dead(Graph *g);            /* nodes and tensors that no graph output needs */
void sort_nodes(Graph *g);             /* topological order, stable; error_at on a cycle */
bool is_op(const Node *n, const char *op);              /* n may be NULL */

const Attr *find_attr(const Node *n, const char *name);
int64_t attr_int(const Node *n, const char *name, int64_t otherwise);
double attr_float(const Node *n, const char *name, double otherwise);
const char *attr_str(const Node *n, const char *name, const char *otherwise);
/* Number of values copied to v (at most `max`); 0 when absent; error_at when there are more. */
int attr_ints(const Node *n, const char *name, int64_t *v, int max);
/* The attribute axis, counted from the first dimension of t. */
int axis_of(const Node *n, const Tensor *t, int64_t otherwise);
void set_int(Graph *g, Node *n, const char *name, int64_t v);
void set_float(Graph *g, Node *n, const char *name, double v);
void set_str(Graph *g, Node *n, const char *name, const char *v);
void set_ints(Graph *g, Node *n, const char *name, int count, const int64_t *v);
void set_attr(Graph *g, Node *n, const Attr *a);        /* a copy; replaces one of the same name */
void remove_attr(Node *n, const char *name);
/* Elements of a constant integer tensor (int32 or int64) as int64; -1 when it is not one. */
int const_ints(const Tensor *t, int64_t *v, int max);

/* ---- ops.def, ops/<family>.c ----------------------------------------------------------------- */

enum {
  OP_MOVE = 1,     /* only moves elements: of any type, quantization passes through unchanged */
  OP_POINTWISE = 2,/* each output element depends on the input elements at the same place */
  OP_INTEGER = 4,  /* integer semantics, made by lowering; not an ONNX operator */
  OP_UNARY = 8,    /* pointwise with one data input (the others are constants) */
  OP_QDQ = 16,     /* changes between codes and real numbers */
  OP_FOREIGN = 32, /* of another domain than ai.onnx only; see onnx_operators.def */
  OP_FLOW = 64,    /* says which nodes run, and how often (flow.c); not an ONNX operator */
};

/* One operator.  infer() checks inputs and attributes (error_at(n->loc, ...) when wrong) and
 * fills in dtype, rank, dim and layout of the outputs; unknown input shapes may leave outputs
 * unknown. eval() is the reference: in[i] and out[i] are the elements in memory order with the
 * shapes of the tensors (static by then); NULL for absent optionals. It must be reentrant. */
struct OpDef {
  const char *name;                       /* ONNX's name */
  int min_in, max_in;                     /* max_in -1: any number */
  int min_out, max_out;
  unsigned flags;
  void (*infer)(Graph *g, Node *n);
  void (*eval)(const Node *n, const void *const *in, void *const *out);
  int64_t (*macs)(const Node *n);         /* multiply-accumulates; NULL: none */
  void (*vjp)(Vjp *v, const Node *n);     /* gradient rule (grad/rules.h); NULL: not differentiable */
  const char *summary;                    /* one line for `qcc list ops` */
};

const OpDef *find_op(const char *name);   /* NULL when there is no such operator */
int n_ops(void);
const OpDef *op_at(int i);
int64_t node_macs(const Node *n);         /* multiply-accumulates */
int64_t count_macs(const Graph *g);       /* of all nodes */
/* infer() of every node in order, then every static shape check. */
void infer_shapes(Graph *g);
void infer_node(Graph *g, Node *n);       /* arity check, then op->infer */
/* ---- halves.c: op->infer and op->eval, by the rule for float16 where a node reads such tensors; eval
 * with the activation that the node may carry. */
void infer_op(Graph *g, Node *n);
void eval_node(const Node *n, const void *const *in, void *const *out);
/* The same of a node whose inputs are all constants or have no elements. */
void eval_constants(const Node *n, void *const *out);
/* ---- fold.c: nodes whose outputs are known before the program runs. */
/* Are all inputs constant or without elements, or is all that the node reads a shape, which is static?  Are its
 * outputs, of at most so many bytes together, of static shapes too? */
bool can_evaluate(const Node *n, int64_t most_bytes);
void **evaluate_node(Graph *g, const Node *n);   /* [n_out] elements of its outputs */
/* Sets an output's type and shape; error_at when it contradicts what was declared. */
void set_type(Node *n, int out, DType t, int rank, const int64_t *dim, Layout layout);

/* Where a Slice of a static shape begins and how it steps in each dimension; false when its bounds
 * are computed. */
bool get_slice_range(const Node *n, int64_t *start, int64_t *step);

/* ---- flow.c, ops/flow.c: nodes that run while a condition holds, or where one does ------------------------- */

/* The inputs of a LoopEnd behind step, go and the states: positions and numbers. */
typedef struct LoopShape {
  int states, rows;
  int trips, condition, next, row;        /* first of the values that states get, of the rows */
  int64_t room;                           /* rows that there is memory for */
} LoopShape;
LoopShape loop_shape(const Node *end);
/* The LoopBegin of a LoopEnd. */
const Node *loop_begin(const Node *end);
/* Where the row of a step lies in rows i. */
int64_t loop_row(const Node *end, int i, int64_t step);
/* After the nodes of a step: sets rows, states, step and `go`, which is returned. in[0], in[1] and the states are
 * the memory of LoopBegin's outputs. */
bool take_step(const Node *end, void *const *in, void *const *out);
bool has_loops(const Graph *g);
/* Position of the LoopEnd of the LoopBegin at position i, or the reverse; -1: it is neither. */
int other_end(const Graph *g, int i);
/* Position of the innermost LoopBegin whose step node i is of; -1: none. Both ends are of the step around it. */
int *loops_around(Arena *a, const Graph *g);  /* [n_node] */
/* Puts nodes that do not depend on a loop's steps before it; error_at where something other than LoopEnd reads
 * what a step makes. Passes may put a node anywhere before the first one that reads it. */
void settle_loops(Graph *g);
/* Conditions of a node that runs only where they hold, outermost first: the attribute `where`, names of tensors
 * of one bool, each behind `+` or, where it must not hold, `-`. NULL behind the last. */
Tensor *guard_of(const Graph *g, const Node *n, int i, bool *holds);

/* How GatherElements, GatherND, ScatterElements and ScatterND find runs of elements in their large tensor, which
 * is input 0: entry e of a walk over dim [rank], last dimension fastest, belongs to the run that begins at
 * sum of place in dim[d] * step[d] + sum of index[e * depth + k] * stride[k]. */
typedef struct IndexedMove {
  int rank, depth;                        /* dimensions of the walk; indices of an entry */
  int64_t dim[MAX_RANK], step[MAX_RANK];
  int64_t size[MAX_RANK], stride[MAX_RANK]; /* of the dimension that each index is of */
  int64_t entries, run;                   /* product of dim; elements moved together */
} IndexedMove;
void get_indexed_move(const Node *n, IndexedMove *m);

/* A Resize of one dimension: out[outer][out][inner] of in[outer][in][inner]; each output place is a sum of
 * `taps` input places. */
typedef struct ResizeLine {
  int64_t outer, in, out, inner, taps;
  int64_t *from;                          /* [out][taps] input places; -1 first: the value outside */
  float *weight;                          /* [out][taps] */
} ResizeLine;
/* The dimensions that a Resize changes, in the order in which they are done, at most MAX_RANK; -1 when its
 * scales are computed. Arena NULL: without places and weights. */
int resize_lines(const Node *n, Arena *a, ResizeLine *v);

/* Geometry of convolutions and pools, the same for both layouts. Spatial rank 1 to 3 (unused
 * leading entries of the arrays are absent: index 0 is the first spatial dimension). */
typedef struct Window {
  int spatial;                            /* spatial dimensions */
  int64_t batch, channels;                /* of the input */
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
  int64_t group, out_channels;            /* convolutions */
  int64_t in_step[3], out_step[3];        /* elements between neighbours */
  int64_t in_channel_step, out_channel_step, in_batch_step, out_batch_step;
} Window;
/* Reads attributes (kernel_shape, strides, pads, dilations, auto_pad, group, ceil_mode) and shapes;
 * weights NULL for pools. */
void get_window(const Node *n, const Tensor *x, const Tensor *weights, Window *w);

/* What a gate of a recurrent layer computes: a row of the table in ops/recurrent.c. */
typedef struct GateFunction {
  int function;
  double alpha, beta;
} GateFunction;

/* Geometry of RNN, GRU and LSTM, for both of ONNX's layouts. */
typedef struct Recurrent {
  int gates, n_function, directions;      /* functions of each direction */
  bool backwards;                         /* the only direction */
  int64_t steps, batch, inputs, hidden;
  int64_t x_step, x_sample;               /* elements of X between steps and samples, */
  int64_t y_step, y_sample, y_direction;  /* of Y, */
  int64_t h_sample, h_direction;          /* of states */
  double clip, cell_clip;                 /* 0: nothing is cut off */
  GateFunction function[2][3];            /* by direction */
} Recurrent;
void get_recurrent(const Node *n, Recurrent *r);

/* Geometry and scales of TLSTM (ops/recurrent_tflite.c). */
typedef struct TLstm {
  int64_t steps, batch, inputs, hidden;
  int64_t x_step, x_sample;               /* elements of x between steps and samples, */
  int64_t y_step, y_sample;               /* of y */
  int32_t tanh_m;                         /* (code of the cell * tanh_m) / 2^tanh_shift is 12288 times the cell */
  int tanh_shift;
  int32_t clip;                           /* largest code of the cell; 0: nothing is cut off */
  int32_t zero;                           /* of the codes of y and h */
  int32_t m[3];                           /* forget gate times cell, input gate times cell gate, output */
  int exponent[3];
} TLstm;
void get_tlstm(const Node *n, TLstm *r);
/* Its table[256]: sigmoid(i / 24) in 16 bits, raised by half of the most that lines between the points lack. */
uint16_t *sigmoid_points(Arena *a);

/* ---- formats.def, formats/<format>.c --------------------------------------------------------- */

/* How a code is stored. `pack` writes n codes (one per int8_t) to packed bytes and returns how
 * many; `unpack` is its inverse. */
struct Format {
  const char *name;                       /* "int8", "int4" ... as in the policy */
  DType dtype;                            /* of the tensor that holds the codes */
  int bits;                               /* per code */
  int32_t lo, hi;                         /* smallest and largest code, or number that a code is */
  int64_t (*pack)(const int8_t *codes, int64_t n, uint8_t *out);
  void (*unpack)(const uint8_t *packed, int64_t n, int8_t *codes);
  const char *summary;
  int n_levels;                           /* 0: every integer from lo to hi is a code ... */
  const int8_t *levels;                   /* ... else only these, [n_levels], lowest first */
  int scale_bits;                         /* significant bits of a group's multiple */
  int packing;                            /* as runtime/packed.h numbers it, or 0 */
  int vector;                             /* weights of a row that are coded together, or 1 */
  /* Where they are: the n codes, at most `vector`, nearest to x among those that stand together. */
  void (*nearest)(const double *x, int n, int8_t *codes);
  double rms;                             /* and the root mean square, in codes, that suits it best */
  int mantissa_bits;                      /* 0: a code is a number; else the pattern of a float */
  int terms;                              /* vectors of a codebook that are added; 0: it has none of vectors */
  int book_size;                          /* bytes of a codebook, 0: it has none; else instead of pack: */
  int64_t (*pack_book)(const int8_t *book, int64_t size, const int8_t *codes, int64_t n, uint8_t *out);
  void (*unpack_book)(const int8_t *book, const uint8_t *packed, int64_t n, int8_t *codes);
};
enum { MAX_VECTOR = 8 };
/* Packs n codes of a channel by whichever the format has; returns the bytes. */
int64_t pack_codes(const QuantSpec *q, int64_t channel, const int8_t *codes, int64_t n, uint8_t *out);
int64_t book_bytes(const QuantSpec *q);   /* of one codebook */
/* The codebook of a channel, NULL where there are none. */
const int8_t *book_of(const QuantSpec *q, int64_t channel);
/* The number that a code is, before scale and zero. */
double code_value(const Format *f, int32_t code);
/* The code of the format that is nearest to x, whatever stands beside it. */
int32_t code_near(const Format *f, double x);
/* The same, among the channel's codebook of rising levels where the tensor has one. */
int32_t book_code_near(const QuantSpec *q, int64_t channel, double x);
/* In how many bits kernels of plain C read each of these multiples, 1 to 4 or 8, and the bytes of `rows` rows of n of
 * them, each of whole bytes. */
int multiple_bits(const uint8_t *multiple, int64_t n);
int64_t multiple_bytes(const uint8_t *multiple, int64_t rows, int64_t n);
/* Bits of the codes of a constant whose rows are packed by themselves. */
int64_t code_bits(const Tensor *t);
const Format *find_format(const char *name);
/* Are vectors of codes sums of those of the tensor's codebook? */
bool has_sums(const Format *f);
/* Are its codes floats of 8 bits?  NULL: no format. */
bool has_floats(const Format *f);
/* Have the codes fewer bits than their element type, so that only the format's own packing is that
 * narrow? */
bool has_spare_bits(const Format *f);
const Format *format_of(DType t);         /* the plain integer format of an element type, or NULL */
int n_formats(void);
const Format *format_at(int i);
/* Rows that are mostly 0 (formats/sparse.c): packs n codes, each a byte, and returns the bytes, at most n
 * and a bit for each code; the bytes of all rows of constant weights. */
int64_t pack_sparse(const Format *f, const int8_t *codes, int64_t n, uint8_t *out);
int64_t sparse_bytes(const Tensor *w);
enum { SPARSE_PACKING = 12 }; /* what that adds to the number of the format's packing (runtime/packed.h) */
/* Index of the scale of element i (flat) of a tensor. */
int64_t scale_index(const Tensor *t, const QuantSpec *q, int64_t i);
/* Codes of real numbers and back, by the tensor's quantization; elements of t's shape. */
void quantize_reals(const Tensor *t, const float *x, void *codes);
void dequantize_codes(const Tensor *t, const void *codes, float *x);
/* Elements [from, to) only: x [to - from]. */
void dequantize_part(const Tensor *t, const void *codes, int64_t from, int64_t to, float *x);
bool has_zero_points(const QuantSpec *q); /* some that are not 0? */
QuantSpec *new_quant(Graph *g, const Format *f, int axis, int64_t group, int64_t n);

/* ---- outliers.c: weights beside the codes ------------------------------------------------------ */

/* Weights that are kept beside the codes w[rows][row]: how many each row has, where they are in it,
 * and what they add to the decoded codes there, in units of the row's channel_scale. */
typedef struct OutlierRows {
  int64_t rows, n;
  const uint16_t *count;    /* [rows] */
  const uint16_t *column;   /* [n] those of all rows end to end */
  const int16_t *value;     /* [n] */
} OutlierRows;
/* Number of the first of the three constant inputs of a node that hold them; 0: it has none. */
int outlier_input(const Node *n);
OutlierRows get_outliers(const Node *n, const void *const *in);

/* ---- requantize.c: the rules of docs/numerics.md, shared by eval and lowering -------- */

/* clamp(zero + (((acc shifted by shift) * m + 2^30) >> 31), lo, hi): rule q31. */
int32_t requantize_q31(int32_t acc, int32_t m, int shift, int32_t zero, int32_t lo, int32_t hi);
/* The same for an accumulator of 64 bits, which a negative shift brings to 32. */
int32_t requantize_q31_wide(int64_t acc, int32_t m, int shift, int32_t zero, int32_t lo, int32_t hi);
/* The same for a row of n channels of int8 codes: y[i] from acc[i] + bias[i] (bias NULL: 0) and m[i]. */
/* Rule float: scale_bits are those of a float32, as m of operators by that rule. */
int32_t requantize_float(int32_t acc, int32_t scale_bits, int32_t zero, int32_t lo, int32_t hi);
int32_t float_bits(float v);
float float_of_bits(int32_t bits);
bool has_float_rule(const Node *n);
void requantize_row(int64_t n, const int32_t *acc, const int32_t *bias, const int32_t *m, int shift,
                    int32_t zero, int32_t lo, int32_t hi, int8_t *y);
/* Rule tflite: acc * m * 2^(exponent - 31), -31 <= exponent <= 30, rounded twice; and a row of codes. */
int32_t scale_tflite(int32_t acc, int32_t m, int exponent);
/* Its multiplier and exponent for scale s: 2^30 <= m < 2^31, or 0 for scales below 2^-32. */
void pick_tflite(double s, int32_t *m, int32_t *exponent);
int32_t round_shift(int32_t v, int bits);  /* v / 2^bits, 0 <= bits < 62, halves away from zero */
void requantize_row_tflite(int64_t n, const int32_t *acc, const int32_t *bias, const int32_t *m,
                           const int32_t *exponent, int32_t zero, int32_t lo, int32_t hi, int8_t *y);

/* ---- fixed_point.c: numbers of 32 bits whose integer bits the caller knows, as TensorFlow Lite computes -- */

int32_t fixed_times(int32_t a, int32_t b);          /* the product; its integer bits are those of both */
int32_t fixed_shift(int32_t v, int bits);           /* v * 2^bits, saturated */
int32_t fixed_exp(int32_t a, int integer_bits);     /* e^a, a <= 0; none in the result; at most 5 in a */
int32_t fixed_reciprocal(int32_t x);                /* 1 / (1 + x), x in [0, 1) */
int32_t fixed_sigmoid(int32_t a);                   /* of 4 integer bits; none in the result */
int32_t fixed_tanh(int32_t a);                      /* the same */

/* ---- hadamard.c: orthogonal matrices of signs, divided by the square root of their order ------ */

/* Order of the core of the matrix of an order: 1 for powers of two, 0 where there is no matrix. */
int hadamard_core(int64_t order);
/* 1 or -1: element [i][j] of a core. */
int hadamard_sign(int core, int i, int j);
/* n if there is a matrix of that order, else the largest power of two that divides it. */
int64_t largest_hadamard(int64_t n);
/* Multiplies runs of `order` elements of x[n], times sign[n] (NULL: none), by the matrix of that
 * order, which divides n; `inverse`: by the transposed matrix, and then by the signs. */
void hadamard_transform(double *x, int64_t n, int64_t order, const int8_t *sign, bool inverse);

/* ---- print.c, verify.c ----------------------------------------------------------------------- */

/* Writes the graph in the text form.  Constants of more than `inline_max` elements go to the
 * safetensors file `weights_path` (NULL: all are written inline). */
void print_graph(FILE *f, const Graph *g, const char *weights_path, int inline_max);
void verify_graph(const Graph *g);         /* bug() when an invariant is broken */

/* ---- interp.c -------------------------------------------------------------------------------- */

/* Values of every tensor of one graph for one sample.  Not shared between threads. */
typedef struct Interp Interp;
typedef void Observer(void *ctx, const Tensor *t, const void *data);
Interp *new_interp(const Graph *g);
void free_interp(Interp *it);
/* Runs the whole graph; in[i] are the elements of g->in[i]. `observe` (or NULL) sees every graph
 * input and every node's output as it is made. */
void run_interp(Interp *it, const void *const *in, Observer *observe, void *ctx);
const void *interp_value(const Interp *it, const Tensor *t);
/* Sets a tensor's value before run_nodes, which runs nodes [from, to) only. */
void set_value(Interp *it, const Tensor *t, const void *data);
void run_nodes(Interp *it, int from, int to);
/* Runs the nodes of which chosen [n_node] is `which`; of a loop with only one of its ends among them one step. */
void run_chosen(Interp *it, const char *chosen, char which);

/* Applies the activation that fusion has put into a float node's attributes (activation,
 * activation_min, activation_max, activation_alpha, activation_beta) to its first output;
 * nothing when it has none. */
void apply_fused_activation(const Node *n, void *out);

/* y[m,n] = x[m,k] * w[n,k]^T + bias[n] (bias NULL: 0), accumulated in double by OpenBLAS and
 * rounded once, so that the result does not depend on the machine's kernels. */
void matmul_f32(int64_t m, int64_t n, int64_t k, const float *x, const float *w, const float *bias,
                float *y);
/* The same without bias and rounding. */
void matmul_wide(int64_t m, int64_t n, int64_t k, const float *x, const float *w, double *y);
/* Before any call of OpenBLAS: it computes in the caller's thread only. */
void prepare_blas(void);
/* acc[m,n] = x[m,k] * w[n,k]^T exactly, in int32 (the caller has proved that it fits). */
void matmul_i32(int64_t m, int64_t n, int64_t k, const int8_t *x, const int8_t *w, int32_t *acc);

/* ---- samples.c: arrays that a user gives ----------------------------------------------------- */

/* n samples for each graph input, in the type and layout that the firmware gets them in: the
 * policy's where it gives them, else the model's. */
typedef struct Samples {
  int64_t n;
  int n_in;
  void **data;               /* [n_in], each n * tensor_bytes(input) */
  uint64_t hash;             /* of the data */
} Samples;
const void *sample_at(const Graph *g, const Samples *s, int input, int64_t i);

/* Room for `bytes` of each of n samples; error() when that is more than there can be. */
void *sample_room(Arena *a, int64_t n, int64_t bytes);
/* Samples for graph `from` as graph `to` takes them, which passes made of it: codes where an input became
 * codes. */
Samples *convert_samples(Arena *a, const Graph *from, const Graph *to, const Samples *s);
/* Reals of output t's elements. */
void output_reals(const Tensor *t, const void *data, float *out);

/* ---- state.c: values that live from call to call ---------------------------------------------- */

/* Inputs and outputs that are no states. */
int n_inputs(const Graph *g);
int n_outputs(const Graph *g);
/* From now on graph output `out` is the value that input `in` has in the next call. */
void add_state(Graph *g, Loc loc, const char *out, const char *in);
/* error_at when a state and its next value differ in type or shape. */
void check_states(const Graph *g);
/* The value before the first call. */
void reset_state(const Tensor *t, void *data);
/* The same of all states: value[i] becomes memory of the graph's arena. */
void reset_states(const Graph *g, void **value);
/* value[i] becomes the next value of state i. */
void keep_states(const Graph *g, const Interp *it, void *const *value);
/* Samples are steps one behind the other: gives them the states that g, which they are for, has in each. */
void record_states(Arena *a, const Graph *g, Samples *s);

/* ---- score.c: comparing outputs -------------------------------------------------------------- */

typedef struct Score {
  int64_t samples, agree, right;   /* top-1 agreement with float, top-1 against labels */
  int64_t float_right;             /* of the float network */
  double signal, noise, dot, energy; /* sums over all output elements: for SQNR and cosine */
} Score;
double sqnr_db(const Score *s);
double cosine_of(const Score *s);
/* How likely it is that a fair coin falls so unevenly, `more` times one way and `less` the other: two-sided,
 * exact. Of samples that only one of two networks gets right it is McNemar's test. */
double sign_test(int64_t more, int64_t less);
/* Adds a sample: n outputs of the float network and what was got instead; label -1: none. */
void add_score(Score *s, const float *exact, const float *got, int64_t n, int label);

/* FNV-1a, for provenance; start with HASH_START. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t hash_bytes(uint64_t h, const void *p, size_t n);

/* ---- random.c */

/* The next 64 of a sequence of random bits. */
uint64_t next_bits(uint64_t *state);

#endif
