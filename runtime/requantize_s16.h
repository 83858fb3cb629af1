/* requantize_s16.h - int16 codes, whose zero point is 0, in others by rule q31: of another scale,
 * of 8 bits, behind a Relu or Clip.  y may be x. */
#ifndef QCC_REQUANTIZE_S16_H
#define QCC_REQUANTIZE_S16_H

#include "common.h"

struct qcc_requantize {
  int32_t m;
  struct qcc_rescale out;
};

QCC_KERNEL void qcc_requantize_s16(const struct qcc_requantize *p, int32_t n, const int16_t *x,
                                   int16_t *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = (int16_t)qcc_requantize(&p->out, x[i], p->m);
}

QCC_KERNEL void qcc_requantize_s16_s8(const struct qcc_requantize *p, int32_t n, const int16_t *x,
                                      int8_t *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = (int8_t)qcc_requantize(&p->out, x[i], p->m);
}

#endif
