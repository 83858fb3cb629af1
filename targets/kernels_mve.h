/* kernels_mve.h - conditions and working memory of the kernels in runtime/mve (Helium). */
#ifndef QCC_KERNELS_MVE_H
#define QCC_KERNELS_MVE_H

#include "targets/kernels.h"

/* By the bits of a weight: 8, 4, 2.  `over`: can also write over its input. */
bool is_mve_conv1x1_s8(const Node *n);
bool is_mve_conv1x1_s4(const Node *n);
bool is_mve_conv1x1_s2(const Node *n);
bool is_mve_conv_s8(const Node *n);
bool is_mve_conv_s4(const Node *n);
bool is_mve_conv_s2(const Node *n);
bool is_mve_conv_over_s8(const Node *n);
bool is_mve_conv_over_s4(const Node *n);
bool is_mve_conv_over_s2(const Node *n);
/* a QGemm of one row */
bool is_mve_gemm_s8(const Node *n);
bool is_mve_gemm_s4(const Node *n);
bool is_mve_gemm_s2(const Node *n);
/* any QGemm */
bool is_mve_rows_s8(const Node *n);
bool is_mve_rows_s4(const Node *n);
bool is_mve_rows_s2(const Node *n);
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

/* int4 weights in runs that have a multiple each. */
bool is_mve_conv_grouped(const Node *n);
bool is_mve_conv_over_grouped(const Node *n);
bool is_mve_conv1x1_grouped(const Node *n);
bool is_mve_gemm_grouped(const Node *n);
bool is_mve_rows_grouped(const Node *n);
int64_t mve_conv_grouped_scratch(const Node *n);
int64_t mve_tile_grouped_scratch(const Node *n);
int64_t mve_gemm_grouped_scratch(const Node *n);

#endif
