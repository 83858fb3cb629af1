/* resize_nearest.h - nearest-neighbour resize of NHWC images of any element type: row[out_h] and
 * col[out_w] hold the source row and column of each output row and column. y must not overlap x. */
#ifndef QCC_RESIZE_NEAREST_H
#define QCC_RESIZE_NEAREST_H

#include "copy.h"
#include "resize.h"

QCC_KERNEL void qcc_resize_nearest(const struct qcc_resize *p, const int32_t *row,
                                   const int32_t *col, const void *x, void *y) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  int32_t pixel = p->channels * p->elem, stride = p->in_w * pixel;
  for (int32_t n = 0; n < p->batch; n++, from += p->in_h * stride)
    for (int32_t oy = 0; oy < p->out_h; oy++)
      for (int32_t ox = 0; ox < p->out_w; ox++, to += pixel)
        qcc_copy(to, from + row[oy] * stride + col[ox] * pixel, pixel);
}

#endif
