/* outliers.h - weights that lie beside the codes: count[o] of output channel o, then column and value of
 * each, all channels end to end.  A value is added to what the channel's codes say there, in units of
 * the channel's scale; the sum of code times multiple and value fits 16 bits. */
#ifndef QCC_OUTLIERS_H
#define QCC_OUTLIERS_H

#include "common.h"

struct qcc_outliers {
  const uint16_t *count;  /* [cols] */
  const uint16_t *column; /* within the flattened channel */
  const int16_t *value;
};

/* Entries [at, end) to the channel's folded weights. */
QCC_KERNEL void qcc_add_outliers(const struct qcc_outliers *s, int32_t at, int32_t end, int16_t *w) {
  for (; at < end; at++)
    w[s->column[at]] = (int16_t)(w[s->column[at]] + s->value[at]);
}

/* The same to decoded weights. */
QCC_KERNEL void qcc_add_outliers_f32(const struct qcc_outliers *s, int32_t at, int32_t end, float scale,
                                   float *w) {
  for (; at < end; at++)
    w[s->column[at]] += scale * (float)s->value[at];
}

/* What they add to the product of the channel with x. */
QCC_KERNEL int32_t qcc_dot_outliers(const struct qcc_outliers *s, int32_t at, int32_t end,
                                  const int8_t *x) {
  int32_t sum = 0;
  for (; at < end; at++)
    sum += x[s->column[at]] * s->value[at];
  return sum;
}

#endif
