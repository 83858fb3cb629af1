/* kernels_mve.h - conditions and working memory of the kernels in runtime/mve (Helium). */
#ifndef QCC_KERNELS_MVE_H
#define QCC_KERNELS_MVE_H

#include "targets/kernels.h"

bool is_mve_conv1x1_s8(const Node *n);
bool is_mve_gemm_s8(const Node *n);
bool is_mve_rows_s8(const Node *n); /* a QGemm with more than one row */
bool is_mve_conv_s8(const Node *n);
bool is_mve_conv_over_s8(const Node *n); /* and can write over its input */
bool is_mve_conv1x1_s4(const Node *n);
bool is_mve_gemm_s4(const Node *n); /* one row, its depth a multiple of 16 */
bool is_mve_rows_s4(const Node *n); /* any other QGemm */
bool is_mve_conv_s4(const Node *n);
bool is_mve_conv_over_s4(const Node *n);
bool is_mve_depthwise_s8(const Node *n);
bool is_mve_depthwise_over_s8(const Node *n);
bool is_mve_depthwise3x3_s8(const Node *n);
bool is_mve_depthwise3x3_over_s8(const Node *n);
bool is_mve_add(const Node *n); /* equal shapes */
int64_t mve_tile_scratch(const Node *n);
int64_t mve_conv_scratch(const Node *n);
int64_t mve_depthwise_scratch(const Node *n);
int64_t mve_depthwise3x3_scratch(const Node *n);

#endif
