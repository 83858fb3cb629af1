/* neon/float.h - what the float kernels of runtime/fours are written in, for NEON. */
#ifndef QCC_NEON_FLOAT_H
#define QCC_NEON_FLOAT_H

#include <arm_neon.h>

#include "activation_f32.h"

typedef float32x4_t qcc_fours;
enum { QCC_FOURS_ROWS = 4 }; /* pixels of a tile: 16 sums in the 32 registers */

QCC_INLINE qcc_fours qcc_fours_load(const float *p) { return vld1q_f32(p); }
QCC_INLINE qcc_fours qcc_fours_spread(float v) { return vdupq_n_f32(v); }
QCC_INLINE qcc_fours qcc_fours_add(qcc_fours sum, qcc_fours x, qcc_fours w) {
  return vfmaq_f32(sum, x, w);
}

/* w times lane `lane` of x, a constant. */
QCC_INLINE qcc_fours qcc_fours_add_lane(qcc_fours sum, qcc_fours w, qcc_fours x, int32_t lane) {
  switch (lane) {
    case 0: return vfmaq_laneq_f32(sum, w, x, 0);
    case 1: return vfmaq_laneq_f32(sum, w, x, 1);
    case 2: return vfmaq_laneq_f32(sum, w, x, 2);
    default: return vfmaq_laneq_f32(sum, w, x, 3);
  }
}

/* v[0] .. v[n - 1], further lanes 0. */
QCC_INLINE float32x4_t qcc_fours_some(const float *v, int32_t n) {
  float part[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  if (n >= 4)
    return vld1q_f32(v);
  if (n > 0)
    memcpy(part, v, (size_t)n * 4);
  return vld1q_f32(part);
}

/* Activations without exp. */
QCC_INLINE float32x4_t qcc_neon_activate(const struct qcc_act *p, float32x4_t v) {
  float32x4_t zero = vdupq_n_f32(0.0f), one = vdupq_n_f32(1.0f), gate;
  switch (p->kind) {
    case QCC_ACT_RELU: return vmaxq_f32(v, zero);
    case QCC_ACT_CLIP: return vminq_f32(vmaxq_f32(v, vdupq_n_f32(p->a)), vdupq_n_f32(p->b));
    case QCC_ACT_LEAKY: return vbslq_f32(vcltzq_f32(v), vmulq_n_f32(v, p->a), v);
    case QCC_ACT_HARDSWISH:
      gate = vfmaq_n_f32(vdupq_n_f32(0.5f), v, 1.0f / 6.0f);
      return vmulq_f32(v, vminq_f32(vmaxq_f32(gate, zero), one));
    case QCC_ACT_HARDSIGMOID:
      gate = vfmaq_n_f32(vdupq_n_f32(p->b), v, p->a);
      return vminq_f32(vmaxq_f32(gate, zero), one);
    default: return v;
  }
}

/* Activates and stores n floats of a vector, 1 or more. */
QCC_INLINE void qcc_fours_put(const struct qcc_act *p, float32x4_t v, int32_t n, float *y) {
  float part[4];
  v = qcc_neon_activate(p, v);
  if (n >= 4) {
    vst1q_f32(y, v);
  } else {
    vst1q_f32(part, v);
    memcpy(y, part, (size_t)n * 4);
  }
#if QCC_ACT_EXP
  if (p->kind == QCC_ACT_SIGMOID || p->kind == QCC_ACT_TANH)
    qcc_activate_f32(p, qcc_min(n, 4), y, y);
#endif
}

#endif
