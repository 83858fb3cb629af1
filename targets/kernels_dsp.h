/* kernels_dsp.h - conditions and working memory of the rows in kernels_dsp.def. */
#ifndef QCC_KERNELS_DSP_H
#define QCC_KERNELS_DSP_H

#include "targets/kernels.h"

/* `over`: the output may lie over the input. */
bool is_pointwise_dsp_s8(const Node *n);
bool is_depthwise_dsp_s8(const Node *n);
bool is_depthwise_over_dsp_s8(const Node *n);
bool is_any_depthwise_dsp_s8(const Node *n);
bool is_any_depthwise_dsp_s4(const Node *n);
bool is_any_depthwise_dsp_s2(const Node *n);
bool is_any_depthwise_over_dsp_s8(const Node *n);
bool is_any_depthwise_over_dsp_s4(const Node *n);
bool is_any_depthwise_over_dsp_s2(const Node *n);
bool is_conv_dsp_s8(const Node *n);
bool is_conv_over_dsp_s8(const Node *n);
bool is_one_row_dsp_s8(const Node *n);
bool is_rows_dsp_s8(const Node *n);
bool is_pointwise_dsp_s4(const Node *n);
bool is_pointwise_dsp_s2(const Node *n);
bool is_depthwise_dsp_s4(const Node *n);
bool is_depthwise_dsp_s2(const Node *n);
bool is_depthwise_over_dsp_s4(const Node *n);
bool is_depthwise_over_dsp_s2(const Node *n);
bool is_conv_dsp_s4(const Node *n);
bool is_conv_dsp_s2(const Node *n);
bool is_conv_over_dsp_s4(const Node *n);
bool is_conv_over_dsp_s2(const Node *n);
bool is_one_row_dsp_s4(const Node *n);
bool is_one_row_dsp_s2(const Node *n);
bool is_rows_dsp_s4(const Node *n);
bool is_rows_dsp_s2(const Node *n);
/* int8 weights among which is a -128. */
bool is_pointwise_raised_dsp(const Node *n);
bool is_conv_raised_dsp(const Node *n);
bool is_conv_over_raised_dsp(const Node *n);
bool is_one_row_raised_dsp(const Node *n);
bool is_rows_raised_dsp(const Node *n);
/* int4 weights in runs that have a multiple each. */
bool is_pointwise_grouped_dsp(const Node *n);
bool is_conv_grouped_dsp(const Node *n);
bool is_conv_over_grouped_dsp(const Node *n);
bool is_one_row_grouped_dsp(const Node *n);
bool is_rows_grouped_dsp(const Node *n);
/* A TAdd whose rounding fits beside the numbers; the same of equal shapes. */
bool is_tadd_dsp(const Node *n);
bool is_same_tadd_dsp(const Node *n);
/* A pool of at least four channels. */
bool is_pool_dsp_s8(const Node *n);
bool is_pool_dsp_u8(const Node *n);

int64_t matmul_scratch_dsp(const Node *n);
int64_t pointwise_scratch_dsp(const Node *n);
int64_t depthwise_scratch_dsp(const Node *n);
int64_t any_depthwise_scratch_dsp(const Node *n);
int64_t conv_scratch_dsp(const Node *n);
int64_t ring_scratch_dsp(const Node *n);
int64_t gemm_scratch_dsp(const Node *n);
int64_t pointwise_grouped_scratch_dsp(const Node *n);
int64_t conv_grouped_scratch_dsp(const Node *n);
int64_t ring_grouped_scratch_dsp(const Node *n);
int64_t gemm_grouped_scratch_dsp(const Node *n);

#endif
