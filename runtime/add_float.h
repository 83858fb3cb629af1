/* add_float.h - sum of two tensors in int8 codes by rule float (docs/numerics.md): the real numbers are added
 * and divided by the scale of y in float32, as Dequantize, Add and Quantize do.  Equal shapes, or
 * broadcast.  y may be a or b where that one has y's shape.  Products are statements of their own, so
 * that compilers do not fuse them with the sum. */
#ifndef QCC_ADD_FLOAT_H
#define QCC_ADD_FLOAT_H

#include "binary.h"

struct qcc_float_add {
  int32_t a_zero, b_zero, y_zero;
  float a_scale, b_scale, y_scale; /* b's is negative where it is subtracted */
  int32_t lo, hi;
};

QCC_INLINE int32_t qcc_float_add_one(const struct qcc_float_add *p, int32_t a, int32_t b) {
  float u = (float)(a - p->a_zero) * p->a_scale;
  float v = (float)(b - p->b_zero) * p->b_scale;
  u += v;
  return qcc_round_code(p->y_zero, u / p->y_scale, p->lo, p->hi);
}

QCC_BINARY(float_add, s8, int8_t)

#endif
