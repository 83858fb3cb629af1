/* mve/depthwise3x3.h - depthwise convolution of int8 codes on Helium, kernel 3x3, stride 1: the
 * common case.  Scratch holds four input rows of up to 16 channels as a band,
 * [column][channel][row], so that a patch of 4 by 4 codes of one channel is four words, which give
 * two by two outputs: four dot products with one kernel, shifted by a row, a column or both.  The
 * taps of 16 channels are spread out behind 16 zeros, 16 bytes a channel, [kx][ky] four apart;
 * shifting is reading from an earlier byte.  Two rows stay in the band from one pair of output rows
 * to the next, so y may be x when no output row ends behind the input rows still to be read (the
 * table of kernels knows). */
#ifndef QCC_MVE_DEPTHWISE3X3_H
#define QCC_MVE_DEPTHWISE3X3_H

#include "mve/band.h"

/* Moves the band down by two rows: the last two become the first. */
QCC_KERNEL void qcc_mve_advance_band(const struct qcc_mve_source *s, const int8_t *a,
                                     int32_t a_step, const int8_t *b, int32_t b_step,
                                     int8_t *band) {
  int32_t cols = s->cols;
  __asm__ volatile("dls lr, %[cols]\n"
                   "vmrs %[cols], p0\n" /* compilers know no clobber of the predicate */
                   "vctp.8 %[n]\n"
                   "1: vld40.8 {q0, q1, q2, q3}, [%[band]]\n"
                   "vld41.8 {q0, q1, q2, q3}, [%[band]]\n"
                   "vld42.8 {q0, q1, q2, q3}, [%[band]]\n"
                   "vld43.8 {q0, q1, q2, q3}, [%[band]]\n"
                   "vmov q0, q2\n"
                   "vmov q1, q3\n"
                   "vpstt\n"
                   "vldrbt.u8 q2, [%[a]]\n"
                   "vldrbt.u8 q3, [%[b]]\n"
                   "add %[a], %[a], %[a_step]\n"
                   "add %[b], %[b], %[b_step]\n"
                   "vst40.8 {q0, q1, q2, q3}, [%[band]]\n"
                   "vst41.8 {q0, q1, q2, q3}, [%[band]]\n"
                   "vst42.8 {q0, q1, q2, q3}, [%[band]]\n"
                   "vst43.8 {q0, q1, q2, q3}, [%[band]]!\n"
                   "le lr, 1b\n"
                   "vmsr p0, %[cols]"
                   : [a] "+r"(a), [b] "+r"(b), [band] "+r"(band), [cols] "+r"(cols)
                   : [n] "r"(s->n), [a_step] "r"(a_step), [b_step] "r"(b_step)
                   : "lr", "q0", "q1", "q2", "q3", "memory");
}

/* One kernel at its four places in a patch. */
struct qcc_mve_kernel3x3 {
  int8x16_t w0, w1, w2, w3;
};

QCC_INLINE struct qcc_mve_kernel3x3 qcc_mve_load_kernel3x3(const int8_t *w) {
  struct qcc_mve_kernel3x3 k;
  k.w0 = vldrbq_s8(w);
  k.w1 = vldrbq_s8(w - 4);
  k.w2 = vldrbq_s8(w - 1);
  k.w3 = vldrbq_s8(w - 5);
  return k;
}

