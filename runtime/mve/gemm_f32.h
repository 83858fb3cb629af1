/* mve/gemm_f32.h - matrix product with constant weights, or pointwise convolution, of floats on
 * Helium: two rows at a time, copied to scratch first.  So y may be x, or begin where x begins:
 * rows are taken from the front where the output is not wider than the input and from the back
 * where it is.  Scratch: two rows of the input.  Weights as in mve/float.h. */
#ifndef QCC_MVE_GEMM_F32_H
#define QCC_MVE_GEMM_F32_H

#include "mve/float.h"
#include "mve/vec.h"
#include "params_f32.h"

QCC_KERNEL void qcc_mve_gemm_f32(const struct qcc_gemm_f32 *p, const float *x, const float *w,
                                 const float *bias, void *scratch, float *y) {
  float *rows = scratch;
  int32_t depth = p->depth, backwards = p->cols > depth;
  for (int32_t done = 0, n; done < p->rows; done += n) {
    n = p->rows - done >= 2 ? 2 : 1;
    int32_t row = backwards ? p->rows - done - n : done;
    float *to = y + row * p->cols;
    qcc_mve_copy(scratch, (const int8_t *)(x + row * depth), 4 * n * depth);
    qcc_mve_tile_f32(&p->act, depth, p->cols, rows, rows + (n - 1) * depth, w, bias, to,
                     to + (n - 1) * p->cols);
  }
  qcc_mve_finish_f32(&p->act, p->rows * p->cols, y);
}

#endif
