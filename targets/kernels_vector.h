/* kernels_vector.h - conditions and scratch sizes of the kernels of 64-bit Arm and RISC-V, whose
 * rows are in kernels_vector.def. */
#ifndef QCC_KERNELS_VECTOR_H
#define QCC_KERNELS_VECTOR_H

#include "targets/kernels.h"

/* Dense layers with weights of a kind that have no multiples: matrix products, pointwise convolutions
 * among them; convolutions that lines.h serves, and those of them whose output rows may overwrite the
 * input as they are made; of each the ones that fill the tiles of the matrix instructions. */
#define DENSE(weights)                                                                            \
  bool is_product_##weights(const Node *n), is_mmla_product_##weights(const Node *n);             \
  bool is_lines_##weights(const Node *n), is_mmla_lines_##weights(const Node *n);                 \
  bool is_lagging_lines_##weights(const Node *n), is_lagging_mmla_lines_##weights(const Node *n);
DENSE(s8) DENSE(s4) DENSE(s2) DENSE(l8) DENSE(l5)
#undef DENSE
/* Such products to floats, of codes with a scale of run time for a row, or for several. */
#define REALS(weights) \
  bool is_reals_##weights(const Node *n), is_mmla_reals_##weights(const Node *n);
REALS(s8) REALS(s4) REALS(s2) REALS(l8) REALS(l5)
#undef REALS
bool is_symmetric_reals_s8(const Node *n);
/* The same whose weights have a multiple for each 16, 32 ... of them. */
#define GROUPED(weights)                                                                          \
  bool is_grouped_product_##weights(const Node *n), is_mmla_grouped_product_##weights(const Node *n); \
  bool is_grouped_lines_##weights(const Node *n), is_mmla_grouped_lines_##weights(const Node *n); \
  bool is_grouped_reals_##weights(const Node *n), is_mmla_grouped_reals_##weights(const Node *n); \
  bool is_lagging_grouped_lines_##weights(const Node *n);                                         \
  bool is_lagging_mmla_grouped_lines_##weights(const Node *n);
GROUPED(s8) GROUPED(s4) GROUPED(l8) GROUPED(l5)
#undef GROUPED
/* No weight is -128, so that two products fit 16 bits. */
bool is_symmetric_lines_s8(const Node *n);
bool is_symmetric_product_s8(const Node *n);
/* Depthwise convolutions; of int8 weights none is -128. */
bool is_code_channels(const Node *n);
bool is_vector_channels_s8(const Node *n);
bool is_vector_channels_s4(const Node *n);
bool is_vector_channels_s2(const Node *n);
/* The same three kinds with constant weights that are floats, and products of two activations, the
 * right one of at least four columns where `wide`. */
bool is_lines_f32(const Node *n);
bool is_product_f32(const Node *n);
bool is_vector_channels_f32(const Node *n);
bool is_matmul_f32(const Node *n);
bool is_wide_matmul_f32(const Node *n);
/* Those whose output rows may overwrite the input as they are made. */
bool is_lagging_symmetric_lines_s8(const Node *n);
bool is_lagging_code_channels(const Node *n);
bool is_lagging_channels_s8(const Node *n);
bool is_lagging_channels_s4(const Node *n);
bool is_lagging_channels_s2(const Node *n);
bool is_lagging_lines_f32(const Node *n);
bool is_lagging_channels_f32(const Node *n);

/* Weights that share a multiple, as those kernels have them: runs that lie in two lines are cut. */
int64_t lines_group_size(const Node *n);

int64_t lines_scratch(const Node *n);
int64_t product_scratch(const Node *n);
int64_t lines_scratch_f32(const Node *n);
int64_t product_scratch_f32(const Node *n);

#endif
