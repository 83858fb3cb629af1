/* dot_grouped.h - dot products with weights whose groups have a multiple each: runs of q->size
 * elements of a flattened output channel are summed alone and weighted with multiple[group].
 * Weights have 8 bits, or 4 bits two per byte, low nibble first. */
#ifndef QCC_DOT_GROUPED_H
#define QCC_DOT_GROUPED_H

#include "conv_params.h"
#include "dot_s4.h"
#include "dot_s8.h"

/* Bytes of one output channel of n weights. */
QCC_INLINE int32_t qcc_row_bytes(const struct qcc_groups *q, int32_t n) {
  return q->bits == 4 ? (n + 1) >> 1 : n;
}

/* Sum of multiple * x[i] * weight[at + i], i in 0..n-1; with x NULL, of multiple * weight. */
QCC_KERNEL int32_t qcc_dot_grouped(const struct qcc_groups *q, const int8_t *x, const uint8_t *w,
                                   const uint8_t *multiple, int32_t at, int32_t n) {
  int32_t sum = 0, k = at / q->size, left = (k + 1) * q->size - at;
  while (n > 0) {
    int32_t take = qcc_min(n, left), part;
    const int8_t *w8 = (const int8_t *)w + at;
    if (q->bits == 4)
      part = x ? qcc_dot_s4(x, w, at, take) : qcc_sum_s4(w, at, take);
    else
      part = x ? qcc_dot_s8(x, w8, take) : qcc_sum_s8(w8, take);
    sum += part * multiple[k++];
    if (x)
      x += take;
    at += take;
    n -= take;
    left = q->size;
  }
  return sum;
}

#endif
