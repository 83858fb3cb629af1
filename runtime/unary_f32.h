/* unary_f32.h - float functions of one tensor, ONNX's, chosen by a constant `op` so that the
 * compiler keeps the one that is used. a and b are the operator's attributes. y may be x. */
#ifndef QCC_UNARY_F32_H
#define QCC_UNARY_F32_H

#include "exp_f32.h"
#include "real.h"

enum {
  QCC_ABS, QCC_NEG, QCC_EXP, QCC_LOG, QCC_SQRT, QCC_RECIPROCAL, QCC_FLOOR, QCC_CEIL,
  QCC_ROUND,                /* ties to even */
  QCC_SIGN, QCC_SIN, QCC_COS, QCC_TAN, QCC_ERF, QCC_SIGMOID, QCC_TANH, QCC_RELU,
  QCC_LEAKY,                /* slope a */
  QCC_ELU,                  /* alpha a */
  QCC_SELU,                 /* alpha a, gamma b */
  QCC_CELU,                 /* alpha a */
  QCC_HARDSIGMOID,          /* a * x + b within 0..1 */
  QCC_HARDSWISH, QCC_SOFTPLUS, QCC_SOFTSIGN,
  QCC_CLIP,                 /* a..b */
  QCC_THRESHOLDED,          /* x above a, else 0 */
  QCC_GELU, QCC_GELU_TANH, QCC_MISH,
  QCC_SWISH,                /* x * sigmoid(a * x) */
  QCC_ATAN
};

/* hi wins where the bounds cross; NaN stays. */
QCC_INLINE float qcc_clip(float x, float lo, float hi) {
  float v = x < lo ? lo : x;
  return v > hi ? hi : v;
}

QCC_INLINE float qcc_gelu_tanh(float x) {
  return 0.5f * x * (1.0f + qcc_tanh(0.79788456f * (x + 0.044715f * x * x * x)));
}

/* tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2), e = e^x; from 20 on that is 1 */
QCC_INLINE float qcc_mish(float x) {
  float e = qcc_exp(x > 20.0f ? 20.0f : x), f = e * e + 2.0f * e;
  return x * (f / (f + 2.0f));
}

QCC_INLINE float qcc_unary(int op, float a, float b, float x) {
  switch (op) {
    case QCC_ABS: return fabsf(x);
    case QCC_NEG: return -x;
    case QCC_EXP: return qcc_exp(x);
    case QCC_LOG: return qcc_log(x);
    case QCC_SQRT: return sqrtf(x);
    case QCC_RECIPROCAL: return 1.0f / x;
    case QCC_FLOOR: return floorf(x);
    case QCC_CEIL: return ceilf(x);
    case QCC_ROUND: return rintf(x);
    case QCC_SIGN: return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
    case QCC_SIN: return sinf(x);
    case QCC_COS: return cosf(x);
    case QCC_TAN: return tanf(x);
    case QCC_ERF: return qcc_erf(x);
    case QCC_SIGMOID: return qcc_sigmoid(x);
    case QCC_TANH: return qcc_tanh(x);
    case QCC_RELU: return x < 0.0f ? 0.0f : x;
    case QCC_LEAKY: return x < 0.0f ? a * x : x;
    case QCC_ELU: return x < 0.0f ? a * qcc_expm1(x) : x;
    case QCC_SELU: return b * (x < 0.0f ? a * qcc_expm1(x) : x);
    case QCC_CELU: return x < 0.0f ? a * qcc_expm1(x / a) : x;
    case QCC_HARDSIGMOID: return qcc_clip(a * x + b, 0.0f, 1.0f);
    case QCC_HARDSWISH: return x * qcc_clip(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f);
    case QCC_SOFTPLUS: return qcc_softplus(x);
    case QCC_SOFTSIGN: return x / (1.0f + fabsf(x));
    case QCC_CLIP: return qcc_clip(x, a, b);
    case QCC_THRESHOLDED: return x > a ? x : 0.0f;
    case QCC_GELU: return 0.5f * x * (1.0f + qcc_erf(x * 0.70710678f));
    case QCC_GELU_TANH: return qcc_gelu_tanh(x);
    case QCC_MISH: return qcc_mish(x);
    case QCC_SWISH: return x * qcc_sigmoid(a * x);
    case QCC_ATAN: return atanf(x);
    default: return x;
  }
}

QCC_INLINE void qcc_unary_f32(int op, float a, float b, int32_t n, const float *x, float *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_unary(op, a, b, x[i]);
}

QCC_INLINE void qcc_unary_f16(int op, float a, float b, int32_t n, const uint16_t *x, uint16_t *y) {
  for (int32_t i = 0; i < n; i++)
    qcc_put(QCC_F16, y, i, qcc_unary(op, a, b, qcc_get(QCC_F16, x, i)));
}

#endif