#define QCC_MVE_TWO_ROWS(PRODUCT)                                                                  \
  __asm__ volatile("dls lr, %[n]\n"                                                                \
                   "1: vldrw.u32 %q[acc], [%[x], %q[columns]]\n"                                   \
                   "vmladav.s8 %[a0], %q[acc], %q[w0]\n"                                           \
                   "vmladav.s8 %[a1], %q[acc], %q[w1]\n"                                           \
                   "vmladav.s8 %[a2], %q[acc], %q[w2]\n"                                           \
                   "vmladav.s8 %[a3], %q[acc], %q[w3]\n"                                           \
                   "vmov %q[acc][2], %q[acc][0], %[a0], %[a2]\n"                                   \
                   "vmov %q[acc][3], %q[acc][1], %[a1], %[a3]\n"                                   \
                   "adds %[x], %[x], #128\n"                                                       \
                   "vadd.i32 %q[acc], %q[acc], %[b]\n" PRODUCT                                     \
                   "vqrdmlash.s32 %q[acc], %q[factor], %[zero]\n"                                  \
                   "vqmovnb.s32 %q[acc], %q[acc]\n"                                                \
                   "vqmovnb.s16 %q[acc], %q[acc]\n"                                                \
                   "vstrb.32 %q[acc], [%[y], %q[places]]\n"                                        \
                   "add %[y], %[y], %[step]\n"                                                     \
                   "le lr, 1b"                                                                     \
                   : [acc] "=&w"(acc), [a0] "=&Te"(a0), [a1] "=&Te"(a1), [a2] "=&Te"(a2),          \
                     [a3] "=&Te"(a3), [x] "+r"(band), [y] "+r"(y)                                  \
                   : [n] "r"(tiles), [b] "r"(b), [zero] "r"(zero), [step] "r"(step), [m] "r"(m),   \
                     [w0] "w"(k->w0), [w1] "w"(k->w1), [w2] "w"(k->w2), [w3] "w"(k->w3),           \
                     [columns] "w"(columns), [places] "w"(places), [factor] "w"(factor)            \
                   : "lr", "cc", "memory")

/* One channel of two output rows, in the loop that matters: no pre-shift, no clamp but to int8.  m is for rule tflite,
 * of which factor is the second. */
QCC_INLINE void qcc_mve_depthwise3x3_fast_s8(const struct qcc_mve_kernel3x3 *k, int32_t zero,
                                             int32_t step, int32_t tiles, uint32x4_t columns,
                                             uint32x4_t places, const int8_t *band, int32_t b,
                                             int32_t tflite, int32_t m, int32x4_t factor,
                                             int8_t *y) {
  int32x4_t acc;
  int32_t a0, a1, a2, a3;
  if (tflite)
    QCC_MVE_TWO_ROWS("vqrdmulh.s32 %q[acc], %q[acc], %[m]\n");
  else
    QCC_MVE_TWO_ROWS("");
}

#undef QCC_MVE_TWO_ROWS

/* The same for any parameters; stores the outputs that `mask` selects. */
QCC_INLINE void qcc_mve_depthwise3x3_any_s8(const struct qcc_mve_kernel3x3 *k,
                                            const struct qcc_rescale *r, int32_t step,
                                            int32_t tiles, uint32_t mask, uint32x4_t columns,
                                            uint32x4_t places, const int8_t *band,
                                            const struct qcc_mve_constants *c,
                                            const int8_t *table, int8_t *y) {
  for (int32_t i = 0; i < tiles; i++, band += 2 * QCC_MVE_COLUMN, y += step) {
    int8x16_t x = qcc_mve_gather_patch(band, columns);
    int32x4_t acc = qcc_mve_lanes(vmladavq_s8(x, k->w0), vmladavq_s8(x, k->w1),
                                  vmladavq_s8(x, k->w2), vmladavq_s8(x, k->w3));
    acc = qcc_mve_channel_codes(r, table, acc, c);
    vstrbq_scatter_offset_p_s32(y, places, acc, (mve_pred16_t)mask);
  }
}

/* All channels of a band: two output rows, or only the first of them.  An odd last column is done
 * together with the one before it, once more. */
