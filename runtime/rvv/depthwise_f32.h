/* rvv/depthwise_f32.h - float depthwise convolution by RISC-V vectors: a vector is channels, and
 * four pixels share the loads of weights, which are w[taps][channels]. */
#ifndef QCC_RVV_DEPTHWISE_F32_H
#define QCC_RVV_DEPTHWISE_F32_H

#include "line_layers_f32.h"
#include "rvv/float.h"

/* Channels c .. c + vl - 1 of n pixels, 1 to 4, from float `at` of the lines on. */
QCC_INLINE void qcc_rvv_taps_f32(const struct qcc_float_layer *o, const struct qcc_lines *l,
                                 int32_t at, int32_t n, int32_t c, float *y, size_t vl) {
  const struct qcc_window *g = o->g;
  const float *w = o->w + c;
  int32_t tap = g->dilation_w * g->in_c, step = l->step;
  vfloat32m4_t a0 = qcc_rvv_bias_f32(o->b ? o->b + c : NULL, vl), a1 = a0, a2 = a0, a3 = a0;
  for (int32_t ky = 0; ky < g->kernel_h; ky++) {
    const float *x = (const float *)l->line[ky] + at;
    for (int32_t kx = 0; kx < g->kernel_w; kx++, x += tap, w += o->cols) {
      vfloat32m4_t v = __riscv_vle32_v_f32m4(w, vl);
      a0 = __riscv_vfmacc_vv_f32m4(a0, __riscv_vle32_v_f32m4(x, vl), v, vl);
      a1 = __riscv_vfmacc_vv_f32m4(a1, __riscv_vle32_v_f32m4(x + step, vl), v, vl);
      a2 = __riscv_vfmacc_vv_f32m4(a2, __riscv_vle32_v_f32m4(x + 2 * step, vl), v, vl);
      a3 = __riscv_vfmacc_vv_f32m4(a3, __riscv_vle32_v_f32m4(x + 3 * step, vl), v, vl);
    }
  }
  qcc_rvv_put_four(&o->act, n, a0, a1, a2, a3, o->cols, y, vl);
}

QCC_INLINE void qcc_rvv_depthwise_f32(const void *layer, const struct qcc_lines *l, int32_t n,
                                      void *to) {
  const struct qcc_float_layer *o = (const struct qcc_float_layer *)layer;
  size_t vl;
  for (int32_t c = 0; c < o->cols; c += (int32_t)vl) {
    vl = __riscv_vsetvl_e32m4((size_t)(o->cols - c));
    for (int32_t i = 0; i < n; i += 4)
      qcc_rvv_taps_f32(o, l, i * l->step + c, qcc_min(n - i, 4), c, (float *)to + i * o->cols + c,
                       vl);
  }
}

QCC_KERNEL void qcc_depthwise_f32_rvv(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                      const float *bias, void *scratch, float *y) {
  qcc_float_depthwise(qcc_rvv_depthwise_f32, p, 0, x, w, bias, scratch, y);
}

#endif
