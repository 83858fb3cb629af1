/* add.h - sum of two tensors in codes: clamp((a * a_mul + b * b_mul + c) >> shift, lo, hi) with a
 * floor shift; the zero points and the rounding are in c.  Equal shapes, or broadcast. y may be a
 * or b where that one has y's shape. */
#ifndef QCC_ADD_H
#define QCC_ADD_H

#include "binary.h"

struct qcc_add {
  int32_t a_mul, b_mul; /* int16 range, or up to 2^21; half of the first with int16 codes */
  int32_t c;            /* zero points, y_zero << shift, rounding */
  int32_t shift;        /* to the right */
  int32_t lo, hi;
};

QCC_INLINE int32_t qcc_add_one(const struct qcc_add *p, int32_t a, int32_t b) {
  return qcc_clamp((a * p->a_mul + b * p->b_mul + p->c) >> p->shift, p->lo, p->hi);
}

#endif
