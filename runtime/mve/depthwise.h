/* mve/depthwise.h - depthwise convolution of int8 codes on Helium, any kernel, stride, dilation and
 * padding.  For each output row and up to 16 channels the input rows are laid out in scratch as
 * bands of four; four taps of four rows are then one gather of words and one dot product.  The taps
 * of these channels lie before the bands, spread out in that order.  y may be x when no output row
 * ends behind the first input row that is still to be read (the table of kernels knows). */
#ifndef QCC_MVE_DEPTHWISE_H
#define QCC_MVE_DEPTHWISE_H

#include "mve/band.h"

/* One column of a band: n channels of four rows.  In assembly because gcc 12 gets interleaving
 * stores wrong when registers are short. */
QCC_INLINE void qcc_mve_load_column(const int8_t *const x[4], int32_t n, int8_t *band) {
  int32_t saved;
  if (n >= 16)
    __asm__ volatile(
        "vldrb.8 q0, [%[x0]]\n"
        "vldrb.8 q1, [%[x1]]\n"
        "vldrb.8 q2, [%[x2]]\n"
        "vldrb.8 q3, [%[x3]]\n"
        "vst40.8 {q0, q1, q2, q3}, [%[band]]\n"
        "vst41.8 {q0, q1, q2, q3}, [%[band]]\n"
        "vst42.8 {q0, q1, q2, q3}, [%[band]]\n"
        "vst43.8 {q0, q1, q2, q3}, [%[band]]"
        :
        : [x0] "r"(x[0]), [x1] "r"(x[1]), [x2] "r"(x[2]), [x3] "r"(x[3]), [band] "r"(band)
        : "q0", "q1", "q2", "q3", "memory");
  else
    __asm__ volatile("vmrs %[saved], p0\n" /* compilers know no clobber of the predicate */
                     "vctp.8 %[n]\n"
                     "vpstttt\n"
                     "vldrbt.u8 q0, [%[x0]]\n"
                     "vldrbt.u8 q1, [%[x1]]\n"
                     "vldrbt.u8 q2, [%[x2]]\n"
                     "vldrbt.u8 q3, [%[x3]]\n"
                     "vst40.8 {q0, q1, q2, q3}, [%[band]]\n"
                     "vst41.8 {q0, q1, q2, q3}, [%[band]]\n"
                     "vst42.8 {q0, q1, q2, q3}, [%[band]]\n"
                     "vst43.8 {q0, q1, q2, q3}, [%[band]]\n"
                     "vmsr p0, %[saved]"
                     : [saved] "=&r"(saved)
                     : [x0] "r"(x[0]), [x1] "r"(x[1]), [x2] "r"(x[2]), [x3] "r"(x[3]),
                       [band] "r"(band), [n] "r"(n)
                     : "q0", "q1", "q2", "q3", "memory");
}

/* The bands of one output row whose window begins at input row iy. */
QCC_KERNEL void qcc_mve_load_bands(const struct qcc_window *g, const struct qcc_mve_source *s,
                                   int32_t iy, int32_t bands, int32_t pitch, int8_t *band) {
  for (int32_t k = 0; k < bands; k++, band += pitch) {
    const int8_t *x[4];
    int32_t step[4];
    for (int32_t i = 0; i < 4; i++, iy += g->dilation_h) {
      __asm__("" : "+r"(iy)); /* gcc 12 makes a vector of this, with a wrong constant mask */
      x[i] = qcc_mve_source_row(s, iy);
      step[i] = qcc_mve_source_step(s, iy);
    }
    int8_t *to = band;
    for (int32_t i = 0; i < s->cols; i++, to += QCC_MVE_COLUMN) {
      qcc_mve_load_column(x, s->n, to);
      for (int32_t j = 0; j < 4; j++)
        x[j] += step[j];
    }
  }
}

/* One output, a sum before its bias; x is the word of its first column. */
QCC_INLINE int32_t qcc_mve_depthwise_dot_s8(int32_t bands, int32_t pitch, int32_t quads,
                                            int32_t quad, uint32x4_t columns, const int8_t *x,
                                            const int8_t *w) {
  int32_t acc = 0;
  for (int32_t k = 0; k < bands; k++)
    for (int32_t i = 0; i < quads; i++, w += 16) {
      int8x16_t v = qcc_mve_gather_patch(x + k * pitch + i * quad, columns);
      acc = vmladavaq_s8(acc, v, vldrbq_s8(w));
    }
  return acc;
}

