/* mve/ring.h - the input rows that a kernel covers, in scratch, with a border around them, and the
 * patches of two output pixels, contiguous.  Elements are bytes; for floats in_c counts those. */
#ifndef QCC_MVE_RING_H
#define QCC_MVE_RING_H

#include "conv_params.h"
#include "mve/vec.h"

/* Rows of input, with borders; row iy is at (iy + pad_top) mod span. */
struct qcc_mve_ring {
  int8_t *rows;
  int32_t span;       /* rows that a kernel covers */
  int32_t pitch;      /* bytes of a row */
  int32_t left, wide; /* bytes of its border, and of the input behind it */
};

QCC_INLINE struct qcc_mve_ring qcc_mve_make_ring(const struct qcc_window *g, int8_t *rows) {
  struct qcc_mve_ring r;
  int32_t cols = (g->out_w - 1) * g->stride_w + (g->kernel_w - 1) * g->dilation_w + 1;
  r.rows = rows;
  r.span = (g->kernel_h - 1) * g->dilation_h + 1;
  r.pitch = cols * g->in_c;
  r.left = g->pad_left * g->in_c;
  r.wide = qcc_min(g->in_w, cols - g->pad_left) * g->in_c;
  return r;
}

/* Input rows first .. end - 1; those below the image are border. */
QCC_KERNEL void qcc_mve_load_rows(const struct qcc_window *g, const struct qcc_mve_ring *r,
                                  int32_t x_zero, int32_t first, int32_t end, const int8_t *x) {
  for (int32_t iy = first; iy < end; iy++) {
    int8_t *row = r->rows + (iy + g->pad_top) % r->span * r->pitch + r->left;
    if (iy < g->in_h)
      qcc_copy(row, x + iy * g->in_w * g->in_c, r->wide);
    else
      qcc_mve_fill(row, x_zero, r->wide);
  }
}

/* n bytes to each patch, in whole vectors: up to 15 too many. Only the pointers stay in registers.
 */
QCC_INLINE void qcc_mve_copy_two(int32_t n, const int8_t *x0, const int8_t *x1, int8_t **y0,
                                 int8_t **y1) {
  int8_t *to0 = *y0, *to1 = *y1;
  for (int32_t i = 0; i < n; i += 16)
    __asm__ volatile("vldrb.8 q0, [%[x0]], #16\n"
                     "vldrb.8 q1, [%[x1]], #16\n"
                     "vstrb.8 q0, [%[y0]], #16\n"
                     "vstrb.8 q1, [%[y1]], #16"
                     : [x0] "+r"(x0), [x1] "+r"(x1), [y0] "+r"(to0), [y1] "+r"(to1)
                     :
                     : "q0", "q1", "memory");
  *y0 = to0 - (qcc_mve_round16(n) - n);
  *y1 = to1 - (qcc_mve_round16(n) - n);
}

/* Patches of the pixels at `at` and `at + next` in the ring, of the first `channels` bytes there. */
QCC_KERNEL void qcc_mve_patches(const struct qcc_window *g, const struct qcc_mve_ring *r,
                                int32_t channels, const int8_t *at, int32_t next, int8_t *y0,
                                int8_t *y1) {
  int32_t dense = g->dilation_w == 1 && channels == g->in_c, runs = dense ? 1 : g->kernel_w;
  int32_t size = dense ? g->kernel_w * channels : channels;
  const int8_t *end = r->rows + r->span * r->pitch;
  for (int32_t ky = 0; ky < g->kernel_h; ky++) {
    const int8_t *x = at;
    for (int32_t k = 0; k < runs; k++, x += g->dilation_w * g->in_c)
      qcc_mve_copy_two(size, x, x + next, &y0, &y1);
    at += g->dilation_h * r->pitch;
    if (at >= end)
      at -= r->span * r->pitch;
  }
}

#endif
