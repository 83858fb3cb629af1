/* functions.h - operators that are functions of other operators, as ONNX defines many of its own: each has
 * a body, which builds the nodes that compute it.  The body is all there is of it: shapes are inferred and
 * values computed by building the body aside, and pass `functions` puts it in the operator's place.
 *
 *     FUNCTION(operator, applies, body)
 *
 * in functions.def: the operator is replaced where applies(n) holds (NULL: always); the others have kernels,
 * and an infer and eval of their own.  A body knows real numbers as float32 or float64: float16 is
 * cast before and behind it. */
#ifndef QCC_FUNCTIONS_H
#define QCC_FUNCTIONS_H

#include "ir/ir.h"
#include "ir/ops/ops.h"

enum { MAX_BODY_OUTPUTS = 4 };

/* Nodes that are being built for node n. */
typedef struct Body {
  Graph *g;                        /* where they are put ... */
  int at;                          /* ... and before which of its nodes */
  const Node *n;                   /* what they compute: attributes and place of errors ... */
  int n_in;
  Tensor *in[16];                  /* ... and its inputs in g, NULL where absent */
  Tensor *out[MAX_BODY_OUTPUTS];   /* set by the body; NULL: an output that it does not have */
} Body;

/* Builds the nodes; false while a shape depends on values that are not known.  error_at() for bad inputs. */
typedef bool BodyFn(Body *b);

#define FUNCTION(op, applies, body) BodyFn body;
#include "ir/functions.def"
#undef FUNCTION

/* Puts the body of n in its place; false where it has none, or none for these inputs, or not yet. */
bool expand_function(Graph *g, Node *n);

/* ---- functions/build.c: what bodies are made of, everything inferred at once ------------------------ */

Tensor *body_input(const Body *b, int i);          /* NULL when absent */
bool body_wants(const Body *b, int output);        /* does anybody read that output? */
Node *start_node(Body *b, const char *op, int n_in, Tensor *const *in); /* then attributes, then ... */
Tensor *finish_node(Body *b, Node *n);
Tensor *put_op(Body *b, const char *op, int n_in, Tensor *const *in);
Tensor *put1(Body *b, const char *op, Tensor *a);
Tensor *put2(Body *b, const char *op, Tensor *a, Tensor *c);
/* A node with one attribute, an integer. */
Tensor *put1_with(Body *b, const char *op, Tensor *a, const char *attribute, int64_t value);
Tensor *put_real(Body *b, DType t, double value);         /* a constant of rank 0 */
Tensor *put_ints(Body *b, int n, const int64_t *v);         /* a constant [n] of int64 */
/* A constant of a real type, filled from v[elements]. */
Tensor *put_reals(Body *b, DType t, int rank, const int64_t *dim, const double *v);
Tensor *put_reshape(Body *b, Tensor *x, int rank, const int64_t *dim);
/* "0213": the order of the dimensions. */
Tensor *put_transpose(Body *b, Tensor *x, const char *order);
Tensor *put_cast(Body *b, Tensor *x, DType t);              /* x itself where it is of the type */
Tensor *put_slice(Body *b, Tensor *x, int axis, int64_t from, int64_t to);
Tensor *put_concat(Body *b, int n, Tensor *const *x, int axis);
/* Op reduces the axes and keeps them as dimensions of 1. */
Tensor *put_reduce(Body *b, const char *op, Tensor *x, int n, const int64_t *axes);
/* x[channels] as a tensor that broadcasts along dimension `axis` of a tensor of that rank. */
Tensor *put_along(Body *b, Tensor *x, int rank, int axis);
/* ---- functions/rotary.c */

/* x[batch][heads][n][size] with pairs of its first elements turned by angles whose cosines and sines are
 * [batch or 1][n][half of those elements]. */
Tensor *put_rotated(Body *b, Tensor *x, Tensor *cosines, Tensor *sines, bool interleaved);

#endif
