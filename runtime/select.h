/* select.h - elements of any size that are kept or change places by numbers that may be known at run time
 * only: ONNX's Trilu and ReverseSequence. */
#ifndef QCC_SELECT_H
#define QCC_SELECT_H

#include "copy.h"

/* x[matrices][rows][columns] */
struct qcc_trilu {
  int32_t matrices, rows, columns;
  int32_t elem, upper;  /* bytes of an element; which triangle is kept */
};

/* k NULL: 0. */
QCC_KERNEL void qcc_trilu(const struct qcc_trilu *p, const int64_t *k, const void *x, void *y) {
  int64_t given = k ? *k : 0;
  int32_t row_bytes = p->columns * p->elem;
  int32_t first = given < -(int64_t)p->rows ? -p->rows
                  : given < p->columns      ? (int32_t)given
                                            : p->columns;
  for (int32_t i = 0; i < p->matrices * p->rows; i++) {
    const uint8_t *from = (const uint8_t *)x + i * row_bytes;
    uint8_t *to = (uint8_t *)y + i * row_bytes;
    /* Columns from..end are kept. */
    int32_t diagonal = i % p->rows + first;
    int32_t start = p->upper ? qcc_clamp(diagonal, 0, p->columns) : 0;
    int32_t end = p->upper ? p->columns : qcc_clamp(diagonal + 1, 0, p->columns);
    memset(to, 0, (size_t)(start * p->elem));
    qcc_copy(to + start * p->elem, from + start * p->elem, (end - start) * p->elem);
    memset(to + end * p->elem, 0, (size_t)(row_bytes - end * p->elem));
  }
}

/* x[batch][time][run] with two dimensions of which either comes first. */
struct qcc_reverse {
  int32_t batch, time;
  int32_t batch_step, time_step;  /* bytes */
  int32_t run_bytes;
};

QCC_KERNEL void qcc_reverse_sequence(const struct qcc_reverse *p, const int64_t *lengths,
                                     const void *x, void *y) {
  for (int32_t b = 0; b < p->batch; b++) {
    int32_t n = lengths[b] < 0 ? 0 : lengths[b] < p->time ? (int32_t)lengths[b] : p->time;
    for (int32_t t = 0; t < p->time; t++)
      qcc_copy((uint8_t *)y + b * p->batch_step + t * p->time_step,
               (const uint8_t *)x + b * p->batch_step + (t < n ? n - 1 - t : t) * p->time_step,
               p->run_bytes);
  }
}

#endif
