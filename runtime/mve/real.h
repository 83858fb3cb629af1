/* mve/real.h - the tiles of mve/float.h and mve/half.h for a constant type t of elements. */
#ifndef QCC_MVE_REAL_H
#define QCC_MVE_REAL_H

#include "mve/half.h"

QCC_INLINE void qcc_mve_tile_real(int t, const struct qcc_act *p, int32_t depth, int32_t cols,
                                  const void *x0, const void *x1, const void *w, const float *bias,
                                  void *y0, void *y1) {
  if (t == QCC_F16)
    qcc_mve_tile_f16(p, depth, cols, x0, x1, w, bias, y0, y1);
  else
    qcc_mve_tile_f32(p, depth, cols, x0, x1, w, bias, y0, y1);
}

/* Sigmoid and tanh, which only tiles of float16 apply by themselves. */
QCC_INLINE void qcc_mve_finish_real(int t, const struct qcc_act *p, int32_t n, void *y) {
  if (t != QCC_F16)
    qcc_mve_finish_f32(p, n, y);
}

#endif
