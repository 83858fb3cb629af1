/* folded.h - group-scaled weights with their multiples folded in: code * multiple fits 16 bits, and
 * the sum over it is the accumulator, so that groups cost nothing where a row of weights is used for
 * many pixels.  Every partial sum lies within the bound that lowering has proved for the whole. */
#ifndef QCC_FOLDED_H
#define QCC_FOLDED_H

#include "conv_params.h"
#include "packed.h"

/* out[i] = code i times its multiple, i in at..end-1. */
QCC_INLINE void qcc_fold_codes(int32_t k, const int8_t *book, const uint8_t *w, int32_t at,
                               int32_t end, int32_t multiple, int16_t *QCC_RESTRICT out) {
  for (int32_t i = at; i < end; i++)
    out[i] = (int16_t)((k == 1 ? (int8_t)w[i] : qcc_code_at(k, book, w, i)) * multiple);
}

/* The n weights of output channel o, at w and multiple + those of the channels before. */
QCC_KERNEL void qcc_fold_row(const struct qcc_groups *q, int32_t o, const uint8_t *w,
                             const uint8_t *multiple, int32_t n, int16_t *out) {
  const int8_t *book = qcc_book(&q->w, o);
  w += o * qcc_packed_bytes(q->w.packing, n);
  multiple = qcc_multiples(q->bits, multiple, o, q->n_groups);
  for (int32_t i = 0, k = 0, end; i < n; i = end, k++) {
    int32_t m = qcc_multiple(q->bits, multiple, k);
    end = qcc_min(n, i + q->size);
    QCC_BY_PACKING(q->w.packing, qcc_fold_codes, book, w, i, end, m, out);
  }
}

QCC_KERNEL int32_t qcc_dot_folded(const int8_t *x, const int16_t *w, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++)
    sum += (int32_t)x[i] * w[i];
  return sum;
}

QCC_KERNEL int32_t qcc_sum_folded(const int16_t *w, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++)
    sum += w[i];
  return sum;
}

#endif
