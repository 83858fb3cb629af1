/* mve/band.h - what the depthwise kernels share.  A band is four input rows of 16 channels, laid
 * out [column][channel][row]: a column is 64 bytes, the four rows of one channel in it are a word.
 * Building it is one interleaving store a column; reading a patch is gathering words.  The taps of
 * 16 channels are spread out in scratch in the same order, whatever their number of bits. */
#ifndef QCC_MVE_BAND_H
#define QCC_MVE_BAND_H

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

/* The taps of n channels, w[channels][kernel_w][kernel_h] in 8, 4 or 2 bits, each channel from a
 * whole byte on, as taps[channels][kernel_h / 4][kernel_w / 4][4 kx][4 ky], zeros between. A kernel
 * has at most 255 taps. */
QCC_INLINE void qcc_mve_spread_taps(int32_t bits, const struct qcc_window *g, int32_t n,
                                    const uint8_t *w, int8_t *taps) {
  int32_t bands = (g->kernel_h + 3) >> 2, quads = (g->kernel_w + 3) >> 2;
  int32_t bytes = (g->kernel_h * g->kernel_w * bits + 7) >> 3, size = 16 * bands * quads;
  uint8x16_t lane = vidupq_n_u8(0, 1), ky = vandq_u8(lane, vdupq_n_u8(3));
  for (int32_t k = 0; k < bands; k++, ky = vaddq_n_u8(ky, 4)) {
    uint8x16_t kx = vshrq_n_u8(lane, 2);
    for (int32_t i = 0; i < quads; i++, kx = vaddq_n_u8(kx, 4)) {
      mve_pred16_t inside = vcmphiq_u8(vdupq_n_u8((uint8_t)g->kernel_h), ky);
      inside = vcmphiq_m_u8(vdupq_n_u8((uint8_t)g->kernel_w), kx, inside);
      uint8x16_t tap = vmlaq_n_u8(ky, kx, (uint8_t)g->kernel_h), place = tap;
      int8x16_t up = vdupq_n_s8(0), keep = vpselq_s8(vdupq_n_s8(-1), up, inside);
      if (bits == 4) {
        place = vshrq_n_u8(tap, 1);
        up = vreinterpretq_s8_u8(vshlq_n_u8(vbicq_u8(vdupq_n_u8(1), tap), 2));
      } else if (bits == 2) {
        place = vshrq_n_u8(tap, 2);
        up = vreinterpretq_s8_u8(vshlq_n_u8(vbicq_u8(vdupq_n_u8(3), tap), 1));
      }
      place = vandq_u8(place, vreinterpretq_u8_s8(keep));
      int8_t *to = taps + 16 * (k * quads + i);
      const int8_t *from = (const int8_t *)w;
      for (int32_t c = 0; c < n; c++, from += bytes, to += size) {
        int8x16_t v = vldrbq_gather_offset_s8(from, place);
        if (bits < 8)
          v = vshlq_r_s8(vshlq_s8(v, up), bits - 8);
        vstrbq_s8(to, vandq_s8(v, keep));
      }
    }
  }
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

/* What belongs to one channel: bias, m, and of rule tflite the second factor, r->exponents behind m. */
struct qcc_mve_constants {
  int32_t b, m, second;
};

QCC_INLINE struct qcc_mve_constants qcc_mve_load_constants(const struct qcc_rescale *r,
                                                           const int32_t *b, const int32_t *m) {
  struct qcc_mve_constants k = {b[0], m[0], 0};
  if (qcc_mve_is_tflite(r))
    k.second = m[r->exponents];
  return k;
}

/* The layer's rule on four sums of one channel. */
QCC_INLINE int32x4_t qcc_mve_channel_codes(const struct qcc_rescale *r, const int8_t *table,
                                           int32x4_t acc, const struct qcc_mve_constants *k) {
  acc = vaddq_n_s32(acc, k->b);
  if (r->shift != 0)
    acc = vshlq_r_s32(acc, r->shift);
  acc = vqrdmulhq_n_s32(acc, k->m);
  if (qcc_mve_is_tflite(r))
    acc = vqrdmulhq_n_s32(acc, k->second);
  return qcc_mve_clamp(r, table, vaddq_n_s32(acc, r->zero));
}

#endif
