/* reduce_f32.h - float reductions over any set of axes, chosen by a constant `op`; y has the kept
 * dimensions in order.  x is walked once in memory order while the place in y is kept by an
 * odometer; y holds the partial results.  y must not overlap x. */
#ifndef QCC_REDUCE_F32_H
#define QCC_REDUCE_F32_H

#include "reduce_line.h"

struct qcc_reduce {
  int32_t rank;    /* 1 to 8 */
  int32_t dim[8];  /* of x */
  int32_t axes;    /* bit d: dimension d is reduced */
};

QCC_INLINE float qcc_reduce_end(int op, float sum, int32_t count) {
  return op == QCC_REDUCE_MEAN ? sum / (float)count : op == QCC_REDUCE_L2 ? sqrtf(sum) : sum;
}

/* Fills in the distance in y of neighbours along each dimension (0: reduced) and returns how many
 * elements y has; *count becomes how many elements of x each is made of. */
QCC_KERNEL int32_t qcc_reduce_steps(const struct qcc_reduce *p, int32_t *step, int32_t *count) {
  int32_t n = 1;
  *count = 1;
  for (int32_t d = p->rank - 1; d >= 0; d--) {
    int32_t reduced = (p->axes >> d) & 1;
    step[d] = reduced ? 0 : n;
    if (reduced)
      *count *= p->dim[d];
    else
      n *= p->dim[d];
  }
  return n;
}

/* Steps the odometer over all dimensions but the last; 0 after the last row. */
QCC_KERNEL int qcc_reduce_next(const struct qcc_reduce *p, const int32_t *step, int32_t *index,
                               int32_t *at) {
  for (int32_t d = p->rank - 2; d >= 0; d--) {
    *at += step[d];
    if (++index[d] < p->dim[d])
      return 1;
    *at -= step[d] * p->dim[d];
    index[d] = 0;
  }
  return 0;
}

/* The partial results are kept in y where it can, else in scratch. */
QCC_INLINE void qcc_reduce_real(int op, int t, const struct qcc_reduce *p,
                                const void *QCC_RESTRICT x, void *scratch, void *QCC_RESTRICT y) {
  int32_t step[8], index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, count, at = 0, last = p->rank - 1;
  int32_t n = qcc_reduce_steps(p, step, &count);
  float *sums = qcc_float_sums(t, scratch, y);
  for (int32_t i = 0; i < n; i++)
    sums[i] = qcc_reduce_start(op);
  do {
    if (step[last] == 0)
      sums[at] = qcc_reduce_line(op, t, sums[at], p->dim[last], 0.0f, x);
    else
      for (int32_t i = 0; i < p->dim[last]; i++)
        sums[at + i] = qcc_reduce_step(op, sums[at + i], qcc_get(t, x, i));
    x = qcc_at(t, x, p->dim[last]);
  } while (qcc_reduce_next(p, step, index, &at));
  for (int32_t i = 0; i < n; i++)
    qcc_put(t, y, i, qcc_reduce_end(op, sums[i], count));
}

QCC_INLINE void qcc_reduce_f32(int op, const struct qcc_reduce *p, const float *QCC_RESTRICT x,
                               float *QCC_RESTRICT y) {
  qcc_reduce_real(op, QCC_F32, p, x, NULL, y);
}

/* Scratch: a float per output. */
QCC_INLINE void qcc_reduce_f16(int op, const struct qcc_reduce *p, const uint16_t *QCC_RESTRICT x,
                               void *scratch, uint16_t *QCC_RESTRICT y) {
  qcc_reduce_real(op, QCC_F16, p, x, scratch, y);
}

#endif
