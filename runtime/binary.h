/* binary.h - operators of two tensors of codes, of equal shapes or broadcast: qcc_OP_s8 and
 * qcc_OP_broadcast_s8, or of another type of codes, by struct qcc_OP and qcc_OP_one.  y may be a or b
 * where that one has y's shape. */
#ifndef QCC_BINARY_H
#define QCC_BINARY_H

#include "broadcast.h"

#define QCC_BINARY(op, suffix, codes)                                                             \
  QCC_KERNEL void qcc_##op##_##suffix(const struct qcc_##op *p, int32_t n, const codes *a,        \
                                      const codes *b, codes *y) {                                 \
    for (int32_t i = 0; i < n; i++)                                                               \
      y[i] = (codes)qcc_##op##_one(p, a[i], b[i]);                                                \
  }                                                                                               \
  QCC_KERNEL void qcc_##op##_broadcast_##suffix(const struct qcc_##op *p,                         \
                                                const struct qcc_broadcast *s, const codes *a,    \
                                                const codes *b, codes *y) {                       \
    int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0, last = s->rank - 1;          \
    do {                                                                                          \
      for (int32_t i = 0; i < s->dim[last]; i++)                                                  \
        *y++ = (codes)qcc_##op##_one(p, a[a_at + i * s->a_step[last]],                            \
                                     b[b_at + i * s->b_step[last]]);                              \
    } while (qcc_next_row(s, index, &a_at, &b_at));                                               \
  }

#endif
