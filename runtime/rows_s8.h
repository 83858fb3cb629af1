/* rows_s8.h - how vector kernels take two broadcast operands in int8 codes: a row of y at a time,
 * the operands either as they lie or, where one code is repeated along the row, as 16 copies of
 * it. */
#ifndef QCC_ROWS_S8_H
#define QCC_ROWS_S8_H

#include "broadcast.h"

/* n codes of y; a_step and b_step are 1, or 0 where the operand is 16 copies.  p: the operator's
 * parameters. */
typedef void qcc_row_s8(const void *p, int32_t n, const int8_t *a, int32_t a_step, const int8_t *b,
                        int32_t b_step, int8_t *y);

/* Sixteen codes of y. */
typedef void qcc_sixteen_s8(const void *p, const int8_t *a, const int8_t *b, int8_t *y);

/* A row, sixteen codes at a time; the last ones on copies. */
QCC_INLINE void qcc_row_by_sixteen_s8(qcc_sixteen_s8 *sixteen, const void *p, int32_t n,
                                      const int8_t *a, int32_t a_step, const int8_t *b,
                                      int32_t b_step, int8_t *y) {
  int32_t i = 0;
  for (; i + 16 <= n; i += 16)
    sixteen(p, a + i * a_step, b + i * b_step, y + i);
  if (i < n) {
    int8_t u[16] = {0}, v[16] = {0};
    memcpy(u, a + i * a_step, (size_t)(n - i));
    memcpy(v, b + i * b_step, (size_t)(n - i));
    sixteen(p, u, v, u);
    memcpy(y + i, u, (size_t)(n - i));
  }
}

QCC_INLINE void qcc_each_row_s8(qcc_row_s8 *row, const void *p, const struct qcc_broadcast *s,
                                const int8_t *a, const int8_t *b, int8_t *y) {
  int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0, last = s->rank - 1;
  int32_t n = s->dim[last], a_step = s->a_step[last], b_step = s->b_step[last];
  int8_t a_copies[16], b_copies[16];
  do {
    if (!a_step)
      memset(a_copies, a[a_at], 16);
    if (!b_step)
      memset(b_copies, b[b_at], 16);
    row(p, n, a_step ? a + a_at : a_copies, a_step, b_step ? b + b_at : b_copies, b_step, y);
    y += n;
  } while (qcc_next_row(s, index, &a_at, &b_at));
}

/* The kernels of operator `op` that struct qcc_op describes, by its function for a row. */
#define QCC_BY_ROWS(op, row, equal, broadcast)                                                    \
  QCC_KERNEL void equal(const struct qcc_##op *p, int32_t n, const int8_t *a, const int8_t *b,    \
                        int8_t *y) {                                                              \
    row(p, n, a, 1, b, 1, y);                                                                     \
  }                                                                                               \
  QCC_KERNEL void broadcast(const struct qcc_##op *p, const struct qcc_broadcast *s,              \
                            const int8_t *a, const int8_t *b, int8_t *y) {                        \
    qcc_each_row_s8(row, p, s, a, b, y);                                                          \
  }

/* The same by qcc_ISA_OP_sixteen. */
#define QCC_BY_SIXTEEN(op, isa)                                                                   \
  QCC_INLINE void qcc_##op##_row_##isa(const void *p, int32_t n, const int8_t *a, int32_t a_step, \
                                       const int8_t *b, int32_t b_step, int8_t *y) {              \
    qcc_row_by_sixteen_s8(qcc_##isa##_##op##_sixteen, p, n, a, a_step, b, b_step, y);             \
  }                                                                                               \
  QCC_BY_ROWS(op, qcc_##op##_row_##isa, qcc_##op##_##isa##_s8, qcc_##op##_broadcast_##isa##_s8)

#endif
