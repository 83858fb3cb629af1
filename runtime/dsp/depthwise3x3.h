/* depthwise3x3.h - depthwise convolution 3x3 of int8 codes with int8, int4 or int2 weights,
 * strides 1 and 2.  Four channels at a time are turned into planes in scratch: rows of the padded
 * image two by two, one word (row 2i, row 2i + 1) per column, so that SMLAD multiplies two rows.
 * Two such pairs hold the window of one output row, and with stride 1 of two:
 *
 *   (r0 r1) (r2 r3)   output row 0 = SMLAD(r0 r1, w0 w1) + r2 * w2
 *                     output row 1 = r1 * w0 + SMLAD(r2 r3, w1 w2)
 *
 * The next step replaces the older pair.  Rows are widened before outputs overwrite them and
 * channels do not meet, so y may be x. */
#ifndef QCC_DSP_DEPTHWISE3X3_H
#define QCC_DSP_DEPTHWISE3X3_H

#include "conv_params.h"
#include "dsp/dsp.h"

enum { QCC_DSP_COLUMN = 8 }; /* words of a column: 4 channels of 2 pairs of rows */

/* The weights of a channel from the three words at s: per kernel column the halfwords (w0, w1) and
 * (w1, w2). */
#define QCC_DSP_TAPS                   \
  "ldrd %[u], %[v], [%[s]]\n\t"        \
  "ldr %[s], [%[s], #8]\n\t"           \
  "sxtb16 %[a0], %[u]\n\t"             \
  "sxtb16 %[b0], %[u], ror #8\n\t"     \
  "sxtb16 %[a1], %[v]\n\t"             \
  "sxtb16 %[b1], %[v], ror #8\n\t"     \
  "sxtb16 %[a2], %[s]\n\t"             \
  "sxtb16 %[b2], %[s], ror #8\n"

/* FIRST, SECOND: the older pair of rows and the newer one. BACK leads to the next output's
 * columns. */
#define QCC_DSP_TWO_ROWS(first, second, back)                                              \
  __asm__ volatile(QCC_DSP_TAPS "1:\n\t"                                                   \
                   "ldrd " first ", " second ", [%[x]], #32\n\t"                           \
                   "smuad %[s], %[u], %[a0]\n\t"                                           \
                   "smultb %[t], %[u], %[a0]\n\t"                                          \
                   "smlabt %[s], %[v], %[b0], %[s]\n\t"                                    \
                   "smlad %[t], %[v], %[b0], %[t]\n\t"                                     \
                   "ldrd " first ", " second ", [%[x]], #32\n\t"                           \
                   "smlad %[s], %[u], %[a1], %[s]\n\t"                                     \
                   "smlatb %[t], %[u], %[a1], %[t]\n\t"                                    \
                   "smlabt %[s], %[v], %[b1], %[s]\n\t"                                    \
                   "smlad %[t], %[v], %[b1], %[t]\n\t"                                     \
                   "ldrd " first ", " second ", [%[x]], #" back "\n\t"                     \
                   "smlad %[s], %[u], %[a2], %[s]\n\t"                                     \
                   "smlatb %[t], %[u], %[a2], %[t]\n\t"                                    \
                   "smlabt %[s], %[v], %[b2], %[s]\n\t"                                    \
                   "smlad %[t], %[v], %[b2], %[t]\n\t"                                     \
                   "strd %[s], %[t], [%[y]], #8\n\t"                                       \
                   "cmp %[y], %[end]\n\t"                                                  \
                   "bne 1b"                                                                \
                   : [x] "+r"(x), [y] "+r"(y), [s] "+r"(s), [t] "=r"(t), [u] "=r"(u),      \
                     [v] "=r"(v), [a0] "=r"(a0), [b0] "=r"(b0), [a1] "=r"(a1),             \
                     [b1] "=r"(b1), [a2] "=r"(a2), [b2] "=r"(b2)                           \
                   : [end] "r"(end)                                                        \
                   : "cc", "memory")

