/* mve/half.h - products of float16 with constant weights on Helium, eight lanes to a vector.  Sums
 * of float16 lose bits as they grow, so a run of QCC_MVE_RUN products at most is summed in float16
 * and the sums of several runs in float32; bias and activation come behind those.
 * One or two pixels by 16 or eight output channels: two elements of a pixel lie in a core register,
 * of which VFMA reads the lower half.  Weights are packed for one pointer that streams through them,
 * w[channels / 16][depth][16]; eight channels or less at the end are w[depth][8]. */
#ifndef QCC_MVE_HALF_H
#define QCC_MVE_HALF_H

#include "mve/float.h"

enum { QCC_MVE_RUN = 32 };

/* Eight numbers of float32, those of even lanes and those of odd ones. */
struct qcc_mve_eight {
  float32x4_t even, odd;
};

QCC_INLINE float16x8_t qcc_mve_load_f16(const uint16_t *x) {
  return vreinterpretq_f16_u16(vldrhq_u16(x));
}

/* The first n of eight, the others 0. */
QCC_INLINE float16x8_t qcc_mve_load_some_f16(const uint16_t *x, int32_t n) {
  return n >= 8 ? qcc_mve_load_f16(x)
                : vreinterpretq_f16_u16(vldrhq_z_u16(x, vctp16q((uint32_t)n)));
}

#ifdef __clang__

QCC_INLINE struct qcc_mve_eight qcc_mve_widen_f16(float16x8_t v) {
  struct qcc_mve_eight e;
  e.even = vcvtbq_f32_f16(v);
  e.odd = vcvttq_f32_f16(v);
  return e;
}

QCC_INLINE float16x8_t qcc_mve_narrow_f16(struct qcc_mve_eight e) {
  float16x8_t v = vcvtbq_f16_f32(vdupq_n_f16(0), e.even);
  return vcvttq_f16_f32(v, e.odd);
}

#else /* the assembler of binutils 2.40 encodes other registers than those that it is given */

QCC_INLINE struct qcc_mve_eight qcc_mve_widen_f16(float16x8_t v) {
  struct qcc_mve_eight e;
  register float16x8_t even __asm__("q0") = v;
  register float32x4_t odd __asm__("q1");
  __asm__(".inst.w 0xfe3f3e01\n" /* vcvtt.f32.f16 q1, q0 */
          ".inst.w 0xfe3f0e01"   /* vcvtb.f32.f16 q0, q0 */
          : "+w"(even), "=w"(odd));
  e.even = vreinterpretq_f32_f16(even);
  e.odd = odd;
  return e;
}

QCC_INLINE float16x8_t qcc_mve_narrow_f16(struct qcc_mve_eight e) {
  register float32x4_t even __asm__("q0") = e.even;
  register float32x4_t odd __asm__("q1") = e.odd;
  __asm__(".inst.w 0xee3f0e01\n" /* vcvtb.f16.f32 q0, q0 */
          ".inst.w 0xee3f1e03"   /* vcvtt.f16.f32 q0, q1 */
          : "+w"(even)
          : "w"(odd));
  return vreinterpretq_f16_f32(even);
}

#endif

/* Biases of n channels, eight at most; bias may be NULL. */
QCC_INLINE struct qcc_mve_eight qcc_mve_bias_f16(const float *bias, int32_t n) {
  struct qcc_mve_eight e;
  e.even = e.odd = vdupq_n_f32(0.0f);
  if (bias && n >= 8) {
    float32x4x2_t v = vld2q_f32(bias);
    e.even = v.val[0];
    e.odd = v.val[1];
  } else if (bias) {
    uint32x4_t at = vmulq_n_u32(vidupq_n_u32(0, 1), 2);
    e.even = vldrwq_gather_shifted_offset_z_f32(bias, at, vctp32q((uint32_t)(n + 1) / 2));
    e.odd = vldrwq_gather_shifted_offset_z_f32(bias + (n > 1), at, vctp32q((uint32_t)n / 2));
  }
  return e;
}

QCC_INLINE void qcc_mve_add_f16(struct qcc_mve_eight *e, float16x8_t v) {
  struct qcc_mve_eight x = qcc_mve_widen_f16(v);
  e->even = vaddq_f32(e->even, x.even);
  e->odd = vaddq_f32(e->odd, x.odd);
}

/* Also sigmoid and tanh. */
QCC_INLINE float32x4_t qcc_mve_activate_all(const struct qcc_act *p, float32x4_t v) {
  if (p->kind > QCC_ACT_HARDSIGMOID) {
    float lane[4];
    vstrwq_f32(lane, v);
    qcc_activate_f32(p, 4, lane, lane);
    return vldrwq_f32(lane);
  }
  return qcc_mve_activate(p, v);
}

