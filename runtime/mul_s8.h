/* mul_s8.h - product of two tensors in int8 codes: acc = (a - a_zero)(b - b_zero), then rule q31.
 * Equal shapes, or broadcast.  y may be a or b where that one has y's shape. */
#ifndef QCC_MUL_S8_H
#define QCC_MUL_S8_H

#include "broadcast.h"

struct qcc_mul {
  int32_t a_zero, b_zero;
  int32_t m;
  struct qcc_rescale out;
};

QCC_INLINE int8_t qcc_mul_one_s8(const struct qcc_mul *p, int32_t a, int32_t b) {
  return (int8_t)qcc_requantize(&p->out, (a - p->a_zero) * (b - p->b_zero), p->m);
}

QCC_KERNEL void qcc_mul_s8(const struct qcc_mul *p, int32_t n, const int8_t *a, const int8_t *b,
                           int8_t *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_mul_one_s8(p, a[i], b[i]);
}

QCC_KERNEL void qcc_mul_broadcast_s8(const struct qcc_mul *p, const struct qcc_broadcast *s,
                                     const int8_t *a, const int8_t *b, int8_t *y) {
  int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0, last = s->rank - 1;
  do {
    for (int32_t i = 0; i < s->dim[last]; i++)
      *y++ = qcc_mul_one_s8(p, a[a_at + i * s->a_step[last]], b[b_at + i * s->b_step[last]]);
  } while (qcc_next_row(s, index, &a_at, &b_at));
}

#endif
