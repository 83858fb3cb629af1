/* binary_tflite.h - operators of imported TensorFlow Lite models on int8 codes whose sums its reference kernels form in
 * another way than ours (docs/numerics.md, rule tflite): Add and Sub, Mul.  Equal shapes, or broadcast.
 * y may be a or b where that one has y's shape. */
#ifndef QCC_BINARY_TFLITE_H
#define QCC_BINARY_TFLITE_H

#include "binary.h"

/* A multiplier and its exponent. */
struct qcc_factor {
  int32_t m, exponent;
};

struct qcc_tflite_add {
  int32_t a_zero, b_zero, y_zero;
  struct qcc_factor a, b, y;
  int32_t sign;           /* of b: 1 or -1 */
  int32_t lo, hi;
};

struct qcc_tflite_mul {
  int32_t a_zero, b_zero, y_zero;
  struct qcc_factor y;
  int32_t lo, hi;
};

QCC_INLINE int32_t qcc_times_factor(const struct qcc_factor *f, int32_t v) {
  return qcc_scale_tflite(v, f->m, f->exponent);
}

/* Inputs have 20 bits more while they are scaled. */
QCC_INLINE int32_t qcc_tflite_add_one(const struct qcc_tflite_add *p, int32_t a, int32_t b) {
  int32_t u = qcc_times_factor(&p->a, (a - p->a_zero) * (1 << 20));
  int32_t v = qcc_times_factor(&p->b, (b - p->b_zero) * (1 << 20));
  return qcc_add_zero(p->y_zero, qcc_times_factor(&p->y, u + p->sign * v), p->lo, p->hi);
}

QCC_INLINE int32_t qcc_tflite_mul_one(const struct qcc_tflite_mul *p, int32_t a, int32_t b) {
  int32_t product = (a - p->a_zero) * (b - p->b_zero);
  return qcc_add_zero(p->y_zero, qcc_times_factor(&p->y, product), p->lo, p->hi);
}

QCC_BINARY(tflite_add, s8, int8_t)
QCC_BINARY(tflite_mul, s8, int8_t)

#endif
