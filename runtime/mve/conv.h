/* mve/conv.h - convolution of int8 codes on Helium, one group: any kernel, stride, dilation and
 * padding.  Scratch holds a ring of the input rows that the kernel covers, padded with x_zero, and
 * the patches of two output pixels, gathered from it, 16 bytes apart; then it is a pointwise
 * convolution.  A row of the input is read once, so y may be x, or begin where x begins, when no
 * output row ends behind the first input row that is still to be read (the table of kernels knows).
 * Weights as in mve/dot.h, an output channel flattened to [kernel_h][kernel_w][in_c]. */
#ifndef QCC_MVE_CONV_H
#define QCC_MVE_CONV_H

#include "conv_params.h"
#include "mve/tile.h"

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
      qcc_mve_copy(row, x + iy * g->in_w * g->in_c, r->wide);
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

/* Patches of the pixels at `at` and `at + next` in the ring. */
QCC_KERNEL void qcc_mve_patches(const struct qcc_window *g, const struct qcc_mve_ring *r,
                                const int8_t *at, int32_t next, int8_t *y0, int8_t *y1) {
  int32_t dense = g->dilation_w == 1, runs = dense ? 1 : g->kernel_w;
  int32_t size = dense ? g->kernel_w * g->in_c : g->in_c;
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

QCC_INLINE void qcc_mve_conv(int32_t bits, const struct qcc_conv *p, const int8_t *x, const void *w,
                             const int32_t *b, const int32_t *m, const int8_t *table, void *scratch,
                             int8_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t padded = qcc_mve_round16(g->kernel_h * g->kernel_w * g->in_c);
  int32_t second = padded + 16, step = g->stride_w * g->in_c;
  int8_t *patch = scratch;
  struct qcc_mve_ring r = qcc_mve_make_ring(g, patch + 2 * second);
  struct qcc_mve_tile t;
  qcc_mve_set_tile(&t, &p->out, g->out_c, b, patch, patch + second);
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c) {
    qcc_mve_fill(r.rows, p->x_zero, r.span * r.pitch);
    for (int32_t oy = 0, next = 0; oy < g->out_h; oy++) {
      int32_t iy = oy * g->stride_h - g->pad_top, end = iy + r.span;
      qcc_mve_load_rows(g, &r, p->x_zero, iy > next ? iy : next, end, x);
      next = end > next ? end : next;
      const int8_t *at = r.rows + (oy * g->stride_h) % r.span * r.pitch;
      for (int32_t ox = 0, n; ox < g->out_w; ox += n, at += 2 * step, y += n * g->out_c) {
        n = g->out_w - ox >= 2 ? 2 : 1;
        qcc_mve_patches(g, &r, at, (n - 1) * step, patch, patch + second);
        qcc_mve_tile(bits, &p->out, padded >> 4, g->out_c, &t, w, b, m, table, y,
                     y + (n - 1) * g->out_c);
      }
    }
  }
}

QCC_KERNEL void qcc_mve_conv_s8(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_mve_conv(8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_mve_conv_s4(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_mve_conv(4, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_mve_conv_s2(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_mve_conv(2, p, x, w, b, m, table, scratch, y);
}

#endif