#define QCC_DSP_ONE_ROW(first, second, back)                                               \
  __asm__ volatile(QCC_DSP_TAPS "1:\n\t"                                                   \
                   "ldrd " first ", " second ", [%[x]], #32\n\t"                           \
                   "smuad %[s], %[u], %[a0]\n\t"                                           \
                   "smlabt %[s], %[v], %[b0], %[s]\n\t"                                    \
                   "ldrd " first ", " second ", [%[x]], #32\n\t"                           \
                   "smlad %[s], %[u], %[a1], %[s]\n\t"                                     \
                   "smlabt %[s], %[v], %[b1], %[s]\n\t"                                    \
                   "ldrd " first ", " second ", [%[x]], #" back "\n\t"                     \
                   "smlad %[s], %[u], %[a2], %[s]\n\t"                                     \
                   "smlabt %[s], %[v], %[b2], %[s]\n\t"                                    \
                   "str %[s], [%[y]], #8\n\t"                                              \
                   "cmp %[y], %[end]\n\t"                                                  \
                   "bne 1b"                                                                \
                   : [x] "+r"(x), [y] "+r"(y), [s] "+r"(s), [u] "=r"(u), [v] "=r"(v),      \
                     [a0] "=r"(a0), [b0] "=r"(b0), [a1] "=r"(a1), [b1] "=r"(b1),           \
                     [a2] "=r"(a2), [b2] "=r"(b2)                                          \
                   : [end] "r"(end)                                                        \
                   : "cc", "memory")

/* Sums of n output columns, for output rows 0 and 1: y[n][2].  w[3]: the channel's weights.  swap:
 * the older pair is the second. */
QCC_INLINE void qcc_dsp_sum_rows(int32_t stride_h, int32_t stride_w, int32_t swap, int32_t n,
                                 const uint32_t *w, const uint32_t *planes, int32_t *sums) {
  register uint32_t s __asm__("r0") = (uint32_t)(uintptr_t)w, t __asm__("r1"), u __asm__("r2"),
                      v __asm__("r3"), a0 __asm__("r4"), b0 __asm__("r5"), a1 __asm__("r6"),
                      b1 __asm__("r8"), a2 __asm__("r9"), b2 __asm__("r10");
  register const uint32_t *x __asm__("r11") = planes;
  register int32_t *y __asm__("r12") = sums, *end __asm__("lr") = sums + 2 * n;
  if (stride_h == 1 && stride_w == 1) {
    if (swap)
      QCC_DSP_TWO_ROWS("%[v]", "%[u]", "-32");
    else
      QCC_DSP_TWO_ROWS("%[u]", "%[v]", "-32");
  } else if (stride_h == 1) {
    if (swap)
      QCC_DSP_TWO_ROWS("%[v]", "%[u]", "0");
    else
      QCC_DSP_TWO_ROWS("%[u]", "%[v]", "0");
  } else if (stride_w == 1) {
    if (swap)
      QCC_DSP_ONE_ROW("%[v]", "%[u]", "-32");
    else
      QCC_DSP_ONE_ROW("%[u]", "%[v]", "-32");
  } else {
    if (swap)
      QCC_DSP_ONE_ROW("%[v]", "%[u]", "0");
    else
      QCC_DSP_ONE_ROW("%[u]", "%[v]", "0");
  }
}

#undef QCC_DSP_TWO_ROWS
#undef QCC_DSP_ONE_ROW
#undef QCC_DSP_TAPS

/* One column of n channels of two rows: v0 and v1 are four codes each. */
QCC_INLINE void qcc_dsp_pair_rows(uint32_t v0, uint32_t v1, uint32_t *out) {
  uint32_t e0 = qcc_dsp_even(v0), e1 = qcc_dsp_even(v1);
  uint32_t o0 = qcc_dsp_odd(v0), o1 = qcc_dsp_odd(v1);
  out[0] = qcc_dsp_low(e0, e1);
  out[2] = qcc_dsp_low(o0, o1);
  out[4] = qcc_dsp_high(e0, e1);
  out[6] = qcc_dsp_high(o0, o1);
}

