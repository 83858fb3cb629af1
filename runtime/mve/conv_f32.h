/* mve/conv_f32.h - convolution of floats or float16 on Helium: any kernel, stride, dilation, padding and
 * group of several channels, by way of a ring of input rows and the patches of two output pixels, as in mve/conv.h.
 * y may be x, or begin where x begins, when no output row ends behind the first input row that is
 * still to be read (the table of kernels knows).  Weights as in mve/float.h,
 * mve/half.h. */
#ifndef QCC_MVE_CONV_F32_H
#define QCC_MVE_CONV_F32_H

#include "mve/real.h"
#include "mve/ring.h"
#include "params_f32.h"

/* Elements t of x, w and y. */
QCC_INLINE void qcc_mve_conv_real(int t, const struct qcc_conv_f32 *p, const void *x, const void *w,
                                  const float *bias, void *scratch, void *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_window bytes = p->g;
  int32_t elem = t == QCC_F16 ? 2 : 4, channels = g->in_c / p->group, cols = g->out_c / p->group;
  int32_t depth = g->kernel_h * g->kernel_w * channels, second = qcc_mve_round16(elem * depth) + 16;
  bytes.in_c = elem * g->in_c;
  int32_t step = g->stride_w * bytes.in_c, size = g->in_h * g->in_w * bytes.in_c;
  int8_t *patch = scratch;
  const int8_t *image = (const int8_t *)x;
  struct qcc_mve_ring r = qcc_mve_make_ring(&bytes, patch + 2 * second);
  void *to = y;
  for (int32_t k = 0; k < g->batch; k++, image += size) {
    qcc_mve_fill(r.rows, 0, r.span * r.pitch);
    for (int32_t oy = 0, next = 0; oy < g->out_h; oy++) {
      int32_t iy = oy * g->stride_h - g->pad_top, end = iy + r.span;
      qcc_mve_load_rows(&bytes, &r, 0, iy > next ? iy : next, end, image);
      next = end > next ? end : next;
      const int8_t *at = r.rows + (oy * g->stride_h) % r.span * r.pitch;
      for (int32_t ox = 0, n; ox < g->out_w; ox += n, at += 2 * step) {
        n = g->out_w - ox >= 2 ? 2 : 1;
        for (int32_t i = 0; i < p->group; i++) {
          void *y0 = qcc_place(t, to, i * cols);
          qcc_mve_patches(&bytes, &r, elem * channels, at + elem * i * channels, (n - 1) * step,
                          patch, patch + second);
          qcc_mve_tile_real(t, &p->act, depth, cols, patch, patch + second,
                            qcc_at(t, w, i * p->w_next), bias ? bias + i * cols : NULL, y0,
                            qcc_place(t, y0, (n - 1) * g->out_c));
        }
        to = qcc_place(t, to, n * g->out_c);
      }
    }
  }
  qcc_mve_finish_real(t, &p->act, g->batch * g->out_h * g->out_w * g->out_c, y);
}

QCC_KERNEL void qcc_mve_conv_f32(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                 const float *bias, void *scratch, float *y) {
  qcc_mve_conv_real(QCC_F32, p, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_mve_conv_f16(const struct qcc_conv_f32 *p, const uint16_t *x, const uint16_t *w,
                                 const float *bias, void *scratch, uint16_t *y) {
  qcc_mve_conv_real(QCC_F16, p, x, w, bias, scratch, y);
}

#endif