QCC_KERNEL void qcc_mve_depthwise_row_s8(const struct qcc_conv *p, int32_t bands, int32_t pitch,
                                         const int8_t *x, const int8_t *w, const int32_t *b,
                                         const int32_t *m, const int8_t *table, int8_t *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_mve_constants k = qcc_mve_load_constants(&p->out, b, m);
  int32_t quads = (g->kernel_w + 3) >> 2, column = g->dilation_w * QCC_MVE_COLUMN;
  int32_t next = g->stride_w * QCC_MVE_COLUMN;
  uint32x4_t columns = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)column);
  uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->out_c);
  qcc_mve_fence();
  for (int32_t n = g->out_w; n > 0; n -= 4, x += 4 * next, y += 4 * g->out_c) {
    int32_t a[4];
    for (int32_t i = 0; i < 4; i++)
      a[i] = qcc_mve_depthwise_dot_s8(bands, pitch, quads, 4 * column, columns, x + i * next, w);
    int32x4_t acc = qcc_mve_lanes(a[0], a[1], a[2], a[3]);
    acc = qcc_mve_channel_codes(&p->out, table, acc, &k);
    if (n >= 4)
      vstrbq_scatter_offset_s32(y, places, acc);
    else
      vstrbq_scatter_offset_p_s32(y, places, acc, vctp32q((uint32_t)n));
  }
  qcc_mve_fence();
}

QCC_INLINE void qcc_mve_depthwise(int32_t bits, const struct qcc_conv *p, const int8_t *image,
                                  const void *w, const int32_t *b, const int32_t *m,
                                  const int8_t *table, void *scratch, int8_t *output) {
  const struct qcc_window *g = &p->g;
  int32_t bands = (g->kernel_h + 3) >> 2, quads = (g->kernel_w + 3) >> 2;
  int32_t cols = (((g->out_w + 3) & ~3) - 1) * g->stride_w + (4 * quads - 1) * g->dilation_w + 1;
  int32_t pitch = cols * QCC_MVE_COLUMN, size = 16 * bands * quads;
  int32_t block = 16 * ((g->kernel_h * g->kernel_w * bits + 7) >> 3);
  int8_t *taps = (int8_t *)scratch + 16, *band = taps + size * qcc_min(16, g->in_c);
  const uint8_t *from = w;
  qcc_mve_fill(scratch, p->x_zero, 16);
  qcc_mve_fill(band, p->x_zero, bands * pitch);
  for (int32_t c = 0; c < g->in_c; c += 16, from += block) {
    const int8_t *x = image;
    int8_t *y = output + c;
    qcc_mve_spread_taps(bits, g, qcc_min(16, g->in_c - c), from, taps);
    for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c) {
      struct qcc_mve_source s = qcc_mve_make_source(g, x, c, cols, scratch);
      for (int32_t oy = 0; oy < g->out_h; oy++, y += g->out_w * g->out_c) {
        qcc_mve_load_bands(g, &s, oy * g->stride_h - g->pad_top, bands, pitch,
                           band + g->pad_left * QCC_MVE_COLUMN);
        for (int32_t i = 0; i < s.n; i++)
          qcc_mve_depthwise_row_s8(p, bands, pitch, band + 4 * i, taps + size * i, b + c + i,
                                   m + c + i, table, y + i);
      }
    }
  }
}

QCC_KERNEL void qcc_mve_depthwise_s8(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                     const int32_t *b, const int32_t *m, const int8_t *table,
                                     void *scratch, int8_t *y) {
  qcc_mve_depthwise(8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_mve_depthwise_s4(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                     const int32_t *b, const int32_t *m, const int8_t *table,
                                     void *scratch, int8_t *y) {
  qcc_mve_depthwise(4, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_mve_depthwise_s2(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                     const int32_t *b, const int32_t *m, const int8_t *table,
                                     void *scratch, int8_t *y) {
  qcc_mve_depthwise(2, p, x, w, b, m, table, scratch, y);
}

#endif