/* Clamps are the same behind the rounding. */
QCC_INLINE float16x8_t qcc_mve_clamp_f16(const struct qcc_act *p, float16x8_t v) {
  if (p->kind == QCC_ACT_RELU || p->kind == QCC_ACT_CLIP) {
    float16_t lo = (float16_t)(p->kind == QCC_ACT_CLIP ? p->a : 0.0f);
    v = vpselq_f16(vdupq_n_f16(lo), v, vcmpltq_n_f16(v, lo));
  }
  if (p->kind == QCC_ACT_CLIP) {
    float16_t hi = (float16_t)p->b;
    v = vpselq_f16(vdupq_n_f16(hi), v, vcmpgtq_n_f16(v, hi));
  }
  return v;
}

QCC_INLINE void qcc_mve_put_f16(float16x8_t v, int32_t n, uint16_t *y) {
  if (n >= 8)
    vstrhq_u16(y, vreinterpretq_u16_f16(v));
  else
    vstrhq_p_u16(y, vreinterpretq_u16_f16(v), vctp16q((uint32_t)n));
}

/* The first n outputs from float32 sums with their bias. */
QCC_INLINE void qcc_mve_store_f16(const struct qcc_act *p, struct qcc_mve_eight e, int32_t n,
                                  uint16_t *y) {
  if (p->kind > QCC_ACT_CLIP) {
    e.even = qcc_mve_activate_all(p, e.even);
    e.odd = qcc_mve_activate_all(p, e.odd);
  }
  qcc_mve_put_f16(qcc_mve_clamp_f16(p, qcc_mve_narrow_f16(e)), n, y);
}

/* The same from sums of one run; clamps need no float32. */
QCC_INLINE void qcc_mve_store_run_f16(const struct qcc_act *p, float16x8_t v,
                                      struct qcc_mve_eight bias, int32_t n, uint16_t *y) {
  if (p->kind > QCC_ACT_CLIP) {
    qcc_mve_add_f16(&bias, v);
    qcc_mve_store_f16(p, bias, n, y);
  } else {
    v = vaddq_f16(v, qcc_mve_narrow_f16(bias));
    qcc_mve_put_f16(qcc_mve_clamp_f16(p, v), n, y);
  }
}

/* An element of each pixel times 16 channels' weights, or eight. */
#define QCC_MVE_16X2(x, y)                                                                         \
  "vldrh.u16 %q[v], [%[w]], #16\n"                                                                 \
  "vfma.f16 %q[a0], %q[v], " x "\n"                                                                \
  "vldrh.u16 %q[u], [%[w]], #16\n"                                                                 \
  "vfma.f16 %q[b0], %q[v], " y "\n"                                                                \
  "vfma.f16 %q[a1], %q[u], " x "\n"                                                                \
  "vfma.f16 %q[b1], %q[u], " y "\n"
#define QCC_MVE_16X1(x, y)                                                                         \
  "vldrh.u16 %q[v], [%[w]], #16\n"                                                                 \
  "vfma.f16 %q[a0], %q[v], " x "\n"                                                                \
  "vldrh.u16 %q[u], [%[w]], #16\n"                                                                 \
  "vfma.f16 %q[a1], %q[u], " x "\n"
#define QCC_MVE_8X2(x, y)                                                                          \
  "vldrh.u16 %q[v], [%[w]], #16\n"                                                                 \
  "vfma.f16 %q[a0], %q[v], " x "\n"                                                                \
  "vfma.f16 %q[b0], %q[v], " y "\n"
#define QCC_MVE_8X1(x, y)                                                                          \
  "vldrh.u16 %q[v], [%[w]], #16\n"                                                                 \
  "vfma.f16 %q[a0], %q[v], " x "\n"

/* Four elements of one pixel in r0 and r2, of the other in r4 and r6. */
#define QCC_MVE_HALVES4(first, second, step)                                                       \
  __asm__ volatile("wls lr, %[n], 2f\n"                                                            \
                   "1: " first step("r0", "r4") "lsr r0, r0, #16\n" second("r4")                   \
                       step("r0", "r4") step("r2", "r6") "lsr r2, r2, #16\n" second("r6")          \
                           step("r2", "r6") "le lr, 1b\n"                                          \
                                            "2:"                                                   \
                   : [a0] "+w"(a[0]), [a1] "+w"(a[1]), [b0] "+w"(b[0]), [b1] "+w"(b[1]),           \
                     [v] "=&w"(v), [u] "=&w"(u), [x0] "+r"(x0), [x1] "+r"(x1), [w] "+r"(w)         \
                   : [n] "r"(n >> 2)                                                               \
                   : "r0", "r2", "r4", "r6", "lr", "memory")
#define QCC_MVE_LOAD_ONE "ldrd r0, r2, [%[x0]], #8\n"
#define QCC_MVE_LOAD_TWO QCC_MVE_LOAD_ONE "ldrd r4, r6, [%[x1]], #8\n"
#define QCC_MVE_NO_SECOND(r) ""
#define QCC_MVE_SECOND(r) "lsr " r ", " r ", #16\n"

