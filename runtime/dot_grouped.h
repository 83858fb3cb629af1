/* dot_grouped.h - dot products with weights whose groups have a multiple each: runs of q->size
 * elements of a flattened output channel are summed alone and weighted with multiple[group].
 * Weights are bytes, or share them (packed.h). */
#ifndef QCC_DOT_GROUPED_H
#define QCC_DOT_GROUPED_H

#include "conv_params.h"
#include "dot_packed.h"
#include "dot_s8.h"

/* *sum += multiple * (sum of x[i] * weight[at + i]), i in 0..n-1. */
QCC_INLINE void qcc_add_group(int32_t k, const int8_t *book, const int8_t *x, const uint8_t *w,
                              int32_t at, int32_t n, int32_t multiple, int32_t *sum) {
  *sum += multiple * (k == 1 ? qcc_dot_s8(x, (const int8_t *)w + at, n)
                             : qcc_dot_packed(k, book, x, w, at, n));
}

/* Sum of multiple * x[i] * weight[i], i in 0..n-1, of output channel o. */
QCC_KERNEL int32_t qcc_dot_grouped(const struct qcc_groups *q, int32_t o, const int8_t *x,
                                   const uint8_t *w, const uint8_t *multiple, int32_t n) {
  const int8_t *book = qcc_book(&q->w, o);
  int32_t sum = 0;
  w += o * qcc_packed_bytes(q->w.packing, n);
  multiple = qcc_multiples(q->bits, multiple, o, q->n_groups);
  for (int32_t at = 0, k = 0, take; at < n; at += take, x += take, k++) {
    int32_t m = qcc_multiple(q->bits, multiple, k);
    take = qcc_min(n - at, q->size);
    QCC_BY_PACKING(q->w.packing, qcc_add_group, book, x, w, at, take, m, &sum);
  }
  return sum;
}

#endif
