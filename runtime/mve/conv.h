/* mve/conv.h - convolution of int8 codes on Helium: any kernel, stride, dilation, padding and group
 * of several channels.  Scratch holds a ring of the input rows that the kernel covers, padded with x_zero, and
 * the patches of two output pixels, gathered from it, 16 bytes apart; then it is a pointwise
 * convolution.  A row of the input is read once, so y may be x, or begin where x begins, when no
 * output row ends behind the first input row that is still to be read (the table of kernels knows).
 * Weights as in mve/dot.h, group by group, an output channel flattened to
 * [kernel_h][kernel_w][in_c / group]. */
#ifndef QCC_MVE_CONV_H
#define QCC_MVE_CONV_H

#include "mve/groups.h"
#include "mve/ring.h"
#include "mve/tile.h"

/* v: runs of weights with multiples, or NULL; then there is one group. */
QCC_INLINE void qcc_mve_conv(int32_t kind, const struct qcc_conv *p, const struct qcc_mve_groups *v,
                             const int8_t *x, const int8_t *w, const int8_t *levels,
                             const int32_t *b, const int32_t *m, const int8_t *table,
                             void *scratch, int8_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t channels = g->in_c / p->group, cols = g->out_c / p->group;
  int32_t padded = qcc_mve_round16(g->kernel_h * g->kernel_w * channels);
  int32_t second = padded + 16, step = g->stride_w * g->in_c;
  int32_t factors = qcc_mve_is_tflite(&p->out) ? 2 * ((cols + 3) & ~3) : cols; /* words of a group */
  int8_t *patch = scratch;
  struct qcc_mve_ring r = qcc_mve_make_ring(g, patch + 2 * second);
  struct qcc_mve_tile t;
  qcc_mve_set_tile(&t, &p->out, cols, levels, b, patch, patch + second);
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c) {
    qcc_mve_fill(r.rows, p->x_zero, r.span * r.pitch);
    for (int32_t oy = 0, next = 0; oy < g->out_h; oy++) {
      int32_t iy = oy * g->stride_h - g->pad_top, end = iy + r.span;
      qcc_mve_load_rows(g, &r, p->x_zero, iy > next ? iy : next, end, x);
      next = end > next ? end : next;
      const int8_t *at = r.rows + (oy * g->stride_h) % r.span * r.pitch;
      for (int32_t ox = 0, n; ox < g->out_w; ox += n, at += 2 * step, y += n * g->out_c) {
        n = g->out_w - ox >= 2 ? 2 : 1;
        for (int32_t i = 0, c = 0; i < p->group; i++, c += cols) {
          int8_t *y0 = y + c, *y1 = y0 + (n - 1) * g->out_c;
          qcc_mve_patches(g, &r, channels, at + i * channels, (n - 1) * step, patch,
                          patch + second);
          if (p->group > 1)
            qcc_mve_set_tile(&t, &p->out, cols, levels, b + c, patch, patch + second);
          if (v)
            qcc_mve_groups_tile(kind, &p->out, v, QCC_MVE_PAIR, padded >> 4, cols, patch,
                                patch + second, w, b, m, table, y0, y1);
          else
            qcc_mve_tile(kind, &p->out, padded >> 4, cols, &t, w + i * p->w_next, b + c,
                         m + i * factors, table, y0, y1);
        }
      }
    }
  }
}

#define QCC_MVE_CONV(name, kind, parameter, levels)                                                \
  QCC_KERNEL void qcc_mve_conv_##name(const struct qcc_conv *p, const int8_t *x, const void *w,    \
                                      parameter const int32_t *b, const int32_t *m,                \
                                      const int8_t *table, void *scratch, int8_t *y) {             \
    qcc_mve_conv(kind, p, NULL, x, w, levels, b, m, table, scratch, y);                            \
  }
/* int4: 16 bytes of scratch more for each run of weights, in front. */
#define QCC_MVE_CONV_GROUPED(name, kind, parameter, levels)                                        \
  QCC_KERNEL void qcc_mve_conv_grouped_##name(                                                     \
      const struct qcc_conv *p, const struct qcc_groups *q, const int8_t *x, const void *w,        \
      parameter const uint8_t *multiple, const int32_t *b, const int32_t *m, const int8_t *table,  \
      void *scratch, int8_t *y) {                                                                  \
    struct qcc_mve_groups v = {q, multiple, NULL, levels};                                         \
    int8_t *rest = qcc_mve_begin_groups(kind, &v, scratch);                                        \
    qcc_mve_conv(kind, p, &v, x, w, NULL, b, m, table, rest, y);                                   \
  }
QCC_MVE_CONV(s8, 8, , NULL)
QCC_MVE_CONV(s4, 4, , NULL)
QCC_MVE_CONV(s2, 2, , NULL)
QCC_MVE_CONV(l8, QCC_LEVELS_8, QCC_WITH_LEVELS, levels)
QCC_MVE_CONV_GROUPED(s8, 8, , NULL)
QCC_MVE_CONV_GROUPED(s4, 4, , NULL)
QCC_MVE_CONV_GROUPED(l8, QCC_LEVELS_8, QCC_WITH_LEVELS, levels)
#undef QCC_MVE_CONV
#undef QCC_MVE_CONV_GROUPED

#endif
