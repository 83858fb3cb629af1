/* params_f32.h - parameters of the float convolutions and matrix products. */
#ifndef QCC_PARAMS_F32_H
#define QCC_PARAMS_F32_H

#include "activation_f32.h"
#include "batches.h"
#include "real.h"
#include "window.h"

struct qcc_conv_f32 {
  struct qcc_window g;
  int32_t group;
  int32_t w_next; /* where a kernel takes groups one by one: elements of w of each */
  struct qcc_act act;
};

struct qcc_gemm_f32 {
  int32_t rows, depth, cols;
  struct qcc_act act;
};

struct qcc_matmul_f32 {
  struct qcc_batches batches;
  int32_t rows, depth, cols;
};

#endif
