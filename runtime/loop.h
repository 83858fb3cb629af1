/* loop.h - what the loops over single elements call that C has no operator for.  Integer arithmetic
 * wraps around; a division by 0 gives 0. */
#ifndef QCC_LOOP_H
#define QCC_LOOP_H

#include <math.h>

#include "real.h"

QCC_INLINE int64_t qcc_div_int(int64_t a, int64_t b) {
  return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

/* The remainder has the sign of b, or with `c` that of a. */
QCC_INLINE int64_t qcc_mod_int(int64_t a, int64_t b, int c) {
  int64_t r = b == 0 || b == -1 ? 0 : a % b;
  return !c && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* 0 for negative exponents, but for bases 1 and -1. */
QCC_KERNEL int64_t qcc_pow_int(int64_t a, int64_t b) {
  uint64_t y = 1, x = (uint64_t)a;
  if (b < 0)
    return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
  for (; b; b >>= 1, x *= x)
    if (b & 1)
      y *= x;
  return (int64_t)y;
}

QCC_INLINE uint64_t qcc_shift(uint64_t a, uint64_t b, int left) {
  return b > 63 ? 0 : left ? a << b : a >> b;
}

QCC_INLINE int64_t qcc_least_int(int64_t a, int64_t b) {
  return a < b ? a : b;
}

QCC_INLINE int64_t qcc_most_int(int64_t a, int64_t b) {
  return a > b ? a : b;
}

QCC_INLINE uint64_t qcc_least_uint(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

QCC_INLINE uint64_t qcc_most_uint(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* NaN stays. */
QCC_INLINE float qcc_leastf(float a, float b) {
  return a != a || a < b ? a : b;
}

QCC_INLINE float qcc_mostf(float a, float b) {
  return a != a || a > b ? a : b;
}

QCC_INLINE double qcc_least(double a, double b) {
  return a != a || a < b ? a : b;
}

QCC_INLINE double qcc_most(double a, double b) {
  return a != a || a > b ? a : b;
}

/* log(e^s + e^v) */
QCC_INLINE double qcc_log_add(double s, double v) {
  double top = s > v ? s : v, low = s > v ? v : s;
  return low == -INFINITY ? top : top + log1p(exp(low - top));
}

QCC_INLINE float qcc_log_addf(float s, float v) {
  float top = s > v ? s : v, low = s > v ? v : s;
  return low == -INFINITY ? top : top + log1pf(expf(low - top));
}

/* The number itself.  clang 19 would make an integer from the float16 number that it was at once, on Arm with a function
 * that no library has. */
QCC_INLINE double qcc_wide(double v) {
#if defined(__clang__) && defined(__arm__) && defined(__ARM_FEATURE_FP16_SCALAR_ARITHMETIC)
  __asm__("" : "+w"(v));
#endif
  return v;
}

/* A real number as an integer of lo..hi, cut towards 0; NaN is 0. */
QCC_INLINE int64_t qcc_to_int(double v, int64_t lo, int64_t hi) {
  v = qcc_wide(v);
  return v != v ? 0 : v <= (double)lo ? lo : v >= (double)hi ? hi : (int64_t)v;
}

QCC_INLINE uint64_t qcc_to_uint64(double v) {
  v = qcc_wide(v);
  return !(v > 0) ? 0 : v >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)v;
}

#endif
