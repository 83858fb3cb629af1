/* dot.h - dot products of codes of any type with int8 weights, accumulated in int32: one row of
 * weights, four rows that share the loads of x, and a block of two by two.  Written so that
 * vectorising compilers find their multiply-accumulate instructions and others keep the sums in
 * registers. */
#ifndef QCC_DOT_H
#define QCC_DOT_H

#include "common.h"

/* qcc_dot: the sum of x[i] * w[i].  qcc_dot4: acc[j] += sum of x[i] * w[j * step + i].
 * qcc_dot2x2: acc[2 * r + j] += sum of x[r * n + i] * w[j * n + i]. */
#define QCC_DOTS(suffix, codes)                                                                   \
  QCC_KERNEL int32_t qcc_dot_##suffix(const codes *x, const int8_t *w, int32_t n) {               \
    int32_t sum = 0;                                                                              \
    for (int32_t i = 0; i < n; i++)                                                               \
      sum += (int32_t)x[i] * w[i];                                                                \
    return sum;                                                                                   \
  }                                                                                               \
  QCC_KERNEL void qcc_dot4_##suffix(const codes *x, const int8_t *w, int32_t step, int32_t n,     \
                                    int32_t acc[4]) {                                             \
    const int8_t *w1 = w + step, *w2 = w1 + step, *w3 = w2 + step;                                \
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                       \
    for (int32_t i = 0; i < n; i++) {                                                             \
      int32_t v = x[i];                                                                           \
      s0 += v * w[i];                                                                             \
      s1 += v * w1[i];                                                                            \
      s2 += v * w2[i];                                                                            \
      s3 += v * w3[i];                                                                            \
    }                                                                                             \
    acc[0] += s0;                                                                                 \
    acc[1] += s1;                                                                                 \
    acc[2] += s2;                                                                                 \
    acc[3] += s3;                                                                                 \
  }                                                                                               \
  QCC_KERNEL void qcc_dot2x2_##suffix(const codes *x, const int8_t *w, int32_t n,                 \
                                      int32_t acc[4]) {                                           \
    const codes *x1 = x + n;                                                                      \
    const int8_t *w1 = w + n;                                                                     \
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                       \
    for (int32_t i = 0; i < n; i++) {                                                             \
      int32_t a = x[i], b = x1[i], c = w[i], d = w1[i];                                           \
      s0 += a * c;                                                                                \
      s1 += a * d;                                                                                \
      s2 += b * c;                                                                                \
      s3 += b * d;                                                                                \
    }                                                                                             \
    acc[0] += s0;                                                                                 \
    acc[1] += s1;                                                                                 \
    acc[2] += s2;                                                                                 \
    acc[3] += s3;                                                                                 \
  }

#endif
