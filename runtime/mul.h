/* mul.h - product of two tensors in codes: acc = (a - a_zero)(b - b_zero), then rule q31.  Equal
 * shapes, or broadcast.  y may be a or b where that one has y's shape. */
#ifndef QCC_MUL_H
#define QCC_MUL_H

#include "binary.h"

struct qcc_mul {
  int32_t a_zero, b_zero;
  int32_t m;
  struct qcc_rescale out;
};

QCC_INLINE int32_t qcc_mul_one(const struct qcc_mul *p, int32_t a, int32_t b) {
  return qcc_requantize(&p->out, (a - p->a_zero) * (b - p->b_zero), p->m);
}

#endif
