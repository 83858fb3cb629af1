/* resize_line.h - Resize of one dimension, by tables: each output place is the weighted sum of some input
 * places, or one of them.  x is [outer][in][inner], y [outer][out][inner]; they must not overlap. */
#ifndef QCC_RESIZE_LINE_H
#define QCC_RESIZE_LINE_H

#include "copy.h"
#include "real.h"

struct qcc_resize_line {
  int32_t outer, in, out, inner, taps;
  int32_t elem;  /* bytes of an element, where they are moved */
  float outside; /* what lies beyond the edges */
};

/* from[out][taps], weight[out][taps]; from is -1 first in places that lie outside. */
QCC_INLINE void qcc_resize_line_real(int e, const struct qcc_resize_line *p, const int32_t *from,
                                     const float *weight, const void *QCC_RESTRICT x, void *QCC_RESTRICT y) {
  int32_t at = 0;
  for (int32_t o = 0; o < p->outer; o++)
    for (int32_t i = 0; i < p->out; i++)
      for (int32_t k = 0; k < p->inner; k++) {
        const int32_t *place = from + i * p->taps;
        float sum = 0.0f;
        for (int32_t t = 0; t < p->taps && place[0] >= 0; t++)
          sum += weight[i * p->taps + t] * qcc_get(e, x, (o * p->in + place[t]) * p->inner + k);
        qcc_put(e, y, at++, place[0] >= 0 ? sum : p->outside);
      }
}

QCC_KERNEL void qcc_resize_line_f32(const struct qcc_resize_line *p, const int32_t *from,
                                    const float *weight, const float *x, float *y) {
  qcc_resize_line_real(QCC_F32, p, from, weight, x, y);
}

QCC_KERNEL void qcc_resize_line_f16(const struct qcc_resize_line *p, const int32_t *from,
                                    const float *weight, const uint16_t *x, uint16_t *y) {
  qcc_resize_line_real(QCC_F16, p, from, weight, x, y);
}

/* Elements of any size, one for each place; outside is the element there. */
QCC_KERNEL void qcc_move_line(const struct qcc_resize_line *p, const int32_t *from, const void *outside,
                              const void *x, void *y) {
  int32_t bytes = p->inner * p->elem;
  uint8_t *to = (uint8_t *)y;
  for (int32_t o = 0; o < p->outer; o++)
    for (int32_t i = 0; i < p->out; i++, to += bytes)
      if (from[i] >= 0)
        qcc_copy(to, (const uint8_t *)x + (o * p->in + from[i]) * bytes, bytes);
      else
        for (int32_t k = 0; k < p->inner; k++)
          memcpy(to + k * p->elem, outside, (size_t)p->elem);
}

#endif
