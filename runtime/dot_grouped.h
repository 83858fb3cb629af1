/* dot_grouped.h - dot products with weights whose groups have a multiple each: runs of q->size
 * elements of a flattened output channel are summed alone and weighted with multiple[group].
 * A byte holds one weight, or 2, 4 or 5 (packed.h). */
#ifndef QCC_DOT_GROUPED_H
#define QCC_DOT_GROUPED_H

#include "conv_params.h"
#include "dot_packed.h"
#include "dot_s8.h"

/* Sum of x[i] * weight[at + i], i in 0..n-1; with x NULL, of the weights. */
QCC_INLINE int32_t qcc_dot_part(int32_t k, const int8_t *x, const uint8_t *w, int32_t at,
                                int32_t n) {
  const int8_t *w8 = (const int8_t *)w + at;
  if (k == 1)
    return x ? qcc_dot_s8(x, w8, n) : qcc_sum_s8(w8, n);
  return x ? qcc_dot_packed(k, x, w, at, n) : qcc_sum_packed(k, w, at, n);
}

/* Sum of multiple * x[i] * weight[at + i], i in 0..n-1; with x NULL, of multiple * weight. */
QCC_KERNEL int32_t qcc_dot_grouped(const struct qcc_groups *q, const int8_t *x, const uint8_t *w,
                                   const uint8_t *multiple, int32_t at, int32_t n) {
  int32_t sum = 0, k = at / q->size, left = (k + 1) * q->size - at;
  while (n > 0) {
    int32_t take = qcc_min(n, left), part;
    if (q->per_byte == 1)
      part = qcc_dot_part(1, x, w, at, take);
    else if (q->per_byte == 2)
      part = qcc_dot_part(2, x, w, at, take);
    else if (q->per_byte == 4)
      part = qcc_dot_part(4, x, w, at, take);
    else
      part = qcc_dot_part(5, x, w, at, take);
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
