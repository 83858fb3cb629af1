/* import.h - models that somebody else has quantized: what the two passes for them share. */
#ifndef QCC_IMPORT_H
#define QCC_IMPORT_H

#include "passes/passes.h"

/* x through Quantize and Dequantize of the quantization q, two nodes at position `at`; returns the
 * real numbers. */
Tensor *add_rounding(Graph *g, int at, Tensor *x, QuantSpec *q, const char *base);
/* The codes of an activation that a Dequantize reads, or NULL: t is none. */
Tensor *activation_codes(const Tensor *t);
bool equal_quant(const QuantSpec *a, const QuantSpec *b);
/* Rounding after a move becomes rounding before it, where that is all that rounds there: moves then stand
 * between reals as in a float network, and `layout` deals with them.  `codes` rounds on both of their sides. */
void free_moves(Graph *g);
/* Means of codes as average pools (means.c). */
void pool_means(Graph *g);

#endif
