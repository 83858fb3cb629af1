/* mve/band_s8.h - what the depthwise kernels share.  A band is four input rows of 16 channels, laid
 * out [column][channel][row]: a column is 64 bytes, the four rows of one channel in it are a word.
 * Building it is one interleaving store a column; reading a patch is gathering words. */
#ifndef QCC_MVE_BAND_S8_H
#define QCC_MVE_BAND_S8_H

#include "conv_params.h"
#include "mve/vec.h"

enum { QCC_MVE_COLUMN = 64 };

/* Rows of an image from one channel on; those outside it are read from one vector of x_zero. */
struct qcc_mve_source {
  const int8_t *x, *border;
  int32_t in_h, pitch, pixel; /* bytes from row to row and pixel to pixel */
  int32_t cols;               /* pixels of a row that a band takes */
  int32_t n;                  /* channels, at most 16 */
};

QCC_INLINE struct qcc_mve_source qcc_mve_make_source(const struct qcc_window *g, const int8_t *x,
                                                     int32_t c, int32_t cols, const void *border) {
  struct qcc_mve_source s;
  s.x = x + c;
  s.border = border;
  s.in_h = g->in_h;
  s.pitch = g->in_w * g->in_c;
  s.pixel = g->in_c;
  s.cols = qcc_min(g->in_w, cols - g->pad_left);
  s.n = qcc_min(16, g->in_c - c);
  return s;
}

QCC_INLINE const int8_t *qcc_mve_source_row(const struct qcc_mve_source *s, int32_t iy) {
  return iy >= 0 && iy < s->in_h ? s->x + iy * s->pitch : s->border;
}

QCC_INLINE int32_t qcc_mve_source_step(const struct qcc_mve_source *s, int32_t iy) {
  return iy >= 0 && iy < s->in_h ? s->pixel : 0;
}

/* gcc believes that a scatter touches only what lies at its base and moves it past other loads and
 * stores; so a run of them stands between two of these. */
QCC_INLINE void qcc_mve_fence(void) {
  __asm__ volatile("" : : : "memory");
}

/* Four columns of one channel, at the offsets `columns`; in order with the stores of the band,
 * which are assembly too. */
QCC_INLINE int8x16_t qcc_mve_gather_patch(const int8_t *band, uint32x4_t columns) {
  int8x16_t v;
  __asm__ volatile("vldrw.u32 %q0, [%1, %q2]" : "=&w"(v) : "r"(band), "w"(columns));
  return v;
}

/* Rule q31 on four sums of one channel. */
QCC_INLINE int32x4_t qcc_mve_channel_codes(const struct qcc_rescale *r, const int8_t *table,
                                           int32x4_t acc, int32_t b, int32_t m) {
  acc = vaddq_n_s32(acc, b);
  if (r->shift != 0)
    acc = vshlq_r_s32(acc, r->shift);
  return qcc_mve_clamp(r, table, vaddq_n_s32(vqrdmulhq_n_s32(acc, m), r->zero));
}

#endif
