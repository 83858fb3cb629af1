/* dot_grouped.h - dot products with weights whose groups have a multiple each: runs of q->size
 * elements of a flattened output channel are summed alone and weighted with multiple[group].
 * A byte holds one weight, or 2, 4 or 5 (packed.h). */
#ifndef QCC_DOT_GROUPED_H
#define QCC_DOT_GROUPED_H

#include "conv_params.h"
#include "dot_packed.h"
#include "dot_s8.h"

/* Sum of x[i] * weight[at + i], i in 0..n-1. */
QCC_INLINE int32_t qcc_dot_part(int32_t k, const int8_t *x, const uint8_t *w, int32_t at,
                                int32_t n) {
  return k == 1 ? qcc_dot_s8(x, (const int8_t *)w + at, n) : qcc_dot_packed(k, x, w, at, n);
}

/* Sum of multiple * x[i] * weight[i], i in 0..n-1. */
QCC_KERNEL int32_t qcc_dot_grouped(const struct qcc_groups *q, const int8_t *x, const uint8_t *w,
                                   const uint8_t *multiple, int32_t n) {
  int32_t sum = 0;
  for (int32_t at = 0, take; at < n; at += take, x += take, multiple++) {
    int32_t part;
    take = qcc_min(n - at, q->size);
    if (q->per_byte == 1)
      part = qcc_dot_part(1, x, w, at, take);
    else if (q->per_byte == 2)
      part = qcc_dot_part(2, x, w, at, take);
    else if (q->per_byte == 4)
      part = qcc_dot_part(4, x, w, at, take);
    else
      part = qcc_dot_part(5, x, w, at, take);
    sum += part * *multiple;
  }
  return sum;
}

#endif
