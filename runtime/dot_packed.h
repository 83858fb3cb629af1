/* dot_packed.h - dot products of int8 codes with weights that share bytes by packing k (packed.h;
 * always a constant here).  Weights are unpacked in registers; a run may begin inside a unit. */
#ifndef QCC_DOT_PACKED_H
#define QCC_DOT_PACKED_H

#include "packed.h"

/* The products of one unit. */
QCC_INLINE int32_t qcc_dot_unit(int32_t k, const int8_t *book, const int8_t *x, const uint8_t *w) {
  int32_t per = qcc_per_unit(k), sum = x[0] * qcc_code(k, book, w, 0) + x[1] * qcc_code(k, book, w, 1);
  if (per > 2)
    sum += x[2] * qcc_code(k, book, w, 2) + x[3] * qcc_code(k, book, w, 3);
  if (per > 4)
    sum += x[4] * qcc_code(k, book, w, 4);
  if (per > 5)
    sum += x[5] * qcc_code(k, book, w, 5) + x[6] * qcc_code(k, book, w, 6) + x[7] * qcc_code(k, book, w, 7);
  return sum;
}

/* Sum of x[i] * weight[at + i], i in 0..n-1. */
QCC_INLINE int32_t qcc_dot_packed(int32_t k, const int8_t *book, const int8_t *x, const uint8_t *w,
                                  int32_t at, int32_t n) {
  int32_t sum = 0, i = 0, per = qcc_per_unit(k);
  for (; i < n && (at + i) % per; i++)
    sum += x[i] * qcc_code_at(k, book, w, at + i);
  for (w += qcc_unit_at(k, at + i); i + per <= n; i += per, w += qcc_unit_bytes(k))
    sum += qcc_dot_unit(k, book, x + i, w);
  for (int32_t j = 0; i + j < n; j++)
    sum += x[i + j] * qcc_code(k, book, w, j);
  return sum;
}

/* Output channels o and o + 1: acc[j] += sum of x[i] * weight_j[i]. */
QCC_INLINE void qcc_dot2_packed(int32_t k, const struct qcc_packed *q, const int8_t *x,
                                const uint8_t *w, int32_t o, int32_t n, int32_t acc[2]) {
  int32_t row = qcc_packed_bytes(k, n);
  const uint8_t *w1 = w + (o + 1) * row;
  const int8_t *book = qcc_book(q, o), *book1 = qcc_book(q, o + 1);
  int32_t s0 = 0, s1 = 0, i = 0, per = qcc_per_unit(k), bytes = qcc_unit_bytes(k);
  for (w += o * row; i + per <= n; i += per, x += per, w += bytes, w1 += bytes) {
    s0 += qcc_dot_unit(k, book, x, w);
    s1 += qcc_dot_unit(k, book1, x, w1);
  }
  for (int32_t j = 0; i + j < n; j++) {
    s0 += x[j] * qcc_code(k, book, w, j);
    s1 += x[j] * qcc_code(k, book1, w1, j);
  }
  acc[0] += s0;
  acc[1] += s1;
}

#endif
