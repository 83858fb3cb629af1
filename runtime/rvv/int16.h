/* rvv/int16.h - layers of int16 codes with int8 weights by VWMACC, a code of a pixel times eight
 * channels, which vectors of 128 bits hold. */
#ifndef QCC_RVV_INT16_H
#define QCC_RVV_INT16_H

#include <riscv_vector.h>

#include "pairs_s16.h"

/* s += first * x[0] + second * x[1] */
QCC_INLINE vint32m2_t qcc_rvv_pair_s16(vint32m2_t s, const int16_t *x, vint16m1_t first,
                                       vint16m1_t second) {
  s = __riscv_vwmacc_vx_i32m2(s, x[0], first, 8);
  return __riscv_vwmacc_vx_i32m2(s, x[1], second, 8);
}

/* Vectors of RISC-V cannot be elements of arrays. */
QCC_INLINE void qcc_rvv_rows_s16(int32_t rows, int32_t pairs, const int16_t *x, int32_t x_step,
                                 const int8_t *w, int32_t acc[4][8]) {
  vint32m2_t s0 = __riscv_vle32_v_i32m2(acc[0], 8), s1 = s0, s2 = s0, s3 = s0;
  if (rows > 1)
    s1 = __riscv_vle32_v_i32m2(acc[1], 8);
  if (rows > 2) {
    s2 = __riscv_vle32_v_i32m2(acc[2], 8);
    s3 = __riscv_vle32_v_i32m2(acc[3], 8);
  }
  for (int32_t k = 0; k < pairs; k++, x += 2, w += 16) {
    /* The first of a pair is the lower byte of 16 bits. */
    vint16m1_t both = __riscv_vreinterpret_v_i8m1_i16m1(__riscv_vle8_v_i8m1(w, 16));
    vint16m1_t second = __riscv_vsra_vx_i16m1(both, 8, 8);
    vint16m1_t first = __riscv_vsra_vx_i16m1(__riscv_vsll_vx_i16m1(both, 8, 8), 8, 8);
    s0 = qcc_rvv_pair_s16(s0, x, first, second);
    if (rows > 1)
      s1 = qcc_rvv_pair_s16(s1, x + x_step, first, second);
    if (rows > 2) {
      s2 = qcc_rvv_pair_s16(s2, x + 2 * x_step, first, second);
      s3 = qcc_rvv_pair_s16(s3, x + 3 * x_step, first, second);
    }
  }
  __riscv_vse32_v_i32m2(acc[0], s0, 8);
  if (rows > 1)
    __riscv_vse32_v_i32m2(acc[1], s1, 8);
  if (rows > 2) {
    __riscv_vse32_v_i32m2(acc[2], s2, 8);
    __riscv_vse32_v_i32m2(acc[3], s3, 8);
  }
}

QCC_INLINE void qcc_rvv_taps_s16(int32_t taps, const int16_t *v, int32_t v_step, const int8_t *w,
                                 int32_t w_step, int32_t acc[8]) {
  vint32m2_t s = __riscv_vle32_v_i32m2(acc, 8);
  for (; taps > 0; taps--, v += v_step, w += w_step) {
    vint16m1_t eight = __riscv_vsext_vf2_i16m1(__riscv_vle8_v_i8mf2(w, 8), 8);
    s = __riscv_vwmacc_vv_i32m2(s, __riscv_vle16_v_i16m1(v, 8), eight, 8);
  }
  __riscv_vse32_v_i32m2(acc, s, 8);
}

QCC_INLINE void qcc_rvv_codes_s16(const struct qcc_rescale *r, const int32_t acc[8],
                                  const int32_t m[8], int16_t y[8]) {
  vint32m2_t s = __riscv_vle32_v_i32m2(acc, 8);
  if (r->shift > 0)
    s = __riscv_vsll_vx_i32m2(s, (size_t)r->shift, 8);
  if (r->shift < 0)
    s = __riscv_vsra_vx_i32m2(s, (size_t)-r->shift, 8);
  s = __riscv_vsmul_vv_i32m2(s, __riscv_vle32_v_i32m2(m, 8), __RISCV_VXRM_RNU, 8);
  s = __riscv_vmin_vx_i32m2(__riscv_vmax_vx_i32m2(s, r->lo, 8), r->hi, 8);
  __riscv_vse16_v_i16m1(y, __riscv_vncvt_x_x_w_i16m1(s, 8), 8);
}

QCC_PAIRS_S16(rvv)

#endif
