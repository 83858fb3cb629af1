/* kernels_mve.h - conditions and working memory of the kernels in runtime/mve (Helium). */
#ifndef QCC_KERNELS_MVE_H
#define QCC_KERNELS_MVE_H

#include "targets/kernels.h"

/* Dense layers with weights of a kind, l8: indices into any levels.  `over`: can also write over its
 * input; gemm: a QGemm of one row, rows: any.  Then the same in runs that have a multiple each. */
#define DENSE(weights)                                                                            \
  bool is_mve_conv1x1_##weights(const Node *n), is_mve_conv_##weights(const Node *n);             \
  bool is_mve_conv_over_##weights(const Node *n);                                                 \
  bool is_mve_gemm_##weights(const Node *n), is_mve_rows_##weights(const Node *n);
DENSE(s8) DENSE(s4) DENSE(s2) DENSE(l8)
DENSE(grouped_s8) DENSE(grouped_s4) DENSE(grouped_l8)
#undef DENSE
/* By the bits of a weight: 8, 4, 2. */
bool is_mve_depthwise_s8(const Node *n);
bool is_mve_depthwise_s4(const Node *n);
bool is_mve_depthwise_s2(const Node *n);
bool is_mve_depthwise_over_s8(const Node *n);
bool is_mve_depthwise_over_s4(const Node *n);
bool is_mve_depthwise_over_s2(const Node *n);
/* stride and dilation 1 */
bool is_mve_depthwise3x3_s8(const Node *n);
bool is_mve_depthwise3x3_s4(const Node *n);
bool is_mve_depthwise3x3_s2(const Node *n);
bool is_mve_depthwise3x3_over_s8(const Node *n);
bool is_mve_depthwise3x3_over_s4(const Node *n);
bool is_mve_depthwise3x3_over_s2(const Node *n);
bool is_mve_conv1x1_f32(const Node *n);
bool is_mve_conv1x1_f16(const Node *n);
bool is_mve_conv_f32(const Node *n);
bool is_mve_conv_f16(const Node *n);
bool is_mve_conv_over_f32(const Node *n);
bool is_mve_conv_over_f16(const Node *n);
bool is_mve_gemm_f32(const Node *n);
bool is_mve_gemm_f16(const Node *n);
bool is_mve_depthwise_f32(const Node *n);
bool is_mve_depthwise_f16(const Node *n);
bool is_mve_depthwise_over_f32(const Node *n);
bool is_mve_depthwise_over_f16(const Node *n);
/* TAdd of one shape, one operand of which is halved, and the other scaled by two products. */
bool is_mve_tadd(const Node *n);
bool is_mve_matmul(const Node *n); /* rows of b not too long to gather its columns */
/* Views of elements of 1 or 4 bytes; with at most 4 dimensions; Expand to at most 6. */
bool is_mve_view(const Node *n);
bool is_mve_view_4(const Node *n);
bool is_mve_expand(const Node *n);
int64_t mve_matmul_scratch(const Node *n);
int64_t mve_gemm_scratch(const Node *n);
int64_t mve_tile_scratch(const Node *n);
int64_t mve_conv_scratch(const Node *n);
int64_t mve_depthwise_scratch(const Node *n);
int64_t mve_depthwise3x3_scratch(const Node *n);
int64_t mve_gemm_scratch_real(const Node *n);
int64_t mve_conv_scratch_real(const Node *n);
int64_t mve_depthwise_scratch_real(const Node *n);

/* With int4 weights in runs. */
int64_t mve_conv_grouped_scratch(const Node *n);
int64_t mve_tile_grouped_scratch(const Node *n);
int64_t mve_gemm_grouped_scratch(const Node *n);

#endif
