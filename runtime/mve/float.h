/* mve/float.h - products of floats with constant weights on Helium: one or two pixels by eight
 * output channels, a weight vector times a pixel's element in a core register.  Weights are packed
 * for one pointer that streams through them, w[channels / 8][depth][8]; four channels or less at
 * the end are w[depth][4].  The common activations are applied to vectors. */
#ifndef QCC_MVE_FLOAT_H
#define QCC_MVE_FLOAT_H

#include <arm_mve.h>

#include "activation_f32.h"

/* A NaN stays, as with qcc_clip_f32. */
QCC_INLINE float32x4_t qcc_mve_clip_f32(float32x4_t v, float lo, float hi) {
  v = vpselq_f32(vdupq_n_f32(lo), v, vcmpltq_n_f32(v, lo));
  return vpselq_f32(vdupq_n_f32(hi), v, vcmpgtq_n_f32(v, hi));
}

/* Activations of the mathematics library are left to qcc_mve_finish_f32. */
QCC_INLINE float32x4_t qcc_mve_activate(const struct qcc_act *p, float32x4_t v) {
  switch (p->kind) {
    case QCC_ACT_RELU: return vpselq_f32(vdupq_n_f32(0.0f), v, vcmpltq_n_f32(v, 0.0f));
    case QCC_ACT_CLIP: return qcc_mve_clip_f32(v, p->a, p->b);
    case QCC_ACT_LEAKY: return vpselq_f32(vmulq_n_f32(v, p->a), v, vcmpltq_n_f32(v, 0.0f));
    case QCC_ACT_HARDSWISH: {
      float32x4_t half = vaddq_n_f32(vmulq_n_f32(v, 1.0f / 6.0f), 0.5f);
      return vmulq_f32(v, qcc_mve_clip_f32(half, 0.0f, 1.0f));
    }
    case QCC_ACT_HARDSIGMOID:
      return qcc_mve_clip_f32(vaddq_n_f32(vmulq_n_f32(v, p->a), p->b), 0.0f, 1.0f);
    default: return v;
  }
}

QCC_INLINE void qcc_mve_finish_f32(const struct qcc_act *p, int32_t n, float *y) {
  if (p->kind > QCC_ACT_HARDSIGMOID)
    qcc_activate_f32(p, n, y, y);
}

/* The first n of four floats. */
QCC_INLINE float32x4_t qcc_mve_load_f32(const float *x, int32_t n) {
  return n >= 4 ? vldrwq_f32(x) : vldrwq_z_f32(x, vctp32q((uint32_t)n));
}

QCC_INLINE void qcc_mve_store_f32(const struct qcc_act *p, float32x4_t v, int32_t n, float *y) {
  v = qcc_mve_activate(p, v);
  if (n >= 4)
    vstrwq_f32(y, v);
  else
    vstrwq_p_f32(y, v, vctp32q((uint32_t)n));
}

/* Two elements of a pixel in r0 and r2, of the other in r4 and r6. */
#define QCC_MVE_FMA2(x, y)                                                                         \
  "vldrw.u32 %q[v], [%[w]], #16\n"                                                                 \
  "vfma.f32 %q[a0], %q[v], " x "\n"                                                                \
  "vldrw.u32 %q[u], [%[w]], #16\n"                                                                 \
  "vfma.f32 %q[b0], %q[v], " y "\n"                                                                \
  "vfma.f32 %q[a1], %q[u], " x "\n"                                                                \
  "vfma.f32 %q[b1], %q[u], " y "\n"
#define QCC_MVE_FMA1(x)                                                                            \
  "vldrw.u32 %q[v], [%[w]], #16\n"                                                                 \
  "vfma.f32 %q[a0], %q[v], " x "\n"                                                                \
  "vldrw.u32 %q[u], [%[w]], #16\n"                                                                 \
  "vfma.f32 %q[a1], %q[u], " x "\n"

