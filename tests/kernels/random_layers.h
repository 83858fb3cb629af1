/* random_layers.h - random layers for on_target.c, and what they are made of. */
#ifndef TESTS_KERNELS_RANDOM_LAYERS_H
#define TESTS_KERNELS_RANDOM_LAYERS_H

#include "ir/ir.h"

/* ---- on_target.c */

int pick(int lo, int hi);  /* lo..hi, both included */
void *random_data(Graph *g, int64_t n, int lo, int hi); /* n bytes */
void *random_reals(Graph *g, DType type, int64_t n, float bound); /* -bound..bound */
Tensor *new_weights(Graph *g, int rank, const int64_t *dim, DType type);
Tensor *new_vector(Graph *g, const char *name, int64_t n, int64_t lo, int64_t hi); /* int32 */
/* A shift and multipliers that spread sums of up to `bound` over codes of a type and keep them
 * within int32; the multipliers.  Some sums of layers with weights and int16 codes are `wide`. */
Tensor *set_output(Graph *g, Node *n, DType codes, int64_t channels, int64_t bound);
/* Codes, kernel, stride, dilation and pads of one spatial dimension of a layer of any kind. */
void random_window(int64_t *in, int64_t *kernel, int64_t *stride, int64_t *dilation, int64_t *pad,
                   int64_t *pad_end);

/* ---- random_elements.c: layers without weights.  Input 0 is the one in the arena. */

/* Of codes of one type, DT_I8 or DT_I16, or changes between such. */
Node *random_elements(Graph *g, DType type);
/* Of one real type. */
Node *random_real_elements(Graph *g, DType type);
/* Indices and scans; x has four dimensions. */
Node *random_indexed(Graph *g, Tensor *x);

/* ---- random_general.c: the general kernels, of up to three outputs; the first is there. */

Node *random_general(Graph *g);
/* Fills input 0 of such a layer where it wants other numbers than the rest; else false. */
bool random_general_input(const Node *n, void *data);

#endif
