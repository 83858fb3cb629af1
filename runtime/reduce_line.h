/* reduce_line.h - one number of n floats that lie side by side: their sum, maximum, product .., chosen
 * by a constant `op`.  Sixteen results interleave, because compilers may not reorder float
 * additions by themselves and vector units need as many. */
#ifndef QCC_REDUCE_LINE_H
#define QCC_REDUCE_LINE_H

#include <math.h>

#include "real.h"

enum {
  QCC_REDUCE_SUM, QCC_REDUCE_MEAN, QCC_REDUCE_MAX, QCC_REDUCE_MIN, QCC_REDUCE_PROD,
  QCC_REDUCE_SUM_SQUARE, QCC_REDUCE_L1, QCC_REDUCE_L2
};

QCC_INLINE float qcc_reduce_start(int op) {
  return op == QCC_REDUCE_MAX    ? -INFINITY
         : op == QCC_REDUCE_MIN  ? INFINITY
         : op == QCC_REDUCE_PROD ? 1.0f
                                 : 0.0f;
}

/* The result of two parts. */
QCC_INLINE float qcc_reduce_join(int op, float a, float b) {
  switch (op) {
    case QCC_REDUCE_MAX: return b > a ? b : a;
    case QCC_REDUCE_MIN: return b < a ? b : a;
    case QCC_REDUCE_PROD: return a * b;
    default: return a + b;
  }
}

QCC_INLINE float qcc_reduce_step(int op, float sum, float x) {
  switch (op) {
    case QCC_REDUCE_L1: return sum + (x < 0.0f ? -x : x);
    case QCC_REDUCE_SUM_SQUARE:
    case QCC_REDUCE_L2: return sum + x * x;
    default: return qcc_reduce_join(op, sum, x);
  }
}

/* Whether compilers find the way to one number by themselves: RISC-V has an instruction that sums a
 * vector in order. */
QCC_INLINE int qcc_reduces_in_order(int op) {
#ifdef __riscv_vector
  return op != QCC_REDUCE_MAX && op != QCC_REDUCE_MIN && op != QCC_REDUCE_PROD;
#else
  return (void)op, 0;
#endif
}

/* Adds the differences of n elements from `origin` to sum. */
QCC_INLINE float qcc_reduce_line(int op, int t, float sum, int32_t n, float origin, const void *x) {
  float s[16];
  int32_t i = 0;
  if (n >= 16 && !qcc_reduces_in_order(op)) {
    for (int32_t l = 0; l < 16; l++)
      s[l] = qcc_reduce_start(op);
    for (; i + 16 <= n; i += 16)
      for (int32_t l = 0; l < 16; l++)
        s[l] = qcc_reduce_step(op, s[l], qcc_get(t, x, i + l) - origin);
    for (int32_t l = 0; l < 16; l++) /* in halves, compilers would make vectors of two */
      sum = qcc_reduce_join(op, sum, s[l]);
  }
  for (; i < n; i++)
    sum = qcc_reduce_step(op, sum, qcc_get(t, x, i) - origin);
  return sum;
}

/* Adds n elements that are `step` apart. */
QCC_INLINE float qcc_reduce_every(int op, int t, int32_t n, int32_t step, const void *x) {
  float sum = qcc_reduce_start(op);
  if (step == 1)
    return qcc_reduce_line(op, t, sum, n, 0.0f, x);
  for (int32_t i = 0; i < n; i++)
    sum = qcc_reduce_step(op, sum, qcc_get(t, x, i * step));
  return sum;
}

#endif
