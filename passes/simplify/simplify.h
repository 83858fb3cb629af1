/* simplify.h - what the simplifying passes share. */
#ifndef QCC_SIMPLIFY_H
#define QCC_SIMPLIFY_H

#include "ir/ir.h"

/* A constant with its dimensions permuted: result.dim[i] = t.dim[perm[i]]; what it remembers of codes goes
 * with it. */
Tensor *transpose_const(Graph *g, const Tensor *t, const int64_t *perm);
/* A quantization whose axis is where a Transpose by perm brings it; blocks are along the only other dimension. */
QuantSpec *permuted_quant(Graph *g, const QuantSpec *q, int rank, const int64_t *perm);
/* Elements of a float constant. */
const float *floats_of(const Tensor *t);
/* A float constant that stands for the tensor named `base`, if there is one; data is taken over. */
Tensor *new_floats(Graph *g, const char *base, int rank, const int64_t *dim, float *data);
bool is_float_const(const Tensor *t);
/* Constant codes behind a Dequantize, as imported weights and biases are? */
bool is_decoded_const(const Tensor *t);
/* Number of output channels of a Conv, ConvTranspose or Gemm in ONNX's layout with constant
 * weights and no activation behind it, so that it may be scaled and shifted; 0 for other nodes. */
int64_t weighted_channels(const Node *n);
/* Multiplies the weights of output channel c by scale[c] (new constants) and sets bias = bias *
 * scale + shift. */
void scale_channels(Graph *g, Node *n, const float *scale, const float *shift);
/* For a constant that varies at most along `axis` (size n) of a tensor of rank `rank`, when
 * broadcast: its n values, expanded; NULL when it varies otherwise. */
const float *per_channel(Graph *g, const Tensor *t, int rank, int axis, int64_t n);
/* Drops or simplifies Reshape and Transpose nodes (canonicalize.c), for use after the layout
 * pass. */
void canonicalize_moves(Graph *g);
/* Evaluates what depends on constants only (fold_constants.c). */
void fold_constants(Graph *g);
/* Removes a node whose output equals its input `x`. */
void bypass(Graph *g, Node *n, Tensor *x);

/* scale[c] and shift[c] of a BatchNormalization; false when its parameters are not constant. */
bool read_norm(Graph *g, const Node *n, float **scale, float **shift);
/* Bounds of a Relu or Clip, infinite where there are none; false when n is neither or they are not
 * constant. */
bool read_clamp(const Node *n, double *lo, double *hi);

#endif
