/* mve/gemm_f32.h - matrix product with constant weights, or pointwise convolution, of floats or
 * float16 on Helium: two rows at a time, copied to scratch first.  So y may be x, or begin where x begins:
 * rows are taken from the front where the output is not wider than the input and from the back
 * where it is.  Scratch: two rows of the input, each in
 * whole words.  Weights as in mve/float.h, mve/half.h. */
#ifndef QCC_MVE_GEMM_F32_H
#define QCC_MVE_GEMM_F32_H

#include "mve/real.h"
#include "mve/vec.h"
#include "params_f32.h"

/* Elements t of x, w and y. */
QCC_INLINE void qcc_mve_gemm_real(int t, const struct qcc_gemm_f32 *p, const void *x, const void *w,
                                  const float *bias, void *scratch, void *y) {
  int32_t depth = p->depth, backwards = p->cols > depth, bytes = t == QCC_F16 ? 2 * depth : 4 * depth;
  int32_t pitch = (bytes + 3) & ~3;
  int8_t *rows = scratch;
  for (int32_t done = 0, n; done < p->rows; done += n) {
    n = p->rows - done >= 2 ? 2 : 1;
    int32_t row = backwards ? p->rows - done - n : done;
    const int8_t *from = (const int8_t *)x + row * bytes, *second = rows + (n - 1) * pitch;
    void *to = qcc_place(t, y, row * p->cols), *next = qcc_place(t, to, (n - 1) * p->cols);
    if (pitch == bytes) {
      qcc_copy(rows, from, n * bytes);
    } else {
      qcc_copy(rows, from, bytes);
      qcc_copy(rows + (n - 1) * pitch, from + (n - 1) * bytes, bytes);
    }
    qcc_mve_tile_real(t, &p->act, depth, p->cols, rows, second, w, bias, to, next);
  }
  qcc_mve_finish_real(t, &p->act, p->rows * p->cols, y);
}

QCC_KERNEL void qcc_mve_gemm_f32(const struct qcc_gemm_f32 *p, const float *x, const float *w,
                                 const float *bias, void *scratch, float *y) {
  qcc_mve_gemm_real(QCC_F32, p, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_mve_gemm_f16(const struct qcc_gemm_f32 *p, const uint16_t *x, const uint16_t *w,
                                 const float *bias, void *scratch, uint16_t *y) {
  qcc_mve_gemm_real(QCC_F16, p, x, w, bias, scratch, y);
}

#endif
