/* rvv/float.h - what the float kernels of RISC-V vectors share: the activation of a vector. */
#ifndef QCC_RVV_FLOAT_H
#define QCC_RVV_FLOAT_H

#include <riscv_vector.h>

#include "activation_f32.h"

/* a * v + b within 0..1 */
QCC_INLINE vfloat32m4_t qcc_rvv_gate(float a, float b, vfloat32m4_t v, size_t vl) {
  v = __riscv_vfadd_vf_f32m4(__riscv_vfmul_vf_f32m4(v, a, vl), b, vl);
  return __riscv_vfmin_vf_f32m4(__riscv_vfmax_vf_f32m4(v, 0.0f, vl), 1.0f, vl);
}

/* Activations without exp. */
QCC_INLINE vfloat32m4_t qcc_rvv_activate(const struct qcc_act *p, vfloat32m4_t v, size_t vl) {
  switch (p->kind) {
    case QCC_ACT_RELU: return __riscv_vfmax_vf_f32m4(v, 0.0f, vl);
    case QCC_ACT_CLIP:
      return __riscv_vfmin_vf_f32m4(__riscv_vfmax_vf_f32m4(v, p->a, vl), p->b, vl);
    case QCC_ACT_LEAKY:
      return __riscv_vfmul_vf_f32m4_mu(__riscv_vmflt_vf_f32m4_b8(v, 0.0f, vl), v, v, p->a, vl);
    case QCC_ACT_HARDSWISH:
      return __riscv_vfmul_vv_f32m4(v, qcc_rvv_gate(1.0f / 6.0f, 0.5f, v, vl), vl);
    case QCC_ACT_HARDSIGMOID: return qcc_rvv_gate(p->a, p->b, v, vl);
    default: return v;
  }
}

/* Activates and stores vl floats. */
QCC_INLINE void qcc_rvv_put_f32(const struct qcc_act *p, vfloat32m4_t v, float *y, size_t vl) {
  __riscv_vse32_v_f32m4(y, qcc_rvv_activate(p, v, vl), vl);
#if QCC_ACT_EXP
  if (p->kind == QCC_ACT_SIGMOID || p->kind == QCC_ACT_TANH)
    qcc_activate_f32(p, (int32_t)vl, y, y);
#endif
}

/* Vectors of four pixels, n of which are stored; `cols` floats from one to the next. */
QCC_INLINE void qcc_rvv_put_four(const struct qcc_act *p, int32_t n, vfloat32m4_t a0,
                                 vfloat32m4_t a1, vfloat32m4_t a2, vfloat32m4_t a3, int32_t cols,
                                 float *y, size_t vl) {
  qcc_rvv_put_f32(p, a0, y, vl);
  if (n > 1)
    qcc_rvv_put_f32(p, a1, y + cols, vl);
  if (n > 2)
    qcc_rvv_put_f32(p, a2, y + 2 * cols, vl);
  if (n > 3)
    qcc_rvv_put_f32(p, a3, y + 3 * cols, vl);
}

QCC_INLINE vfloat32m4_t qcc_rvv_bias_f32(const float *b, size_t vl) {
  return b ? __riscv_vle32_v_f32m4(b, vl) : __riscv_vfmv_v_f_f32m4(0.0f, vl);
}

#endif