/* Two pixels by eight channels: a[0] and a[1] are the first pixel's sums, b the second's. */
QCC_INLINE void qcc_mve_fma2x8(int32_t depth, const float *x0, const float *x1, const float *w,
                               float32x4_t a[2], float32x4_t b[2]) {
  float32x4_t v, u;
  __asm__ volatile("wls lr, %[n], 2f\n"
                   "1: ldrd r0, r2, [%[x0]], #8\n"
                   "ldrd r4, r6, [%[x1]], #8\n" QCC_MVE_FMA2("r0", "r4") QCC_MVE_FMA2("r2", "r6")
                   "le lr, 1b\n"
                   "2:"
                   : [a0] "+w"(a[0]), [a1] "+w"(a[1]), [b0] "+w"(b[0]), [b1] "+w"(b[1]),
                     [v] "=&w"(v), [u] "=&w"(u), [x0] "+r"(x0), [x1] "+r"(x1), [w] "+r"(w)
                   : [n] "r"(depth >> 1)
                   : "r0", "r2", "r4", "r6", "lr", "memory");
  if (depth & 1) {
    v = vldrwq_f32(w);
    u = vldrwq_f32(w + 4);
    a[0] = vfmaq_n_f32(a[0], v, *x0);
    a[1] = vfmaq_n_f32(a[1], u, *x0);
    b[0] = vfmaq_n_f32(b[0], v, *x1);
    b[1] = vfmaq_n_f32(b[1], u, *x1);
  }
}

QCC_INLINE void qcc_mve_fma1x8(int32_t depth, const float *x, const float *w, float32x4_t a[2]) {
  float32x4_t v, u;
  __asm__ volatile("wls lr, %[n], 2f\n"
                   "1: ldrd r0, r2, [%[x]], #8\n" QCC_MVE_FMA1("r0") QCC_MVE_FMA1("r2")
                   "le lr, 1b\n"
                   "2:"
                   : [a0] "+w"(a[0]), [a1] "+w"(a[1]), [v] "=&w"(v), [u] "=&w"(u), [x] "+r"(x),
                     [w] "+r"(w)
                   : [n] "r"(depth >> 1)
                   : "r0", "r2", "lr", "memory");
  if (depth & 1) {
    a[0] = vfmaq_n_f32(a[0], vldrwq_f32(w), *x);
    a[1] = vfmaq_n_f32(a[1], vldrwq_f32(w + 4), *x);
  }
}

#undef QCC_MVE_FMA2
#undef QCC_MVE_FMA1

/* The last n channels, up to four, of both pixels. */
QCC_INLINE void qcc_mve_last_f32(const struct qcc_act *p, int32_t depth, int32_t n, const float *x0,
                                 const float *x1, const float *w, float32x4_t bias, float *y0,
                                 float *y1) {
  float32x4_t a = bias, b = bias;
  for (int32_t i = 0; i < depth; i++, w += 4) {
    float32x4_t v = vldrwq_f32(w);
    a = vfmaq_n_f32(a, v, x0[i]);
    b = vfmaq_n_f32(b, v, x1[i]);
  }
  qcc_mve_store_f32(p, a, n, y0);
  qcc_mve_store_f32(p, b, n, y1);
}

/* All output channels of two pixels; y0 and y1 are the same where x0 and x1 are. */
QCC_KERNEL void qcc_mve_tile_f32(const struct qcc_act *p, int32_t depth, int32_t cols,
                                 const float *x0, const float *x1, const float *w,
                                 const float *bias, float *y0, float *y1) {
  for (int32_t o = 0; o < cols; o += 8, w += 8 * depth) {
    int32_t n = cols - o;
    float32x4_t a[2] = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)}, b[2];
    if (bias) {
      a[0] = qcc_mve_load_f32(bias + o, n);
      if (n > 4)
        a[1] = qcc_mve_load_f32(bias + o + 4, n - 4);
    }
    if (n <= 4) {
      qcc_mve_last_f32(p, depth, n, x0, x1, w, a[0], y0 + o, y1 + o);
    } else if (y0 == y1) {
      qcc_mve_fma1x8(depth, x0, w, a);
      qcc_mve_store_f32(p, a[0], 4, y0 + o);
      qcc_mve_store_f32(p, a[1], n - 4, y0 + o + 4);
    } else {
      b[0] = a[0];
      b[1] = a[1];
      qcc_mve_fma2x8(depth, x0, x1, w, a, b);
      qcc_mve_store_f32(p, a[0], 4, y0 + o);
      qcc_mve_store_f32(p, a[1], n - 4, y0 + o + 4);
      qcc_mve_store_f32(p, b[0], 4, y1 + o);
      qcc_mve_store_f32(p, b[1], n - 4, y1 + o + 4);
    }
  }
}

#endif
