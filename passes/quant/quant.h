/* quant.h - shared by the quantizing passes. */
#ifndef QCC_QUANT_H
#define QCC_QUANT_H

#include "passes/passes.h"

/* Codes for the constant weights of a Conv or Gemm by the choice; returns the code tensor.
 * `x_scale` is the scale of the activation that it multiplies, `bias` real or NULL: they bound
 * the smallest usable scale. */
Tensor *quantize_weights(Graph *g, const Tensor *w, const WeightChoice *choice, float x_scale,
                         const float *bias);

/* Operators whose output elements are input elements: they work on codes as they stand. */
bool is_move(const Node *n);

#endif