/* Adds the products of n elements; returns where the weights go on.  Of one pixel: x1 is not read,
 * and b is as it was; of eight channels: neither are a[1] and b[1]. */
QCC_INLINE const uint16_t *qcc_mve_run_f16(int two, int wide, int32_t n, const uint16_t *x0,
                                           const uint16_t *x1, const uint16_t *w, float16x8_t a[2],
                                           float16x8_t b[2]) {
  float16x8_t v, u;
  if (two && wide)
    QCC_MVE_HALVES4(QCC_MVE_LOAD_TWO, QCC_MVE_SECOND, QCC_MVE_16X2);
  else if (two)
    QCC_MVE_HALVES4(QCC_MVE_LOAD_TWO, QCC_MVE_SECOND, QCC_MVE_8X2);
  else if (wide)
    QCC_MVE_HALVES4(QCC_MVE_LOAD_ONE, QCC_MVE_NO_SECOND, QCC_MVE_16X1);
  else
    QCC_MVE_HALVES4(QCC_MVE_LOAD_ONE, QCC_MVE_NO_SECOND, QCC_MVE_8X1);
  for (int32_t i = 0; i < (n & 3); i++)
    for (int32_t k = 0; k < 1 + wide; k++, w += 8) {
      float16_t s, t;
      memcpy(&s, x0 + i, 2);
      memcpy(&t, x1 + i, 2);
      v = qcc_mve_load_f16(w);
      a[k] = vfmaq_n_f16(a[k], v, s);
      if (two)
        b[k] = vfmaq_n_f16(b[k], v, t);
    }
  return w;
}

#undef QCC_MVE_16X2
#undef QCC_MVE_16X1
#undef QCC_MVE_8X2
#undef QCC_MVE_8X1
#undef QCC_MVE_HALVES4
#undef QCC_MVE_LOAD_ONE
#undef QCC_MVE_LOAD_TWO
#undef QCC_MVE_NO_SECOND
#undef QCC_MVE_SECOND

/* n output channels, at most 16 or eight, of one pixel or two. */
QCC_INLINE void qcc_mve_block_f16(int two, int wide, const struct qcc_act *p, int32_t depth,
                                  int32_t n, const uint16_t *x0, const uint16_t *x1,
                                  const uint16_t *w, const float *bias, uint16_t *y0, uint16_t *y1) {
  struct qcc_mve_eight s[2], t[2];
  for (int32_t k = 0; k < 1 + wide; k++)
    s[k] = t[k] = qcc_mve_bias_f16(bias ? bias + 8 * k : NULL, qcc_min(8, n - 8 * k));
  for (int32_t i = 0; i < depth; i += QCC_MVE_RUN) {
    float16x8_t zero = vdupq_n_f16(0), a[2] = {zero, zero}, b[2] = {zero, zero};
    w = qcc_mve_run_f16(two, wide, qcc_min(QCC_MVE_RUN, depth - i), x0 + i, x1 + i, w, a, b);
    for (int32_t k = 0; k < 1 + wide; k++) {
      if (depth <= QCC_MVE_RUN) {
        qcc_mve_store_run_f16(p, a[k], s[k], n - 8 * k, y0 + 8 * k);
        if (two)
          qcc_mve_store_run_f16(p, b[k], s[k], n - 8 * k, y1 + 8 * k);
      } else {
        qcc_mve_add_f16(&s[k], a[k]);
        if (two)
          qcc_mve_add_f16(&t[k], b[k]);
      }
    }
  }
  for (int32_t k = 0; k < 1 + wide && depth > QCC_MVE_RUN; k++) {
    qcc_mve_store_f16(p, s[k], n - 8 * k, y0 + 8 * k);
    if (two)
      qcc_mve_store_f16(p, t[k], n - 8 * k, y1 + 8 * k);
  }
}

/* All output channels of two pixels, whose elements begin at whole words; y0 and y1 are the same
 * where x0 and x1 are. */
QCC_KERNEL void qcc_mve_tile_f16(const struct qcc_act *p, int32_t depth, int32_t cols,
                                 const uint16_t *x0, const uint16_t *x1, const uint16_t *w,
                                 const float *bias, uint16_t *y0, uint16_t *y1) {
  for (int32_t o = 0; o < cols; o += 16, w += 16 * depth) {
    const float *b = bias ? bias + o : NULL;
    if (cols - o > 8 && y0 != y1)
      qcc_mve_block_f16(1, 1, p, depth, cols - o, x0, x1, w, b, y0 + o, y1 + o);
    else if (cols - o > 8)
      qcc_mve_block_f16(0, 1, p, depth, cols - o, x0, x0, w, b, y0 + o, y0 + o);
    else if (y0 != y1)
      qcc_mve_block_f16(1, 0, p, depth, cols - o, x0, x1, w, b, y0 + o, y1 + o);
    else
      qcc_mve_block_f16(0, 0, p, depth, cols - o, x0, x0, w, b, y0 + o, y0 + o);
  }
}

#endif
