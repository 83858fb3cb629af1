/* broadcast.h - how two operands of different shapes are walked together, as in ONNX: y is
 * contiguous, a step of 0 repeats an operand along a dimension.  Kernels loop over the last
 * dimension themselves and use the odometer for the others. */
#ifndef QCC_BROADCAST_H
#define QCC_BROADCAST_H

#include "common.h"

struct qcc_broadcast {
  int32_t rank;                 /* 1 to 8 */
  int32_t dim[8];               /* of y */
  int32_t a_step[8], b_step[8]; /* elements from one index to the next; 0 where broadcast */
};

/* Moves to the next row (last dimension) of y; 0 after the last one. index starts as zeros. */
QCC_KERNEL int qcc_next_row(const struct qcc_broadcast *s, int32_t *index, int32_t *a, int32_t *b) {
  for (int32_t d = s->rank - 2; d >= 0; d--) {
    if (++index[d] < s->dim[d]) {
      *a += s->a_step[d];
      *b += s->b_step[d];
      return 1;
    }
    index[d] = 0;
    *a -= s->a_step[d] * (s->dim[d] - 1);
    *b -= s->b_step[d] * (s->dim[d] - 1);
  }
  return 0;
}

#endif
