/* activation_f32.h - the activation that float kernels apply to each output, and the same as a
 * layer of its own.  QCC_ACT_EXP, 1 unless defined before, says whether sigmoid and tanh are
 * among them: a model without them defines it as 0 and does without their code.  y may be x. */
#ifndef QCC_ACTIVATION_F32_H
#define QCC_ACTIVATION_F32_H

#include "exp_f32.h"
#include "real.h"

#ifndef QCC_ACT_EXP
#define QCC_ACT_EXP 1
#endif

enum {
  QCC_ACT_NONE,
  QCC_ACT_RELU,
  QCC_ACT_CLIP,        /* a..b */
  QCC_ACT_LEAKY,       /* slope a below 0 */
  QCC_ACT_HARDSWISH,
  QCC_ACT_HARDSIGMOID, /* a * x + b within 0..1 */
  QCC_ACT_SIGMOID,
  QCC_ACT_TANH
};

struct qcc_act {
  int32_t kind; /* QCC_ACT_ */
  float a, b;
};

/* hi wins where the bounds cross; NaN stays. */
QCC_INLINE float qcc_clip_f32(float x, float lo, float hi) {
  float v = x < lo ? lo : x;
  return v > hi ? hi : v;
}

QCC_KERNEL float qcc_activate(const struct qcc_act *p, float x) {
  switch (p->kind) {
    case QCC_ACT_RELU: return x < 0.0f ? 0.0f : x;
    case QCC_ACT_CLIP: return qcc_clip_f32(x, p->a, p->b);
    case QCC_ACT_LEAKY: return x < 0.0f ? p->a * x : x;
    case QCC_ACT_HARDSWISH: return x * qcc_clip_f32(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f);
    case QCC_ACT_HARDSIGMOID: return qcc_clip_f32(p->a * x + p->b, 0.0f, 1.0f);
#if QCC_ACT_EXP
    case QCC_ACT_SIGMOID: return qcc_sigmoid(x);
    case QCC_ACT_TANH: return qcc_tanh(x);
#endif
    default: return x;
  }
}

QCC_KERNEL void qcc_activate_f32(const struct qcc_act *p, int32_t n, const float *x, float *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_activate(p, x[i]);
}

QCC_KERNEL void qcc_activate_f16(const struct qcc_act *p, int32_t n, const uint16_t *x,
                                 uint16_t *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_float_to_half(qcc_activate(p, qcc_half_to_float(x[i])));
}

#endif
