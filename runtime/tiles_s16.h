/* tiles_s16.h - convolutions and matrix products of int16 codes, whose zero point is 0, by tiles
 * of two pixels and two output channels, which an instruction set computes.  Windows of
 * convolutions are gathered into scratch[2][depth], depth padded with zeros to a multiple of 4.
 * Ungrouped; y must not overlap x. */
#ifndef QCC_TILES_S16_H
#define QCC_TILES_S16_H

#include "conv_params.h"

/* acc[2 * r + j] += the product of x0 (r = 0) or, if `two`, x1 with the weights w of channel j. */
typedef void qcc_tile_s16(int32_t two, int32_t depth, const int16_t *x0, const int16_t *x1,
                          const int8_t *w, int32_t acc[4]);

/* All output channels of one pixel, or of two that are x_step elements apart; `row` weights from
 * one channel to the next. */
QCC_INLINE void qcc_tile_pixels_s16(qcc_tile_s16 *tile, int32_t two, const struct qcc_rescale *out,
                                    int32_t depth, int32_t row, int32_t cols, const int16_t *x,
                                    int32_t x_step, const int8_t *w, const int32_t *b,
                                    const int32_t *m, int16_t *y) {
  for (int32_t o = 0; o < cols; o += 2, w += 2 * row) {
    int32_t last = o + 1 < cols ? o + 1 : o, acc[4]; /* of an odd channel, which comes twice */
    acc[0] = acc[2] = b[o];
    acc[1] = acc[3] = b[last];
    tile(two, depth, x, x + x_step, w, acc);
    for (int32_t r = 0; r <= two; r++) {
      y[r * cols + last] = (int16_t)qcc_requantize(out, acc[2 * r + 1], m[last]);
      y[r * cols + o] = (int16_t)qcc_requantize(out, acc[2 * r], m[o]);
    }
  }
}

/* n codes in words, never by a call: small C libraries copy byte by byte.  Words are counted by
 * themselves: where n counts down to what is left, gcc 12 with -Os for Cortex-M55 takes it for 1. */
QCC_INLINE int16_t *qcc_copy_s16(const int16_t *x, int32_t n, int16_t *y) {
  for (int32_t words = n / 2; words > 0; words--, x += 2, y += 2) {
    uint32_t v;
    memcpy(&v, x, 4);
    __asm__("" : "+r"(v));
    memcpy(y, &v, 4);
  }
  if (n % 2)
    *y++ = *x;
  return y;
}

QCC_INLINE int16_t *qcc_clear_s16(int32_t n, int16_t *y) {
  for (; n > 0; n--) {
    int16_t v = 0;
    __asm__("" : "+r"(v));
    *y++ = v;
  }
  return y;
}

/* The window of one pixel. */
QCC_INLINE void qcc_gather_s16(const struct qcc_conv *p, int32_t oy, int32_t ox, int32_t depth,
                               const int16_t *x, int16_t *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_runs r = qcc_find_runs(g, 1, oy, ox);
  int32_t row = g->kernel_w * g->in_c, left = r.taps.kx0 * g->in_c, used = r.runs * r.len;
  int16_t *end = y + depth;
  const int16_t *from = x + r.x_first;
  y = qcc_clear_s16(r.taps.ky0 * row, y);
  for (int32_t ky = 0; ky < r.rows; ky++, from += r.x_row) {
    y = qcc_clear_s16(left, y);
    for (int32_t k = 0; k < r.runs; k++)
      y = qcc_copy_s16(from + k * r.x_run, r.len, y);
    y = qcc_clear_s16(row - left - used, y);
  }
  qcc_clear_s16((int32_t)(end - y), y);
}

QCC_INLINE void qcc_tiles_conv_s16(qcc_tile_s16 *tile, const struct qcc_conv *p, int32_t row,
                                   const int16_t *x, const int8_t *w, const int32_t *b,
                                   const int32_t *m, int16_t *scratch, int16_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t depth = (g->kernel_h * g->kernel_w * g->in_c + 3) & ~3;
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c) {
    int32_t odd = 0;
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, odd ^= 1) {
        qcc_gather_s16(p, oy, ox, depth, x, scratch + (odd ? depth : 0));
        if (odd) {
          qcc_tile_pixels_s16(tile, 1, &p->out, depth, row, g->out_c, scratch, depth, w, b, m, y);
          y += 2 * g->out_c;
        }
      }
    if (odd) {
      qcc_tile_pixels_s16(tile, 0, &p->out, depth, row, g->out_c, scratch, 0, w, b, m, y);
      y += g->out_c;
    }
  }
}

QCC_INLINE void qcc_tiles_gemm_s16(qcc_tile_s16 *tile, const struct qcc_gemm *p, int32_t row,
                                   const int16_t *x, const int8_t *w, const int32_t *b,
                                   const int32_t *m, int16_t *y) {
  int32_t i = 0, depth = p->depth;
  for (; i + 2 <= p->rows; i += 2, x += 2 * depth, y += 2 * p->cols)
    qcc_tile_pixels_s16(tile, 1, &p->out, depth, row, p->cols, x, depth, w, b, m, y);
  if (i < p->rows)
    qcc_tile_pixels_s16(tile, 0, &p->out, depth, row, p->cols, x, 0, w, b, m, y);
}

#endif
