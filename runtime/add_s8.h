/* add_s8.h - sum of two tensors in int8 codes: clamp((a * a_mul + b * b_mul + c) >> shift, lo, hi)
 * with a floor shift; the zero points and the rounding are in c.  Equal shapes, or broadcast.
 * y may be a or b where that one has y's shape. */
#ifndef QCC_ADD_S8_H
#define QCC_ADD_S8_H

#include "broadcast.h"

struct qcc_add {
  int32_t a_mul, b_mul; /* int16 range */
  int32_t c;            /* zero points, y_zero << shift, rounding */
  int32_t shift;        /* to the right */
  int32_t lo, hi;
};

QCC_INLINE int8_t qcc_add_one_s8(const struct qcc_add *p, int32_t a, int32_t b) {
  return (int8_t)qcc_clamp((a * p->a_mul + b * p->b_mul + p->c) >> p->shift, p->lo, p->hi);
}

QCC_KERNEL void qcc_add_s8(const struct qcc_add *p, int32_t n, const int8_t *a, const int8_t *b,
                           int8_t *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_add_one_s8(p, a[i], b[i]);
}

QCC_KERNEL void qcc_add_broadcast_s8(const struct qcc_add *p, const struct qcc_broadcast *s,
                                     const int8_t *a, const int8_t *b, int8_t *y) {
  int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0, last = s->rank - 1;
  do {
    for (int32_t i = 0; i < s->dim[last]; i++)
      *y++ = qcc_add_one_s8(p, a[a_at + i * s->a_step[last]], b[b_at + i * s->b_step[last]]);
  } while (qcc_next_row(s, index, &a_at, &b_at));
}

#endif