/* The four channels at x of rows iy and iy + 1, those outside the image x_zero. */
QCC_INLINE void qcc_dsp_plane_rows(const struct qcc_conv *p, int32_t n, int32_t iy, const int8_t *x,
                                   uint32_t *out) {
  const struct qcc_window *g = &p->g;
  uint32_t zero = qcc_dsp_splat(p->x_zero) & 0x00ff00ff;
  int32_t row = g->in_w * g->in_c;
  int32_t has0 = iy >= 0 && iy < g->in_h, has1 = iy + 1 >= 0 && iy + 1 < g->in_h;
  int32_t step0 = has0 ? g->in_c : 0, step1 = has1 ? g->in_c : 0;
  int8_t outside[4];
  zero |= zero << 8;
  qcc_dsp_store(outside, zero);
  const int8_t *x0 = has0 ? x + iy * row : outside, *x1 = has1 ? x + iy * row + row : outside;
  if (n == 4)
    for (int32_t i = g->in_w; i > 0; i--, x0 += step0, x1 += step1, out += QCC_DSP_COLUMN)
      qcc_dsp_pair_rows(qcc_dsp_load(x0), qcc_dsp_load(x1), out);
  else
    for (int32_t i = g->in_w; i > 0; i--, x0 += step0, x1 += step1, out += QCC_DSP_COLUMN)
      qcc_dsp_pair_rows(qcc_dsp_load_tail(x0, n), qcc_dsp_load_tail(x1, n), out);
}

/* Turns sums[n][2] into codes of one channel of one output row or two. */
QCC_INLINE void qcc_dsp_finish_rows(const struct qcc_conv *p, int32_t rows, const int32_t *sums,
                                    const int32_t *k, const int8_t *table, int8_t *y) {
  struct qcc_rescale r = p->out;
  const int32_t *end = sums + 2 * p->g.out_w;
  struct qcc_dsp_factors f = qcc_dsp_load_factors(&r, k + 1);
  int32_t b = k[0], step = p->g.out_c;
  int8_t *y1 = y + p->g.out_w * step;
  __asm__("" : "+r"(r.zero), "+r"(y1), "+r"(end)); /* values to keep, not to compute anew */
  if (rows == 2)
    for (; sums != end; sums += 2, y += step, y1 += step) {
      int32_t s0 = sums[0], s1 = sums[1];
      *y = qcc_dsp_finish(&r, qcc_dsp_shift(&r, s0 + b, 0), f, table);
      *y1 = qcc_dsp_finish(&r, qcc_dsp_shift(&r, s1 + b, 0), f, table);
    }
  else
    for (; sums != end; sums += 2, y += step)
      *y = qcc_dsp_finish(&r, qcc_dsp_shift(&r, sums[0] + b, 0), f, table);
}

/* n channels (at most 4) of one image. */
QCC_INLINE void qcc_dsp_depthwise(const struct qcc_conv *p, int32_t n, const int8_t *x,
                                  const uint32_t *w, const int32_t *k, const int8_t *table,
                                  uint32_t *planes, int32_t *sums, int8_t *y) {
  const struct qcc_window *g = &p->g;
  uint32_t *left = planes + g->pad_left * QCC_DSP_COLUMN;
  int32_t many = g->stride_h == 1 ? 2 : 1, swap = 0, iy = -g->pad_top;
  qcc_dsp_plane_rows(p, n, iy, x, left);
  for (int32_t oy = 0; oy < g->out_h; oy += many, swap ^= 1) {
    int32_t rows = qcc_min(many, g->out_h - oy);
    iy += 2;
    qcc_dsp_plane_rows(p, n, iy, x, left + 1 - swap);
    for (int32_t j = 0; j < n; j++) {
      qcc_dsp_sum_rows(g->stride_h, g->stride_w, swap, g->out_w, w + 3 * j, planes + 2 * j, sums);
      qcc_dsp_finish_rows(p, rows, sums, k + qcc_dsp_words(&p->out) * j, table,
                          y + oy * g->out_w * g->out_c + j);
    }
  }
}

