/* dot_s4.h - dot products of int8 codes with int4 weights, two weights per byte, low nibble first.
 * Weights are unpacked in registers; a run may begin in the upper half of a byte. */
#ifndef QCC_DOT_S4_H
#define QCC_DOT_S4_H

#include "common.h"

QCC_INLINE int32_t qcc_low_s4(uint8_t b) {
  return (int32_t)((uint32_t)b << 28) >> 28;
}

QCC_INLINE int32_t qcc_high_s4(uint8_t b) {
  return (int32_t)((uint32_t)b << 24) >> 28;
}

/* Weight i of a row that begins on a byte boundary. */
QCC_INLINE int32_t qcc_get_s4(const uint8_t *w, int32_t i) {
  return i & 1 ? qcc_high_s4(w[i >> 1]) : qcc_low_s4(w[i >> 1]);
}

/* Sum of x[i] * weight[at + i], i in 0..n-1. */
QCC_KERNEL int32_t qcc_dot_s4(const int8_t *x, const uint8_t *w, int32_t at, int32_t n) {
  int32_t sum = 0, pairs;
  if (n > 0 && (at & 1)) {
    sum = *x++ * qcc_get_s4(w, at++);
    n--;
  }
  w += at >> 1;
  pairs = n >> 1;
  for (int32_t i = 0; i < pairs; i++) {
    uint8_t b = w[i];
    sum += x[2 * i] * qcc_low_s4(b) + x[2 * i + 1] * qcc_high_s4(b);
  }
  if (n & 1)
    sum += x[n - 1] * qcc_low_s4(w[pairs]);
  return sum;
}

/* Sum of weight[at + i], i in 0..n-1. */
QCC_KERNEL int32_t qcc_sum_s4(const uint8_t *w, int32_t at, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = at; i < at + n; i++)
    sum += qcc_get_s4(w, i);
  return sum;
}

/* The same for two rows that are `step` bytes apart: acc[j] += sum of x[i] * weight_j[at + i]. */
QCC_KERNEL void qcc_dot2_s4(const int8_t *x, const uint8_t *w, int32_t step, int32_t at, int32_t n,
                            int32_t acc[2]) {
  const uint8_t *w1 = w + step;
  int32_t s0 = 0, s1 = 0, pairs;
  if (n > 0 && (at & 1)) {
    int32_t v = *x++;
    s0 = v * qcc_get_s4(w, at);
    s1 = v * qcc_get_s4(w1, at);
    at++;
    n--;
  }
  w += at >> 1;
  w1 += at >> 1;
  pairs = n >> 1;
  for (int32_t i = 0; i < pairs; i++) {
    uint8_t b = w[i], c = w1[i];
    int32_t u = x[2 * i], v = x[2 * i + 1];
    s0 += u * qcc_low_s4(b) + v * qcc_high_s4(b);
    s1 += u * qcc_low_s4(c) + v * qcc_high_s4(c);
  }
  if (n & 1) {
    s0 += x[n - 1] * qcc_low_s4(w[pairs]);
    s1 += x[n - 1] * qcc_low_s4(w1[pairs]);
  }
  acc[0] += s0;
  acc[1] += s1;
}

#endif
