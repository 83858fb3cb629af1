/* rotate.h - rotations by Hadamard matrices with random signs, for transforms: y = R x of a vector x,
 * R the matrix of ir/hadamard.c times a diagonal of signs.  W x = (W R') R x, R' the transposed of R:
 * rows of weights that read a rotated vector are rotated as the vector is. */
#ifndef QCC_ROTATE_H
#define QCC_ROTATE_H

#include "ir/ir.h"

typedef struct Rotation {
  int64_t n;        /* elements of a vector */
  int64_t block;    /* elements that are rotated together, divides n */
  Tensor *sign;     /* int8[n], constant; NULL: all 1 */
} Rotation;

/* Signs follow from the name alone, so that a model always gets the same; NULL: none.  block 0: the
 * largest. */
Rotation new_rotation(Graph *g, int64_t n, int64_t block, const char *name);
/* A copy of a float constant with its rows (of the last dimension) rotated: weights that read the
 * rotated vector, or a table whose rows are such vectors. */
Tensor *rotate_rows(Graph *g, const Tensor *w, const Rotation *r);
/* A copy with its columns (along the first dimension) rotated: weights, or a bias, that make the
 * rotated vector. */
Tensor *rotate_columns(Graph *g, const Tensor *w, const Rotation *r);
/* R x, or with `inverse` R' x, as a node at that place; returns its output. */
Tensor *add_rotation(Graph *g, int at, const char *name, Tensor *x, const Rotation *r, bool inverse);

/* A Conv or Gemm with constant weights that multiplies rows of its input (of the last dimension) as a
 * whole: not in groups. */
bool is_linear_layer(const Node *n);
/* Moves whose rows are rows of their first input. */
bool moves_rows(const Node *n);
/* A LayerNormalization or RMSNormalization of rows whose scale is 1 and whose shift is 0. */
bool is_plain_norm(const Node *n);

#endif
