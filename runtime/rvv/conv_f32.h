/* rvv/conv_f32.h - float convolutions and matrix products by RISC-V vectors of any length: a vector
 * is output channels, and each float of x multiplies a vector of weights.  Four pixels share the
 * loads of weights, which are w[depth][channels]. */
#ifndef QCC_RVV_CONV_F32_H
#define QCC_RVV_CONV_F32_H

#include "line_layers_f32.h"
#include "rvv/float.h"

/* Channels c .. c + vl - 1 of n pixels, 1 to 4, from float `at` of the lines on. */
QCC_INLINE void qcc_rvv_four_f32(const struct qcc_float_layer *o, const struct qcc_lines *l,
                                 int32_t at, int32_t n, int32_t c, float *y, size_t vl) {
  int32_t s1 = qcc_min(1, n - 1) * l->step, s2 = qcc_min(2, n - 1) * l->step;
  int32_t s3 = qcc_min(3, n - 1) * l->step;
  const float *w = o->w + c;
  vfloat32m4_t a0 = qcc_rvv_bias_f32(o->b ? o->b + c : NULL, vl), a1 = a0, a2 = a0, a3 = a0;
  for (int32_t j = 0; j < l->n; j++) {
    const float *x = (const float *)l->line[j] + at;
    for (int32_t k = 0; k < l->run; k++, x++, w += o->cols) {
      vfloat32m4_t v = __riscv_vle32_v_f32m4(w, vl);
      a0 = __riscv_vfmacc_vf_f32m4(a0, x[0], v, vl);
      a1 = __riscv_vfmacc_vf_f32m4(a1, x[s1], v, vl);
      a2 = __riscv_vfmacc_vf_f32m4(a2, x[s2], v, vl);
      a3 = __riscv_vfmacc_vf_f32m4(a3, x[s3], v, vl);
    }
  }
  qcc_rvv_put_four(&o->act, n, a0, a1, a2, a3, o->cols, y, vl);
}

/* All channels of one pixel, vectors twice as long. */
QCC_INLINE void qcc_rvv_one_f32(const struct qcc_float_layer *o, const struct qcc_lines *l,
                                int32_t at, float *y) {
  size_t vl, half, cols = (size_t)o->cols;
  for (size_t c = 0; c < cols; c += vl) {
    const float *w = o->w + c;
    vl = __riscv_vsetvl_e32m8(cols - c);
    vfloat32m8_t acc = __riscv_vfmv_v_f_f32m8(0.0f, vl);
    if (o->b)
      acc = __riscv_vle32_v_f32m8(o->b + c, vl);
    for (int32_t j = 0; j < l->n; j++) {
      const float *x = (const float *)l->line[j] + at;
      for (int32_t k = 0; k < l->run; k++, w += cols)
        acc = __riscv_vfmacc_vf_f32m8(acc, x[k], __riscv_vle32_v_f32m8(w, vl), vl);
    }
    half = __riscv_vsetvl_e32m4(vl);
    qcc_rvv_put_f32(&o->act, __riscv_vget_v_f32m8_f32m4(acc, 0), y + c, half);
    if (vl > half)
      qcc_rvv_put_f32(&o->act, __riscv_vget_v_f32m8_f32m4(acc, 1), y + c + half, vl - half);
  }
}

QCC_INLINE void qcc_rvv_line_f32(const void *layer, const struct qcc_lines *l, int32_t n,
                                 void *to) {
  const struct qcc_float_layer *o = (const struct qcc_float_layer *)layer;
  float *y = (float *)to;
  size_t vl;
  for (int32_t i = 0; i < n; i += 4, y += 4 * o->cols) {
    if (n - i == 1)
      qcc_rvv_one_f32(o, l, i * l->step, y);
    for (int32_t c = 0; n - i > 1 && c < o->cols; c += (int32_t)vl) {
      vl = __riscv_vsetvl_e32m4((size_t)(o->cols - c));
      qcc_rvv_four_f32(o, l, i * l->step, qcc_min(n - i, 4), c, y + c, vl);
    }
  }
}

QCC_KERNEL void qcc_conv_f32_rvv(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                 const float *bias, void *scratch, float *y) {
  qcc_float_conv(qcc_rvv_line_f32, p, p->g.out_c, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_gemm_f32_rvv(const struct qcc_gemm_f32 *p, const float *x, const float *w,
                                 const float *bias, void *scratch, float *y) {
  qcc_float_gemm(qcc_rvv_line_f32, p, p->cols, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_matmul_f32_rvv(const struct qcc_matmul_f32 *p, const float *a, const float *b,
                                   float *y) {
  qcc_float_matmul(qcc_rvv_line_f32, p, a, b, y);
}

#endif
