/* binary_f32.h - float functions of two tensors, chosen by a constant `op`: of equal shapes, with
 * one number, or broadcast as in ONNX. y may be a or b where that one has y's shape. */
#ifndef QCC_BINARY_F32_H
#define QCC_BINARY_F32_H

#include <math.h>

#include "broadcast.h"
#include "real.h"

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

QCC_INLINE void qcc_binary_f16(int op, int32_t n, const uint16_t *a, const uint16_t *b,
                               uint16_t *y) {
  for (int32_t i = 0; i < n; i++)
    qcc_put(QCC_F16, y, i, qcc_binary(op, qcc_get(QCC_F16, a, i), qcc_get(QCC_F16, b, i)));
}

QCC_INLINE void qcc_binary_broadcast_real(int op, int t, const struct qcc_broadcast *s,
                                          const void *a, const void *b, void *y) {
  int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0, at = 0, last = s->rank - 1;
  do {
    for (int32_t i = 0; i < s->dim[last]; i++)
      qcc_put(t, y, at++, qcc_binary(op, qcc_get(t, a, a_at + i * s->a_step[last]),
                                     qcc_get(t, b, b_at + i * s->b_step[last])));
  } while (qcc_next_row(s, index, &a_at, &b_at));
}

QCC_INLINE void qcc_binary_broadcast_f32(int op, const struct qcc_broadcast *s, const float *a,
                                         const float *b, float *y) {
  qcc_binary_broadcast_real(op, QCC_F32, s, a, b, y);
}

QCC_INLINE void qcc_binary_broadcast_f16(int op, const struct qcc_broadcast *s, const uint16_t *a,
                                         const uint16_t *b, uint16_t *y) {
  qcc_binary_broadcast_real(op, QCC_F16, s, a, b, y);
}

#endif
