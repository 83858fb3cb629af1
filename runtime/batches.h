/* batches.h - the batch dimensions of a matrix product, broadcast as in NumPy: an odometer that
 * walks them in order and keeps the offsets of both operands. */
#ifndef QCC_BATCHES_H
#define QCC_BATCHES_H

#include "common.h"

struct qcc_batches {
  int32_t rank;               /* 0: one product */
  int32_t dim[6];
  int32_t a_step[6], b_step[6]; /* elements from one index to the next; 0 where broadcast */
};

/* Moves to the next product; 0 after the last one. index starts as zeros. */
QCC_KERNEL int qcc_next_batch(const struct qcc_batches *s, int32_t *index, int32_t *a, int32_t *b) {
  for (int32_t d = s->rank - 1; d >= 0; d--) {
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