QCC_KERNEL void qcc_mve_depthwise3x3_rows_s8(const struct qcc_conv *p, int32_t channels,
                                             int32_t rows, const int8_t *band, const int8_t *w,
                                             const int32_t *b, const int32_t *m,
                                             const int8_t *table, int8_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t pixel = g->out_c, row = pixel * g->out_w, step = 2 * pixel, wide = g->out_w >= 2;
  int32_t tiles = wide ? g->out_w >> 1 : 1, odd = wide ? g->out_w & 1 : 0, last = g->out_w - 2;
  uint32_t mask = (rows == 2 ? 0xffffu : 0x00ffu) & (wide ? 0xffffu : 0x0f0fu);
  __asm__("" : "+r"(mask)); /* gcc 12 folds it to the wrong constant */
  uint32x4_t columns = vmulq_n_u32(vidupq_n_u32(0, 1), QCC_MVE_COLUMN);
  uint32x4_t places = vreinterpretq_u32_s32(qcc_mve_lanes(0, pixel, row, row + pixel));
  int32_t tflite = qcc_mve_is_tflite(&p->out);
  int32_t plain = p->out.shift == 0 && p->out.lo <= -128 && p->out.hi >= 127 && !table;
  qcc_mve_fence();
  if (plain && rows == 2 && wide) {
    for (int32_t i = 0; i < channels; i++, band += 4, w += 16, y++) {
      struct qcc_mve_kernel3x3 k = qcc_mve_load_kernel3x3(w);
      struct qcc_mve_constants c = qcc_mve_load_constants(&p->out, b + i, m + i);
      int32_t first = tflite ? c.m : step; /* one register less */
      int32x4_t factor = vdupq_n_s32(tflite ? c.second : c.m);
      qcc_mve_depthwise3x3_fast_s8(&k, p->out.zero, step, tiles, columns, places, band, c.b, tflite,
                                   first, factor, y);
      if (odd)
        qcc_mve_depthwise3x3_fast_s8(&k, p->out.zero, step, 1, columns, places,
                                     band + last * QCC_MVE_COLUMN, c.b, tflite, first, factor,
                                     y + last * pixel);
    }
  } else {
    for (int32_t i = 0; i < channels; i++, band += 4, w += 16, y++) {
      struct qcc_mve_kernel3x3 k = qcc_mve_load_kernel3x3(w);
      struct qcc_mve_constants c = qcc_mve_load_constants(&p->out, b + i, m + i);
      qcc_mve_depthwise3x3_any_s8(&k, &p->out, step, tiles, mask, columns, places, band, &c, table,
                                  y);
      if (odd)
        qcc_mve_depthwise3x3_any_s8(&k, &p->out, step, 1, mask, columns, places,
                                    band + last * QCC_MVE_COLUMN, &c, table, y + last * pixel);
    }
  }
  qcc_mve_fence();
}

QCC_INLINE void qcc_mve_depthwise3x3(int32_t bits, const struct qcc_conv *p, const int8_t *image,
                                     const void *w, const int32_t *b, const int32_t *m,
                                     const int8_t *table, void *scratch, int8_t *output) {
  const struct qcc_window *g = &p->g;
  int32_t cols = ((g->out_w + 1) & ~1) + 2, row = g->out_w * g->out_c;
  int32_t block = 16 * ((9 * bits + 7) >> 3); /* bytes of the weights of 16 channels */
  int8_t *taps = (int8_t *)scratch + 32, *band = taps + 16 * qcc_min(16, g->in_c);
  const uint8_t *from = w;
  qcc_mve_fill(scratch, p->x_zero, 16);
  qcc_mve_fill(taps - 16, 0, 16);
  qcc_mve_fill(band, p->x_zero, cols * QCC_MVE_COLUMN);
  for (int32_t c = 0; c < g->in_c; c += 16, from += block) {
    const int8_t *x = image;
    int8_t *y = output + c;
    qcc_mve_spread_taps(bits, g, qcc_min(16, g->in_c - c), from, taps);
    for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c, y += g->out_h * row) {
      struct qcc_mve_source s = qcc_mve_make_source(g, x, c, cols, scratch);
      for (int32_t oy = -2; oy < g->out_h; oy += 2) {
        int32_t iy = oy - g->pad_top + 2;
        const int8_t *r0 = qcc_mve_source_row(&s, iy), *r1 = qcc_mve_source_row(&s, iy + 1);
        qcc_mve_advance_band(&s, r0, qcc_mve_source_step(&s, iy), r1,
                             qcc_mve_source_step(&s, iy + 1), band + g->pad_left * QCC_MVE_COLUMN);
        if (oy >= 0)
          qcc_mve_depthwise3x3_rows_s8(p, s.n, qcc_min(2, g->out_h - oy), band, taps, b + c, m + c,
                                       table, y + oy * row);
      }
    }
  }
}

QCC_KERNEL void qcc_mve_depthwise3x3_s8(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                        const int32_t *b, const int32_t *m, const int8_t *table,
                                        void *scratch, int8_t *y) {
  qcc_mve_depthwise3x3(8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_mve_depthwise3x3_s4(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                        const int32_t *b, const int32_t *m, const int8_t *table,
                                        void *scratch, int8_t *y) {
  qcc_mve_depthwise3x3(4, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_mve_depthwise3x3_s2(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                        const int32_t *b, const int32_t *m, const int8_t *table,
                                        void *scratch, int8_t *y) {
  qcc_mve_depthwise3x3(2, p, x, w, b, m, table, scratch, y);
}

#endif
