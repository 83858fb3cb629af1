/* quant.h - shared by the quantizing passes. */
#ifndef QCC_QUANT_H
#define QCC_QUANT_H

#include "passes/passes.h"
#include "passes/quant/branch.h"
#include "passes/quant/moments.h"

/* What is known of the activations that weights multiply. */
typedef struct LayerInput {
  float scale;             /* of the codes; 1 where they are real */
  const float *bias;       /* [output channels] real, or NULL; bounds the smallest usable scale */
  const Moments *moments;  /* what the solver needs, or NULL */
} LayerInput;

/* Codes for the constant weights of a Conv or Gemm by the choice; returns the code tensor.  Sets
 * beside[0..2] where some weights lie beside the codes (ir/outliers.c; NULL: none do).  *note is what
 * the user should know of it, or NULL. */
Tensor *quantize_weights(Graph *g, const Tensor *w, const WeightChoice *choice, const LayerInput *x,
                         Tensor *beside[3], const char **note);

/* Changes the bias of a Conv or Gemm, whose weights become what `decoder` makes of constants with a product
 * beside them (of rank 0: none), so that its outputs have the mean of the float network's on the samples; x
 * has means. */
void correct_bias(Graph *g, Node *n, const Node *decoder, const LowRankPair *beside, const Moments *x);

/* Makes a Conv or Gemm read its input through codes whose scales are found at run time, as its
 * choice says; nodes that read the same tensor in the same way share them.  skip: int32 columns that
 * are left out, or NULL. */
void quantize_at_run_time(Graph *g, Node *n, const ActChoice *choice, Tensor *skip);

/* Is the node a Conv or Gemm whose weights are real constants? */
bool has_real_weights(const Node *n);

/* ---- samples.c */

/* error_at() when there are no samples, or not those of the lock file, for `who` to look at. */
void need_samples(const Context *cx, Loc loc, const char *who, const char *node);
/* Runs all samples through g; watch(ctx, it) sees every one's values, one after another in their order,
 * whatever the number of threads.  `what` is for the progress bar. */
typedef void WatchFn(void *ctx, const Interp *it);
void watch_samples(const Graph *g, const Context *cx, const char *what, WatchFn *watch, void *ctx);

/* ---- columns.c */

/* Raises most[id of a tensor][column of its last dimension], where that is not NULL, to the largest
 * magnitude on the samples. */
void find_largest_columns(const Graph *g, const Context *cx, float **most);
/* Multiplies the input columns of a Gemm whose `most` reaches the threshold in real numbers beside it
 * and takes their weights away from it; the list of these columns, int32, or NULL where none does. */
Tensor *split_columns(Graph *g, Context *cx, Node *n, const float *most, double threshold);

/* The format of the codes that a node reads, and of those that a tensor keeps, by the policy's format f
 * (NULL: real numbers): of int4 only what layers multiply has four bits. */
const Format *format_read(const Node *n, const Format *f);
const Format *format_kept(const Graph *g, const Context *cx, const Tensor *t, const Format *f);

/* Operators whose output elements are input elements: they work on codes as they stand. */
bool is_move(const Node *n);

#endif
