/* resize_f32.h - bilinear resize of NHWC float images. row[i] is the upper of the two source rows
 * of output row i and row_frac[i] the weight of the lower one, 0 where there is none; columns
 * alike. y must not overlap x. */
#ifndef QCC_RESIZE_F32_H
#define QCC_RESIZE_F32_H

#include "resize.h"

/* One pixel between four others: `right` and `below` are the distances of the neighbours. */
QCC_KERNEL void qcc_mix_pixel_f32(int32_t channels, int32_t right, int32_t below, float fx,
                                  float fy, const float *QCC_RESTRICT x, float *QCC_RESTRICT y) {
  for (int32_t c = 0; c < channels; c++) {
    float top = x[c] * (1.0f - fx) + x[c + right] * fx;
    float bottom = x[c + below] * (1.0f - fx) + x[c + below + right] * fx;
    y[c] = top * (1.0f - fy) + bottom * fy;
  }
}

QCC_KERNEL void qcc_resize_linear_f32(const struct qcc_resize *p, const int32_t *row,
                                      const float *row_frac, const int32_t *col,
                                      const float *col_frac, const float *QCC_RESTRICT x,
                                      float *QCC_RESTRICT y) {
  int32_t stride = p->in_w * p->channels;
  for (int32_t n = 0; n < p->batch; n++, x += p->in_h * stride)
    for (int32_t oy = 0; oy < p->out_h; oy++)
      for (int32_t ox = 0; ox < p->out_w; ox++, y += p->channels) {
        int32_t right = col_frac[ox] > 0.0f ? p->channels : 0;
        int32_t below = row_frac[oy] > 0.0f ? stride : 0;
        qcc_mix_pixel_f32(p->channels, right, below, col_frac[ox], row_frac[oy],
                          x + row[oy] * stride + col[ox] * p->channels, y);
      }
}

#endif
