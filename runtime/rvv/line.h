/* rvv/line.h - matrix products by RISC-V vectors of any length: a vector is output channels, and
 * each code of x multiplies a vector of weights.  Four pixels share the loads of weights.
 *
 * Two products are summed in 16 bits, which none of the weights being -128 allows, then widened.
 * Weights are [kernel rows][run, padded to an even number][channels]; with int4 weights a byte's
 * nibbles are two that follow each other along the run.  VSMUL, rounding half up, is rule q31. */
#ifndef QCC_RVV_LINE_H
#define QCC_RVV_LINE_H

#include <riscv_vector.h>

#include "line_layers.h"

QCC_INLINE vint32m4_t qcc_rvv_bias(const struct qcc_line_layer *o, int32_t c, size_t vl) {
  return o->b ? __riscv_vle32_v_i32m4(o->b + c, vl) : __riscv_vmv_v_x_i32m4(0, vl);
}

/* Rule q31, then vl codes to y. */
QCC_INLINE void qcc_rvv_store(const struct qcc_rescale *r, vint32m4_t acc, vint32m4_t m, int8_t *y,
                              size_t vl) {
  if (r->shift > 0)
    acc = __riscv_vsll_vx_i32m4(acc, (size_t)r->shift, vl);
  if (r->shift < 0)
    acc = __riscv_vsra_vx_i32m4(acc, (size_t)-r->shift, vl);
  acc = __riscv_vsmul_vv_i32m4(acc, m, __RISCV_VXRM_RNU, vl);
  acc = __riscv_vadd_vx_i32m4(acc, r->zero, vl);
  acc = __riscv_vmax_vx_i32m4(acc, r->lo, vl);
  acc = __riscv_vmin_vx_i32m4(acc, r->hi, vl);
  __riscv_vse8_v_i8m1(y, __riscv_vncvt_x_x_w_i8m1(__riscv_vncvt_x_x_w_i16m2(acc, vl), vl), vl);
}

/* y[i] = table[x[i] + 128]; y may be x. */
QCC_INLINE void qcc_rvv_lookup(int32_t n, const int8_t *table, const int8_t *x, int8_t *y) {
  size_t vl;
  for (size_t i = 0; i < (size_t)n; i += vl) {
    vl = __riscv_vsetvl_e8m4((size_t)n - i);
    vuint8m4_t at = __riscv_vreinterpret_v_i8m4_u8m4(__riscv_vle8_v_i8m4(x + i, vl));
    at = __riscv_vxor_vx_u8m4(at, 128, vl);
    __riscv_vse8_v_i8m4(y + i, __riscv_vluxei8_v_i8m4(table, at, vl), vl);
  }
}

/* Weights of codes k (odd 0) and k + 1 (odd 1) of a run; w is at code k, an even one. */
QCC_INLINE vint8m1_t qcc_rvv_weights(int32_t bits, int32_t odd, const int8_t *w, int32_t cols,
                                     size_t vl) {
  vint8m1_t v = __riscv_vle8_v_i8m1(bits == 8 && odd ? w + cols : w, vl);
  if (bits < 8 && !odd)
    v = __riscv_vsll_vx_i8m1(v, 4, vl);
  return bits < 8 ? __riscv_vsra_vx_i8m1(v, 4, vl) : v;
}

/* acc += x[0] * w0 + x[1] * w1 */
QCC_INLINE vint32m4_t qcc_rvv_add(vint32m4_t acc, const int8_t *x, vint8m1_t w0, vint8m1_t w1,
                                  size_t vl) {
  vint16m2_t p = __riscv_vwmul_vx_i16m2(w0, x[0], vl);
  p = __riscv_vwmacc_vx_i16m2(p, x[1], w1, vl);
  return __riscv_vwadd_wv_i32m4(acc, p, vl);
}

