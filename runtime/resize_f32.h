/* resize_f32.h - bilinear resize of NHWC float images. row[i] is the upper of the two source rows
 * of output row i and row_frac[i] the weight of the lower one, 0 where there is none; columns
 * alike. y must not overlap x. */
#ifndef QCC_RESIZE_F32_H
#define QCC_RESIZE_F32_H

#include "real.h"
#include "resize.h"

/* One pixel between four others: `right` and `below` are the distances of the neighbours. */
QCC_INLINE void qcc_mix_pixel_real(int t, int32_t channels, int32_t right, int32_t below, float fx,
                                   float fy, const void *QCC_RESTRICT x, void *QCC_RESTRICT y) {
  for (int32_t c = 0; c < channels; c++) {
    float top = qcc_get(t, x, c) * (1.0f - fx) + qcc_get(t, x, c + right) * fx;
    float bottom = qcc_get(t, x, c + below) * (1.0f - fx) + qcc_get(t, x, c + below + right) * fx;
    qcc_put(t, y, c, top * (1.0f - fy) + bottom * fy);
  }
}

QCC_INLINE void qcc_resize_linear_real(int t, const struct qcc_resize *p, const int32_t *row,
                                       const float *row_frac, const int32_t *col,
                                       const float *col_frac, const void *QCC_RESTRICT x,
                                       void *QCC_RESTRICT y) {
  int32_t stride = p->in_w * p->channels;
  for (int32_t n = 0; n < p->batch; n++, x = qcc_at(t, x, p->in_h * stride))
    for (int32_t oy = 0; oy < p->out_h; oy++)
      for (int32_t ox = 0; ox < p->out_w; ox++, y = qcc_place(t, y, p->channels)) {
        int32_t right = col_frac[ox] > 0.0f ? p->channels : 0;
        int32_t below = row_frac[oy] > 0.0f ? stride : 0;
        qcc_mix_pixel_real(t, p->channels, right, below, col_frac[ox], row_frac[oy],
                           qcc_at(t, x, row[oy] * stride + col[ox] * p->channels), y);
      }
}

QCC_KERNEL void qcc_resize_linear_f32(const struct qcc_resize *p, const int32_t *row,
                                      const float *row_frac, const int32_t *col,
                                      const float *col_frac, const float *QCC_RESTRICT x,
                                      float *QCC_RESTRICT y) {
  qcc_resize_linear_real(QCC_F32, p, row, row_frac, col, col_frac, x, y);
}

QCC_KERNEL void qcc_resize_linear_f16(const struct qcc_resize *p, const int32_t *row,
                                      const float *row_frac, const int32_t *col,
                                      const float *col_frac, const uint16_t *QCC_RESTRICT x,
                                      uint16_t *QCC_RESTRICT y) {
  qcc_resize_linear_real(QCC_F16, p, row, row_frac, col, col_frac, x, y);
}

#endif
