/* kernels_x86.h - the conditions and scratch sizes that kernels_x86.def names. */
#ifndef QCC_KERNELS_X86_H
#define QCC_KERNELS_X86_H

#include "targets/kernels.h"

/* Dense layers with weights of a kind: convolutions, ungrouped ones with contiguous kernel rows, or
 * those whose taps lie apart, and grouped ones; pointwise ones; matrix products; and such
 * of both kinds with scales of run time. */
#define DENSE(weights)                                                                            \
  bool is_x86_conv_##weights(const Node *n), is_x86_dilated_##weights(const Node *n);             \
  bool is_x86_pointwise_##weights(const Node *n), is_x86_gemm_##weights(const Node *n);           \
  bool is_x86_reals_##weights(const Node *n);
DENSE(s8) DENSE(s4) DENSE(s2) DENSE(l8) DENSE(l5)
#undef DENSE
bool is_x86_depthwise(const Node *n); /* fewer than 8 bits are widened as they are packed */
bool is_x86_joined_16(const Node *n); /* several pixels fit 16 channels */
bool is_x86_joined_64(const Node *n);
int64_t staged_u8(const Node *n); /* the image with its border, as bytes */
int64_t staged_s16(const Node *n);
int64_t staged_rows_u8(const Node *n); /* a block of rows */
int64_t staged_rows_s16(const Node *n);
bool is_x86_conv_f32(const Node *n);
bool is_x86_winograd_16(const Node *n); /* 3x3, stride 1, enough channels, whole vectors of inputs */
bool is_x86_winograd_8(const Node *n);
bool is_x86_pointwise_f32(const Node *n);
bool is_x86_gemm_f32(const Node *n);
bool is_x86_depthwise_f32(const Node *n);
int64_t staged_f32(const Node *n);
int64_t winograd_scratch(const Node *n);
/* Tiles of 2x2 outputs that are transformed at a time. */
int64_t winograd_tiles(const Node *n);

#endif