/* Channels c .. c + vl - 1 of n pixels, 1 to 4, from code `at` of the lines on. */
QCC_INLINE void qcc_rvv_four(int32_t bits, const struct qcc_line_layer *o,
                             const struct qcc_lines *l, int32_t at, int32_t n, int32_t c,
                             const int8_t *w, int8_t *y, size_t vl) {
  int32_t s1 = qcc_min(1, n - 1) * l->step, s2 = qcc_min(2, n - 1) * l->step;
  int32_t s3 = qcc_min(3, n - 1) * l->step, pair = o->cols * bits / 4;
  vint32m4_t a0 = qcc_rvv_bias(o, c, vl), a1 = a0, a2 = a0, a3 = a0, m;
  for (int32_t j = 0; j < l->n; j++) {
    const int8_t *x = (const int8_t *)l->line[j] + at;
    for (int32_t k = 0; k < l->run; k += 2, x += 2, w += pair) {
      vint8m1_t w0 = qcc_rvv_weights(bits, 0, w, o->cols, vl);
      vint8m1_t w1 = qcc_rvv_weights(bits, 1, w, o->cols, vl);
      a0 = qcc_rvv_add(a0, x, w0, w1, vl);
      a1 = qcc_rvv_add(a1, x + s1, w0, w1, vl);
      a2 = qcc_rvv_add(a2, x + s2, w0, w1, vl);
      a3 = qcc_rvv_add(a3, x + s3, w0, w1, vl);
    }
  }
  m = __riscv_vle32_v_i32m4(o->m + c, vl);
  qcc_rvv_store(o->r, a0, m, y, vl);
  if (n > 1)
    qcc_rvv_store(o->r, a1, m, y + o->cols, vl);
  if (n > 2)
    qcc_rvv_store(o->r, a2, m, y + 2 * o->cols, vl);
  if (n > 3)
    qcc_rvv_store(o->r, a3, m, y + 3 * o->cols, vl);
}

/* All channels of one pixel, vectors twice as long. */
QCC_INLINE void qcc_rvv_one(int32_t bits, const struct qcc_line_layer *o, const struct qcc_lines *l,
                            int32_t at, const int8_t *w, int8_t *y) {
  const struct qcc_rescale *r = o->r;
  size_t vl, cols = (size_t)o->cols;
  for (size_t c = 0; c < cols; c += vl) {
    const int8_t *v = w + c;
    vl = __riscv_vsetvl_e8m2(cols - c);
    vint32m8_t acc = o->b ? __riscv_vle32_v_i32m8(o->b + c, vl) : __riscv_vmv_v_x_i32m8(0, vl);
    for (int32_t j = 0; j < l->n; j++) {
      const int8_t *x = (const int8_t *)l->line[j] + at;
      for (int32_t k = 0; k < l->run; k += 2, x += 2, v += o->cols * bits / 4) {
        vint8m2_t w0 = __riscv_vle8_v_i8m2(v, vl), w1 = w0;
        if (bits == 8) {
          w1 = __riscv_vle8_v_i8m2(v + cols, vl);
        } else {
          w0 = __riscv_vsra_vx_i8m2(__riscv_vsll_vx_i8m2(w0, 4, vl), 4, vl);
          w1 = __riscv_vsra_vx_i8m2(w1, 4, vl);
        }
        vint16m4_t p = __riscv_vwmul_vx_i16m4(w0, x[0], vl);
        p = __riscv_vwmacc_vx_i16m4(p, x[1], w1, vl);
        acc = __riscv_vwadd_wv_i32m8(acc, p, vl);
      }
    }
    if (r->shift > 0)
      acc = __riscv_vsll_vx_i32m8(acc, (size_t)r->shift, vl);
    if (r->shift < 0)
      acc = __riscv_vsra_vx_i32m8(acc, (size_t)-r->shift, vl);
    acc = __riscv_vsmul_vv_i32m8(acc, __riscv_vle32_v_i32m8(o->m + c, vl), __RISCV_VXRM_RNU, vl);
    acc = __riscv_vmax_vx_i32m8(__riscv_vadd_vx_i32m8(acc, r->zero, vl), r->lo, vl);
    vint16m4_t h = __riscv_vncvt_x_x_w_i16m4(__riscv_vmin_vx_i32m8(acc, r->hi, vl), vl);
    __riscv_vse8_v_i8m2(y + c, __riscv_vncvt_x_x_w_i8m2(h, vl), vl);
  }
}

QCC_INLINE void qcc_rvv_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_line_layer *o = (const struct qcc_line_layer *)layer;
  int8_t *y = (int8_t *)to;
  size_t vl;
  for (int32_t i = 0; i < n; i += 4, y += 4 * o->cols) {
    if (n - i == 1)
      qcc_rvv_one(o->bits, o, l, i * l->step, o->w, y);
    for (int32_t c = 0; n - i > 1 && c < o->cols; c += (int32_t)vl) {
      vl = __riscv_vsetvl_e8m1((size_t)(o->cols - c));
      qcc_rvv_four(o->bits, o, l, i * l->step, qcc_min(n - i, 4), c, o->w + c, y + c, vl);
    }
  }
}

#endif
