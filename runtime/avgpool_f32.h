/* avgpool_f32.h - float average pool over NHWC images, global ones included.  Padding counts as
 * zeros where count_pad says so, otherwise only valid taps are averaged. y holds the sums
 * meanwhile and must not overlap x. */
#ifndef QCC_AVGPOOL_F32_H
#define QCC_AVGPOOL_F32_H

#include "real.h"
#include "window.h"

struct qcc_avgpool_f32 {
  struct qcc_window g;
  int32_t count_pad;             /* 1: padding is averaged too */
  int32_t pad_bottom, pad_right; /* read when count_pad: what lies beyond them is not counted */
};

/* Taps of a window along one dimension that count: inside the image or its padding. */
QCC_KERNEL int32_t qcc_count_taps(int32_t at, int32_t dilation, int32_t kernel, int32_t end) {
  int32_t first, last;
  qcc_clip_taps(0, dilation, kernel, end - at, &first, &last);
  return last - first;
}

/* All channels of one output pixel. */
QCC_INLINE void qcc_avgpool_pixel_real(int e, const struct qcc_window *g, const struct qcc_taps *t,
                                       int32_t count, const void *QCC_RESTRICT x,
                                       float *QCC_RESTRICT sums) {
  for (int32_t c = 0; c < g->out_c; c++)
    sums[c] = 0.0f;
  for (int32_t ky = 0; ky < t->ky1 - t->ky0; ky++)
    for (int32_t kx = 0; kx < t->kx1 - t->kx0; kx++) {
      int32_t at = t->first + (ky * g->dilation_h * g->in_w + kx * g->dilation_w) * g->in_c;
      const void *v = qcc_at(e, x, at);
      for (int32_t c = 0; c < g->out_c; c++)
        sums[c] += qcc_get(e, v, c);
    }
  for (int32_t c = 0; c < g->out_c; c++)
    sums[c] /= (float)count;
}

QCC_INLINE void qcc_avgpool_real(int e, const struct qcc_avgpool_f32 *p, const void *QCC_RESTRICT x,
                                 void *scratch, void *QCC_RESTRICT y) {
  const struct qcc_window *g = &p->g;
  int32_t size = g->in_h * g->in_w * g->in_c;
  for (int32_t n = 0; n < g->batch; n++, x = qcc_at(e, x, size))
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y = qcc_place(e, y, g->out_c)) {
        struct qcc_taps t = qcc_find_taps(g, oy, ox);
        int32_t count = (t.ky1 - t.ky0) * (t.kx1 - t.kx0);
        float *sums = qcc_float_sums(e, scratch, y);
        if (p->count_pad)
          count = qcc_count_taps(oy * g->stride_h - g->pad_top, g->dilation_h, g->kernel_h,
                                 g->in_h + p->pad_bottom) *
                  qcc_count_taps(ox * g->stride_w - g->pad_left, g->dilation_w, g->kernel_w,
                                 g->in_w + p->pad_right);
        qcc_avgpool_pixel_real(e, g, &t, count > 0 ? count : 1, x, sums);
        qcc_put_sums(e, g->out_c, sums, y);
      }
}

QCC_KERNEL void qcc_avgpool_f32(const struct qcc_avgpool_f32 *p, const float *QCC_RESTRICT x,
                                float *QCC_RESTRICT y) {
  qcc_avgpool_real(QCC_F32, p, x, NULL, y);
}

/* Scratch: a sum per channel. */
QCC_KERNEL void qcc_avgpool_f16(const struct qcc_avgpool_f32 *p, const uint16_t *QCC_RESTRICT x,
                                void *scratch, uint16_t *QCC_RESTRICT y) {
  qcc_avgpool_real(QCC_F16, p, x, scratch, y);
}

#endif
