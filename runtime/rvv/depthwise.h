/* rvv/depthwise.h - depthwise convolution of int8 codes by RISC-V vectors: a vector is channels,
 * from the lines of lines.h; any kernel of up to 16 by 16, stride, dilation and padding.  Two
 * products of a kernel row are summed in 16 bits (no weight is -128), of narrower weights all of
 * them, then widened.  Weights are w[kernel_h][kernel_w][channels], or, of fewer than eight bits,
 * as in neon/depthwise.h. */
#ifndef QCC_RVV_DEPTHWISE_H
#define QCC_RVV_DEPTHWISE_H

#include "rvv/line.h"

/* Weights of tap t. */
QCC_INLINE vint8m1_t qcc_rvv_tap(int32_t bits, int32_t channels, const int8_t *w, int32_t t,
                                 size_t vl) {
  int32_t padded = bits == 8 ? channels : (channels + 7) / 8 * 8;
  vint8m1_t bytes = __riscv_vle8_v_i8m1(w + t * bits / 8 * padded, vl);
  return qcc_rvv_plane(bits, t, bytes, vl);
}

/* Channels c .. c + vl - 1 of the pixel at code `at` of the lines. */
QCC_INLINE vint32m4_t qcc_rvv_taps(int32_t bits, const struct qcc_window *g,
                                   const struct qcc_lines *l, int32_t at, const int8_t *w,
                                   vint32m4_t acc, size_t vl) {
  int32_t tap = g->dilation_w * g->in_c, group = bits == 8 ? 2 : 16, t = 0;
  for (int32_t ky = 0; ky < g->kernel_h; ky++) {
    const int8_t *x = (const int8_t *)l->line[ky] + at;
    for (int32_t kx = 0; kx < g->kernel_w; kx += group) {
      vint16m2_t s = __riscv_vwmul_vv_i16m2(__riscv_vle8_v_i8m1(x, vl),
                                            qcc_rvv_tap(bits, g->in_c, w, t++, vl), vl);
      x += tap;
      for (int32_t k = kx + 1; k < qcc_min(kx + group, g->kernel_w); k++, x += tap)
        s = __riscv_vwmacc_vv_i16m2(s, __riscv_vle8_v_i8m1(x, vl),
                                    qcc_rvv_tap(bits, g->in_c, w, t++, vl), vl);
      acc = __riscv_vwadd_wv_i32m4(acc, s, vl);
    }
  }
  return acc;
}

QCC_INLINE void qcc_rvv_depthwise(const void *layer, const struct qcc_lines *l, int32_t n,
                                  void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  int8_t *y = (int8_t *)to;
  size_t vl;
  for (int32_t c = 0; c < o->cols; c += (int32_t)vl) {
    vl = __riscv_vsetvl_e8m1((size_t)(o->cols - c));
    vint32m4_t bias = qcc_rvv_bias(o, c, vl), factor = __riscv_vle32_v_i32m4(o->m + c, vl);
    for (int32_t i = 0; i < n; i++) {
      vint32m4_t acc = qcc_rvv_taps(o->kind, o->g, l, i * l->step + c, o->w + c, bias, vl);
      qcc_rvv_store(o->r, acc, factor, y + i * o->cols + c, vl);
    }
  }
}

QCC_KERNEL void qcc_depthwise_s8_rvv(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                     const int32_t *b, const int32_t *m, const int8_t *table,
                                     void *scratch, int8_t *y) {
  qcc_line_depthwise(qcc_rvv_depthwise, qcc_rvv_lookup, 8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_depthwise_s4_rvv(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                     const int32_t *b, const int32_t *m, const int8_t *table,
                                     void *scratch, int8_t *y) {
  qcc_line_depthwise(qcc_rvv_depthwise, qcc_rvv_lookup, 4, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_depthwise_s2_rvv(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                     const int32_t *b, const int32_t *m, const int8_t *table,
                                     void *scratch, int8_t *y) {
  qcc_line_depthwise(qcc_rvv_depthwise, qcc_rvv_lookup, 2, p, x, w, b, m, table, scratch, y);
}

#endif
