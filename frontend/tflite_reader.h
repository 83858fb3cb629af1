/* tflite_reader.h - what the files of the TensorFlow Lite front end share. */
#ifndef QCC_TFLITE_READER_H
#define QCC_TFLITE_READER_H

#include "frontend/flat.h"
#include "frontend/frontend.h"

/* A tensor of the file. */
typedef struct TfliteTensor {
  Tensor *t;              /* of the graph; NULL: not read yet */
  bool made;              /* a graph input, or an operator has made it */
  Tensor *real;           /* its real numbers where t holds codes; NULL: nobody asked yet */
  int handle;             /* of a variable: 1 + its place among the reader's states; 0: none */
} TfliteTensor;

/* What lives from call to call: a variable tensor, or a variable that operators read and assign. */
typedef struct TfliteState {
  const char *name;       /* of a variable; else NULL */
  Loc loc;
  Tensor *in;             /* its value as the model is called; NULL: nobody has read it yet */
  Tensor *now;            /* its value after the operators so far; NULL: nobody has read or assigned it yet */
  const Tensor *start;    /* before the first call; NULL: 0 */
} TfliteState;

typedef struct TfliteReader {
  Arena *arena;
  Graph *graph;
  Flat file;
  FlatVector subgraphs, tensors, buffers, opcodes;
  bool once;              /* the subgraph is one that is called once, before the first call of the model */
  TfliteTensor *tensor;   /* [tensors.n] */
  int n_state;
  TfliteState *state;     /* [n_state] */
  int64_t constant_bytes; /* of all constants that were read */
} TfliteReader;

/* An operator that is being read. */
typedef struct TfliteOp {
  TfliteReader *r;
  int builtin;            /* its number in schema.fbs */
  const char *kind;       /* "CONV_2D" */
  const char *onnx;       /* last column of tflite_ops.def */
  FlatVector in, out;     /* indices of tensors, -1 where an optional one is absent */
  FlatTable options;      /* of its kind */
  Loc loc;
} TfliteOp;

#define TFLITE(number, name, reader, onnx) void read_tflite_##reader(TfliteOp *op);
#include "frontend/tflite_ops.def"
#undef TFLITE

/* ---- tflite.c */

/* Reads the operators of another subgraph for what they assign to variables. */
void read_tflite_once(TfliteReader *r, Loc loc, int64_t subgraph);

/* ---- tflite_tensor.c ------------------------------------------------------------------------ */

/* Makes tensor i of the subgraph: a constant, or something that an input or an operator will give. */
Tensor *make_tflite_tensor(TfliteReader *r, int64_t i);
/* The shape that the file states for it; its rank. */
int tflite_shape(TfliteReader *r, int64_t i, int64_t *dim);

/* ---- tflite_state.c: what lives from call to call -------------------------------------------- */

/* The value of input i, a variable tensor, as the operator finds it; and what it leaves there. */
Tensor *tflite_state(TfliteOp *op, int i);
void tflite_keep(TfliteOp *op, int i, Tensor *next);
/* Makes states of the graph of them, behind its inputs and outputs. */
void finish_tflite_states(TfliteReader *r);

/* ---- tflite_op.c: what readers of operators are written with --------------------------------- */

/* Input i as it stands (codes, if it has those), or as real numbers; NULL where it is absent. */
Tensor *tflite_input(TfliteOp *op, int i);
Tensor *tflite_real(TfliteOp *op, int i);
/* The same, of input i, which must be there. */
Tensor *tflite_needed(TfliteOp *op, int i);
/* Elements of constant input i, which are integers. */
int tflite_ints(TfliteOp *op, int i, int64_t *v, int max);
/* The same elements with channels last, as windows want them. */
Tensor *tflite_image(TfliteOp *op, Tensor *x);
/* Codes or reals in another shape. */
Tensor *tflite_reshaped(TfliteOp *op, Tensor *x, int rank, const int64_t *dim, Layout layout);
/* A node with one output; infer_node() it when its attributes are set.  tflite_layer: one that computes, by
 * TensorFlow Lite's rule where output 0 of the operator is codes. */
Node *tflite_node(TfliteOp *op, const char *onnx, int n_in, Tensor *const *in);
Node *tflite_layer(TfliteOp *op, const char *onnx, int n_in, Tensor *const *in);
/* y, behind activation function `fused` of the schema, is what output k of the operator is: reals that
 * become codes where the file has those, or such codes themselves. */
void tflite_give(TfliteOp *op, int k, Tensor *y, int64_t fused);
/* Output k as the file states it, which nothing has made yet. */
Tensor *tflite_output(TfliteOp *op, int k);

#endif
