/* rvv/reals.h - products of codes with scales of run time by RISC-V vectors, and vectors of sums to real
 * numbers. */
#ifndef QCC_RVV_REALS_H
#define QCC_RVV_REALS_H

#include "line_reals.h"
#include "rvv/line.h"

QCC_INLINE void qcc_rvv_reals_row(int32_t n, float x_scale, const float *s, const float *b,
                                  float *y) {
  size_t vl;
  for (size_t i = 0; i < (size_t)n; i += vl) {
    vl = __riscv_vsetvl_e32m4((size_t)n - i);
    vint32m4_t sums = __riscv_vle32_v_i32m4((const int32_t *)(const void *)(y + i), vl);
    vfloat32m4_t v = __riscv_vfmul_vf_f32m4(__riscv_vfcvt_f_x_v_f32m4(sums, vl), x_scale, vl);
    v = __riscv_vfmul_vv_f32m4(v, __riscv_vle32_v_f32m4(s + i, vl), vl);
    v = b ? __riscv_vfadd_vv_f32m4(v, __riscv_vle32_v_f32m4(b + i, vl), vl)
          : __riscv_vfadd_vf_f32m4(v, 0.0f, vl);
    __riscv_vse32_v_f32m4(y + i, v, vl);
  }
}

QCC_LINE_REALS(s8, rvv, qcc_rvv_line, qcc_rvv_reals_row, 8, 2, , NULL)
QCC_LINE_REALS(s4, rvv, qcc_rvv_line, qcc_rvv_reals_row, 4, 2, , NULL)
QCC_LINE_REALS(s2, rvv, qcc_rvv_line, qcc_rvv_reals_row, 2, 4, , NULL)
QCC_LINE_REALS_GROUPED(s4, rvv, qcc_rvv_line, qcc_rvv_reals_row, 4, 2, , NULL)

#endif
