/* quant.h - shared by the quantizing passes. */
#ifndef QCC_QUANT_H
#define QCC_QUANT_H

#include "passes/passes.h"
#include "passes/quant/moments.h"

/* What is known of the activations that weights multiply. */
typedef struct LayerInput {
  float scale;             /* of the codes; 1 where they are real */
  const float *bias;       /* [output channels] real, or NULL; bounds the smallest usable scale */
  const Moments *moments;  /* what the solver needs, or NULL */
} LayerInput;

/* Codes for the constant weights of a Conv or Gemm by the choice; returns the code tensor.  Sets
 * sparse[0..2] where some weights lie beside the codes (ir/sparse.c).  *note is what the user should
 * know of it, or NULL. */
Tensor *quantize_weights(Graph *g, const Tensor *w, const WeightChoice *choice, const LayerInput *x,
                         Tensor *sparse[3], const char **note);

/* Changes the bias of a Conv or Gemm, whose weights become what `decoder` makes of constants, so that
 * its outputs have the mean of the float network's on the samples; x has means. */
void correct_bias(Graph *g, Node *n, const Node *decoder, const Moments *x);

/* Operators whose output elements are input elements: they work on codes as they stand. */
bool is_move(const Node *n);

#endif
