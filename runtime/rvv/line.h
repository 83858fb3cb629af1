/* rvv/line.h - matrix products by RISC-V vectors of any length: a vector is output channels, and
 * each code of x multiplies a vector of weights.  Four pixels share the loads of weights.
 *
 * As many products as fit are summed in 16 bits, two with int8 weights, none of which is -128, then
 * widened.  Weights are [kernel rows][run][channels], runs padded to whole bytes and an even
 * number: of narrow weights those that follow each other along the run share a byte, lowest bits
 * first.  VSMUL, rounding half up, is rule q31. */
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

/* The outputs from channel c on: codes, or the sums. */
QCC_INLINE void qcc_rvv_finish(const struct qcc_line_layer *o, int32_t c, vint32m4_t acc, int8_t *y,
                               size_t vl) {
  if (o->r)
    qcc_rvv_store(o->r, acc, __riscv_vle32_v_i32m4(o->m + c, vl), y, vl);
  else
    __riscv_vse32_v_i32m4((int32_t *)(void *)y, acc, vl);
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

/* Bits by which code q of those in a byte of weights is below its top. */
QCC_INLINE size_t qcc_rvv_above(int32_t bits, int32_t q) {
  return (size_t)(8 - bits - q % (8 / bits) * bits);
}

/* Codes q of bytes that hold 8 / bits of them. */
QCC_INLINE vint8m1_t qcc_rvv_plane(int32_t bits, int32_t q, vint8m1_t v, size_t vl) {
  if (qcc_rvv_above(bits, q) > 0)
    v = __riscv_vsll_vx_i8m1(v, qcc_rvv_above(bits, q), vl);
  return bits < 8 ? __riscv_vsra_vx_i8m1(v, (size_t)(8 - bits), vl) : v;
}

/* Codes of weights that are read together: whole bytes, and two at least. */
QCC_INLINE int32_t qcc_rvv_unit(int32_t bits) { return bits == 2 ? 4 : 2; }

/* Codes between two widenings: 16 bits hold so many products. */
QCC_INLINE int32_t qcc_rvv_chunk(int32_t bits) { return bits == 8 ? 2 : bits == 4 ? 30 : 124; }

/* Where the group that code k of a run is in ends. */
QCC_INLINE int32_t qcc_rvv_end(const struct qcc_line_layer *o, int32_t run, int32_t k) {
  return o->multiple ? qcc_min(run, k - k % o->size + o->size) : run;
}

QCC_INLINE vint16m2_t qcc_rvv_multiples(const uint8_t *v, size_t vl) {
  vuint16m2_t wide = __riscv_vzext_vf2_u16m2(__riscv_vle8_v_u8m1(v, vl), vl);
  return __riscv_vreinterpret_v_u16m2_i16m2(wide);
}

/* p + x * w, or where `first` x * w alone. */
QCC_INLINE vint16m2_t qcc_rvv_mac(int32_t first, vint16m2_t p, int8_t x, vint8m1_t w, size_t vl) {
  return first ? __riscv_vwmul_vx_i16m2(w, x, vl) : __riscv_vwmacc_vx_i16m2(p, x, w, vl);
}

/* Channels c .. c + vl - 1 of n pixels, 1 to 4, from code `at` of the lines on. */
QCC_INLINE void qcc_rvv_four(int32_t bits, const struct qcc_line_layer *o,
                             const struct qcc_lines *l, int32_t at, int32_t n, int32_t c,
                             const int8_t *w, int8_t *y, size_t vl) {
  int32_t s1 = qcc_min(1, n - 1) * l->step, s2 = qcc_min(2, n - 1) * l->step;
  int32_t s3 = qcc_min(3, n - 1) * l->step, unit = qcc_rvv_unit(bits);
  const uint8_t *multiple = o->multiple ? o->multiple + c : NULL;
  int32_t next = o->cols * qcc_line_bytes(o);
  vint32m4_t a0 = qcc_rvv_bias(o, c, vl), a1 = a0, a2 = a0, a3 = a0;
  for (int32_t j = 0; j < l->n; j++) {
    const int8_t *x = (const int8_t *)l->line[j] + at;
    for (int32_t k = 0; k < l->run;) {
      int32_t end = qcc_min(qcc_rvv_end(o, l->run, k), k + qcc_rvv_chunk(bits));
      vint16m2_t p0 = __riscv_vmv_v_x_i16m2(0, vl), p1 = p0, p2 = p0, p3 = p0;
      do {
#pragma GCC unroll 4
        for (int32_t q = 0; q < unit; q++, x++) {
          vint8m1_t v = __riscv_vle8_v_i8m1(w + q * bits / 8 * o->cols, vl);
          int32_t first = bits == 8 && q == 0;
          v = qcc_rvv_plane(bits, q, v, vl);
          p0 = qcc_rvv_mac(first, p0, x[0], v, vl);
          p1 = qcc_rvv_mac(first, p1, x[s1], v, vl);
          p2 = qcc_rvv_mac(first, p2, x[s2], v, vl);
          p3 = qcc_rvv_mac(first, p3, x[s3], v, vl);
        }
        k += unit;
        w += unit * bits / 8 * o->cols;
      } while (bits < 8 && k < end);
      if (multiple) {
        vint16m2_t f = qcc_rvv_multiples(multiple, vl);
        a0 = __riscv_vwmacc_vv_i32m4(a0, p0, f, vl);
        a1 = __riscv_vwmacc_vv_i32m4(a1, p1, f, vl);
        a2 = __riscv_vwmacc_vv_i32m4(a2, p2, f, vl);
        a3 = __riscv_vwmacc_vv_i32m4(a3, p3, f, vl);
        multiple += k >= qcc_rvv_end(o, l->run, k - unit) ? o->cols : 0;
        continue;
      }
      a0 = __riscv_vwadd_wv_i32m4(a0, p0, vl);
      a1 = __riscv_vwadd_wv_i32m4(a1, p1, vl);
      a2 = __riscv_vwadd_wv_i32m4(a2, p2, vl);
      a3 = __riscv_vwadd_wv_i32m4(a3, p3, vl);
    }
  }
  qcc_rvv_finish(o, c, a0, y, vl);
  if (n > 1)
    qcc_rvv_finish(o, c, a1, y + next, vl);
  if (n > 2)
    qcc_rvv_finish(o, c, a2, y + 2 * next, vl);
  if (n > 3)
    qcc_rvv_finish(o, c, a3, y + 3 * next, vl);
}

/* All channels of one pixel, vectors twice as long. */
QCC_INLINE void qcc_rvv_one(int32_t bits, const struct qcc_line_layer *o, const struct qcc_lines *l,
                            int32_t at, const int8_t *w, int8_t *y) {
  const struct qcc_rescale *r = o->r;
  int32_t unit = qcc_rvv_unit(bits);
  size_t vl, cols = (size_t)o->cols;
  for (size_t c = 0; c < cols; c += vl) {
    const int8_t *v = w + c;
    const uint8_t *multiple = o->multiple ? o->multiple + c : NULL;
    vl = __riscv_vsetvl_e8m2(cols - c);
    vint32m8_t acc = o->b ? __riscv_vle32_v_i32m8(o->b + c, vl) : __riscv_vmv_v_x_i32m8(0, vl);
    for (int32_t j = 0; j < l->n; j++) {
      const int8_t *x = (const int8_t *)l->line[j] + at;
      for (int32_t k = 0; k < l->run;) {
        int32_t end = qcc_min(qcc_rvv_end(o, l->run, k), k + qcc_rvv_chunk(bits));
        vint16m4_t p = __riscv_vmv_v_x_i16m4(0, vl);
        do {
#pragma GCC unroll 4
          for (int32_t q = 0; q < unit; q++, x++) {
            vint8m2_t u = __riscv_vle8_v_i8m2(v + q * bits / 8 * o->cols, vl);
            if (qcc_rvv_above(bits, q) > 0)
              u = __riscv_vsll_vx_i8m2(u, qcc_rvv_above(bits, q), vl);
            if (bits < 8)
              u = __riscv_vsra_vx_i8m2(u, (size_t)(8 - bits), vl);
            p = bits == 8 && q == 0 ? __riscv_vwmul_vx_i16m4(u, x[0], vl)
                                    : __riscv_vwmacc_vx_i16m4(p, x[0], u, vl);
          }
          k += unit;
          v += unit * bits / 8 * o->cols;
        } while (bits < 8 && k < end);
        if (multiple) {
          vuint8m2_t f = __riscv_vle8_v_u8m2(multiple, vl);
          acc = __riscv_vwmacc_vv_i32m8(
              acc, p, __riscv_vreinterpret_v_u16m4_i16m4(__riscv_vzext_vf2_u16m4(f, vl)), vl);
          multiple += k >= qcc_rvv_end(o, l->run, k - unit) ? o->cols : 0;
        } else {
          acc = __riscv_vwadd_wv_i32m8(acc, p, vl);
        }
      }
    }
    if (!r) {
      __riscv_vse32_v_i32m8((int32_t *)(void *)(y + 4 * c), acc, vl);
      continue;
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
  for (int32_t i = 0; i < n; i += 4, y += 4 * o->cols * qcc_line_bytes(o)) {
    if (n - i == 1)
      qcc_rvv_one(o->kind, o, l, i * l->step, o->w, y);
    for (int32_t c = 0; n - i > 1 && c < o->cols; c += (int32_t)vl) {
      vl = __riscv_vsetvl_e8m1((size_t)(o->cols - c));
      qcc_rvv_four(o->kind, o, l, i * l->step, qcc_min(n - i, 4), c, o->w + c,
                   y + c * qcc_line_bytes(o), vl);
    }
  }
}

#endif
