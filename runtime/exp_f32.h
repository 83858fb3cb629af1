/* exp_f32.h - exp and the functions made of it, in float32 and without a branch or a call, so that
 * loops of them become vectors on every processor that has them.
 *
 * e^x = 2^n e^r with n the integer nearest to x / ln 2; e^r - 1 is a polynomial, and log a
 * polynomial of the mantissa.  Both are minimax fits (Remez).  erf(x) = 1 - e^(-Q(x)) takes the same
 * path with the polynomial Q.  Relative errors stay below 3e-7. */
#ifndef QCC_EXP_F32_H
#define QCC_EXP_F32_H

#include <math.h>

#include "common.h"

QCC_INLINE float qcc_from_bits(int32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

QCC_INLINE int32_t qcc_to_bits(float x) {
  int32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

/* c[0] + c[1] x + .. + c[n] x^n */
QCC_INLINE float qcc_polynomial(const float *c, int n, float x) {
  float sum = c[n];
  for (int i = n - 1; i >= 0; i--)
    sum = sum * x + c[i];
  return sum;
}

/* Sets *half to 2^n / 2 and returns e^r - 1.  What lies outside the range of floats comes out as
 * *half = 0 or an *half whose double times e^r is infinite; NaN stays. */
QCC_INLINE float qcc_split_exp(float x, float *half) {
  static const float c[] = {0.5f, 0.166665405f, 0.041666273f, 0.00836696289f, 0.00139471062f};
  float v = x < -87.5f ? -87.5f : x > 89.0f ? 89.0f : x;
  float n = v * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the low bits are an integer */
  int32_t exponent = (int32_t)(((uint32_t)qcc_to_bits(n) + 126u) << 23);
  n -= 12582912.0f;
  v = (v - n * 0.693145752f) - n * 1.42860677e-6f;
  *half = qcc_from_bits(exponent);
  return v + v * v * qcc_polynomial(c, 4, v);
}

/* 0 below -87.3, where results would be denormal. */
QCC_INLINE float qcc_exp(float x) {
  float half, rest = qcc_split_exp(x, &half);
  return (half + half * rest) * 2.0f;
}

/* x below 88 */
QCC_INLINE float qcc_expm1(float x) {
  float half, rest = qcc_split_exp(x, &half);
  return half * rest * 2.0f + (half * 2.0f - 1.0f);
}

QCC_INLINE float qcc_sigmoid(float x) {
  return 1.0f / (1.0f + qcc_exp(-x));
}

QCC_INLINE float qcc_tanh(float x) {
  float v = x < -10.0f ? -10.0f : x > 10.0f ? 10.0f : x, e = qcc_expm1(2.0f * v);
  return e / (e + 2.0f);
}

QCC_INLINE float qcc_erf(float x) {
  static const float c[] = {1.12837923f,     0.636616468f,  0.102814414f,    -0.0193217173f,
                            0.000205718723f, 0.00125174446f, -0.000380999816f, 4.07078078e-05f};
  float v = x < 0.0f ? -x : x;
  v = v > 3.95f ? 3.95f : v;
  v = qcc_expm1(-v * qcc_polynomial(c, 7, v));
  return x < 0.0f ? v : -v;
}

/* log(1 + z) of z from sqrt(1/2) - 1 to sqrt(2) - 1 */
QCC_INLINE float qcc_log1p_small(float z) {
  static const float c[] = {0.333338588f, -0.250017464f, 0.199653983f,  -0.165656328f,
                            0.148769557f, -0.143502146f, 0.0891790166f};
  return z - z * z * (0.5f - z * qcc_polynomial(c, 6, z));
}

QCC_INLINE float qcc_log(float x) {
  int denormal = x < 1.17549435e-38f;
  int32_t bits = qcc_to_bits(denormal ? x * 8388608.0f : x) - 0x3f3504f3; /* of sqrt(1/2) */
  float z = qcc_from_bits((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
  float y = qcc_log1p_small(z) + (float)((bits >> 23) - (denormal ? 23 : 0)) * 0.693147181f;
  y = x < INFINITY ? y : x;
  return x > 0.0f ? y : x == 0.0f ? -INFINITY : NAN;
}

/* log(1 + e^x) = max(x, 0) + log(1 + t), t = e^-|x| */
QCC_INLINE float qcc_softplus(float x) {
  float t = qcc_exp(x < 0.0f ? x : -x);
  int small = t < 0.41421356f;
  float y = qcc_log1p_small(small ? t : 0.5f * t - 0.5f) + (small ? 0.0f : 0.693147181f);
  return x > 0.0f ? x + y : y;
}

#endif
