/* mve/conv_f32.h - convolution of floats on Helium: any kernel, stride, dilation, padding and group
 * of several channels, by way of a ring of input rows and the patches of two output pixels, as in mve/conv.h.
 * y may be x, or begin where x begins, when no output row ends behind the first input row that is
 * still to be read (the table of kernels knows).  Weights as in mve/float.h. */
#ifndef QCC_MVE_CONV_F32_H
#define QCC_MVE_CONV_F32_H

#include "mve/float.h"
#include "mve/ring.h"
#include "params_f32.h"

QCC_KERNEL void qcc_mve_conv_f32(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                 const float *bias, void *scratch, float *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_window bytes = p->g;
  bytes.in_c = 4 * g->in_c;
  int32_t channels = g->in_c / p->group, cols = g->out_c / p->group;
  int32_t depth = g->kernel_h * g->kernel_w * channels, second = qcc_mve_round16(4 * depth) + 16;
  int32_t step = g->stride_w * bytes.in_c, size = g->in_h * g->in_w * bytes.in_c;
  int8_t *patch = scratch;
  const float *pixels = scratch;
  const int8_t *image = (const int8_t *)x;
  struct qcc_mve_ring r = qcc_mve_make_ring(&bytes, patch + 2 * second);
  float *to = y;
  for (int32_t k = 0; k < g->batch; k++, image += size) {
    qcc_mve_fill(r.rows, 0, r.span * r.pitch);
    for (int32_t oy = 0, next = 0; oy < g->out_h; oy++) {
      int32_t iy = oy * g->stride_h - g->pad_top, end = iy + r.span;
      qcc_mve_load_rows(&bytes, &r, 0, iy > next ? iy : next, end, image);
      next = end > next ? end : next;
      const int8_t *at = r.rows + (oy * g->stride_h) % r.span * r.pitch;
      for (int32_t ox = 0, n; ox < g->out_w; ox += n, at += 2 * step, to += n * g->out_c) {
        n = g->out_w - ox >= 2 ? 2 : 1;
        for (int32_t i = 0; i < p->group; i++) {
          float *y0 = to + i * cols;
          qcc_mve_patches(&bytes, &r, 4 * channels, at + 4 * i * channels, (n - 1) * step, patch,
                          patch + second);
          qcc_mve_tile_f32(&p->act, depth, cols, pixels, pixels + second / 4, w + i * p->w_next,
                           bias ? bias + i * cols : NULL, y0, y0 + (n - 1) * g->out_c);
        }
      }
    }
  }
  qcc_mve_finish_f32(&p->act, g->batch * g->out_h * g->out_w * g->out_c, y);
}

#endif
