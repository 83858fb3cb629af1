/* kernels_x86.h - the conditions and scratch sizes that kernels_x86.def names. */
#ifndef QCC_KERNELS_X86_H
#define QCC_KERNELS_X86_H

#include "targets/kernels.h"

bool is_x86_conv_s8(const Node *n); /* ungrouped, kernel rows contiguous */
bool is_x86_conv_s4(const Node *n);
bool is_x86_conv_s2(const Node *n);
bool is_x86_dilated_s8(const Node *n); /* ungrouped, taps apart */
bool is_x86_dilated_s4(const Node *n);
bool is_x86_dilated_s2(const Node *n);
bool is_x86_pointwise_s8(const Node *n);
bool is_x86_pointwise_s4(const Node *n);
bool is_x86_pointwise_s2(const Node *n);
bool is_x86_gemm_s8(const Node *n);
bool is_x86_gemm_s4(const Node *n);
bool is_x86_gemm_s2(const Node *n);
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