/* Code i of bits bits, as a byte. */
QCC_INLINE uint32_t qcc_dsp_tap(uint32_t v, int32_t bits, int32_t i) {
  return (uint32_t)((int32_t)(v << (32 - bits * (i + 1))) >> (32 - bits)) & 255;
}

/* Narrow weights, w0 w1 w2 per channel and kernel column in two bytes (int2: one), as words of
 * int8. */
QCC_INLINE void qcc_dsp_unpack_taps(int32_t bits, int32_t n, const uint8_t *w, uint32_t *taps) {
  for (int32_t i = 0; i < 3 * n; i++, w += bits >> 1) {
    uint32_t v = bits == 4 ? w[0] | (uint32_t)w[1] << 8 : w[0];
    uint32_t w1 = qcc_dsp_tap(v, bits, 1);
    taps[i] = qcc_dsp_tap(v, bits, 0) | w1 << 8 | w1 << 16 | qcc_dsp_tap(v, bits, 2) << 24;
  }
}

QCC_INLINE void qcc_dsp_depthwise3x3(const struct qcc_conv *p, int32_t bits, const int8_t *x,
                                     const uint32_t *w, const int32_t *k, const int8_t *table,
                                     uint32_t *planes, int8_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t reach = (g->out_w - 1) * g->stride_w + 3, wide = g->pad_left + g->in_w;
  int32_t columns = reach > wide ? reach : wide, words = qcc_dsp_words(&p->out);
  int32_t *sums = (int32_t *)(planes + QCC_DSP_COLUMN * columns);
  const uint8_t *bytes = (const uint8_t *)w;
  uint32_t zero = qcc_dsp_splat(p->x_zero), taps[12];
  for (int32_t i = 0; i < QCC_DSP_COLUMN * columns; i++)
    planes[i] = zero;
  for (int32_t i = 0; i < g->batch; i++) {
    for (int32_t c = 0; c < g->in_c; c += 4) {
      int32_t n = qcc_min(4, g->in_c - c);
      const uint32_t *at = bits == 8 ? w + 3 * c : taps;
      if (bits != 8)
        qcc_dsp_unpack_taps(bits, n, bytes + 3 * (bits >> 1) * c, taps);
      if (n == 4)
        qcc_dsp_depthwise(p, 4, x + c, at, k + words * c, table, planes, sums, y + c);
      else
        qcc_dsp_depthwise(p, n, x + c, at, k + words * c, table, planes, sums, y + c);
    }
    x += g->in_h * g->in_w * g->in_c;
    y += g->out_h * g->out_w * g->out_c;
  }
}

/* scratch: columns of the padded image (see QCC_DSP_COLUMN), then two sums per output column.
 * w[out_c][3] words: per kernel column the bytes w0 w1 w1 w2.  k[out_c]: bias and 2 m, or with rule tflite
 * bias, m and second factor. */
QCC_KERNEL void qcc_depthwise3x3_dsp_s8(const struct qcc_conv *p, const int8_t *x,
                                        const uint32_t *w, const int32_t *k, const int8_t *table,
                                        void *scratch, int8_t *y) {
  qcc_dsp_depthwise3x3(p, 8, x, w, k, table, scratch, y);
}

/* w[out_c][3] halfwords, int2 bytes, see qcc_dsp_unpack_taps. */
QCC_KERNEL void qcc_depthwise3x3_dsp_s4(const struct qcc_conv *p, const int8_t *x,
                                        const uint32_t *w, const int32_t *k, const int8_t *table,
                                        void *scratch, int8_t *y) {
  qcc_dsp_depthwise3x3(p, 4, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_depthwise3x3_dsp_s2(const struct qcc_conv *p, const int8_t *x,
                                        const uint32_t *w, const int32_t *k, const int8_t *table,
                                        void *scratch, int8_t *y) {
  qcc_dsp_depthwise3x3(p, 2, x, w, k, table, scratch, y);
}

#endif
