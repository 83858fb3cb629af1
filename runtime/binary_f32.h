/* binary_f32.h - float functions of two tensors, chosen by a constant `op`: of equal shapes, with
 * one number, or broadcast as in ONNX. y may be a or b where that one has y's shape. */
#ifndef QCC_BINARY_F32_H
#define QCC_BINARY_F32_H

#include <math.h>

#include "broadcast.h"

enum {
  QCC_ADD, QCC_SUB, QCC_MUL, QCC_DIV, QCC_POW, QCC_MIN, QCC_MAX,
  QCC_PRELU /* b is the slope below 0 */
};

QCC_INLINE float qcc_binary(int op, float a, float b) {
  switch (op) {
    case QCC_ADD: return a + b;
    case QCC_SUB: return a - b;
    case QCC_MUL: return a * b;
    case QCC_DIV: return a / b;
    case QCC_POW: return powf(a, b);
    case QCC_MIN: return b < a ? b : a;
    case QCC_MAX: return b > a ? b : a;
    case QCC_PRELU: return a < 0.0f ? a * b : a;
    default: return a;
  }
}

QCC_INLINE void qcc_binary_f32(int op, int32_t n, const float *a, const float *b, float *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_binary(op, a[i], b[i]);
}

QCC_INLINE void qcc_binary_scalar_f32(int op, int32_t n, const float *a, float b, float *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_binary(op, a[i], b);
}

QCC_INLINE void qcc_binary_scalar_left_f32(int op, int32_t n, float a, const float *b, float *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_binary(op, a, b[i]);
}

QCC_INLINE void qcc_binary_broadcast_f32(int op, const struct qcc_broadcast *s, const float *a,
                                         const float *b, float *y) {
  int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0, last = s->rank - 1;
  do {
    for (int32_t i = 0; i < s->dim[last]; i++)
      *y++ = qcc_binary(op, a[a_at + i * s->a_step[last]], b[b_at + i * s->b_step[last]]);
  } while (qcc_next_row(s, index, &a_at, &b_at));
}

#endif
