/* depthwise.h - depthwise convolution of int8 codes with int8 weights.  Taps are taken four at a
 * time: unpacking their bytes twice puts the four taps of a channel side by side, as VPDPBUSD
 * wants them.  64 channels at a time, or, with stride 1 and a number of channels that divides
 * 64, several pixels of fewer channels.  The image is first copied into `scratch` with its
 * border, therefore y may be x. */
#ifndef QCC_AVX512_DEPTHWISE_H
#define QCC_AVX512_DEPTHWISE_H

#include "avx512/lanes.h"
#include "x86/stage.h"

struct qcc_avx512_depthwise {
  int32_t batch, out_h, out_w; /* out_w 1 and channels the whole line where pixels are joined */
  int32_t channels;
  int32_t image, line, pixel; /* bytes between images, output lines and output pixels in the copy */
  int32_t joined;             /* 1: every 64 channels have the same weights */
  int32_t quads;              /* of taps */
  struct qcc_rescale out;
};

/* The sums of 64 channels: acc[n] holds, of each quarter of sixteen, channels 4n to 4n + 3. */
QCC_INLINE void qcc_depthwise_sum_avx512(int32_t quads, const int32_t *tap, __mmask64 mask,
                                         const uint8_t *x, const int8_t *w, __m512i acc[4]) {
  for (int32_t q = 0; q < quads; q++, tap += 4, w += 256) {
    __m512i t0 = _mm512_maskz_loadu_epi8(mask, x + tap[0]),
            t1 = _mm512_maskz_loadu_epi8(mask, x + tap[1]);
    __m512i t2 = _mm512_maskz_loadu_epi8(mask, x + tap[2]),
            t3 = _mm512_maskz_loadu_epi8(mask, x + tap[3]);
    __m512i a = _mm512_unpacklo_epi8(t0, t1), b = _mm512_unpackhi_epi8(t0, t1);
    __m512i c = _mm512_unpacklo_epi8(t2, t3), d = _mm512_unpackhi_epi8(t2, t3);
    acc[0] = _mm512_dpbusd_epi32(acc[0], _mm512_unpacklo_epi16(a, c), _mm512_loadu_si512(w));
    acc[1] = _mm512_dpbusd_epi32(acc[1], _mm512_unpackhi_epi16(a, c), _mm512_loadu_si512(w + 64));
    acc[2] = _mm512_dpbusd_epi32(acc[2], _mm512_unpacklo_epi16(b, d), _mm512_loadu_si512(w + 128));
    acc[3] = _mm512_dpbusd_epi32(acc[3], _mm512_unpackhi_epi16(b, d), _mm512_loadu_si512(w + 192));
  }
}

QCC_INLINE void qcc_avx512_depthwise_pixel(const struct qcc_avx512_depthwise *p, const int32_t *tap,
                                           const uint8_t *x, const int8_t *w, const int32_t *b,
                                           const int32_t *m, const int8_t *table, int8_t *y) {
  for (int32_t c = 0; c < p->channels; c += 64) {
    int32_t n = qcc_min(64, p->channels - c);
    __mmask64 mask = ~UINT64_C(0) >> (64 - n);
    __m512i acc[4];
#pragma GCC unroll 4
    for (int32_t i = 0; i < 4; i++) acc[i] = _mm512_loadu_si512(b + i * 16);
    qcc_depthwise_sum_avx512(p->quads, tap, mask, x + c, w, acc);
#pragma GCC unroll 4
    for (int32_t i = 0; i < 4; i++)
      acc[i] = qcc_requantize_sums(&p->out, acc[i], m + i * 16);
    _mm512_mask_storeu_epi8(y + c, mask, qcc_pack4_avx512(&p->out, acc));
    if (!p->joined) {
      w += p->quads * 256;
      b += 64;
      m += 64;
    }
  }
  if (table) qcc_table_row(table, p->channels, y);
}

/* tap[4 * quads]: bytes from a window's first tap; taps beyond the kernel have weight 0. */
QCC_KERNEL void qcc_avx512_depthwise_s8(const struct qcc_avx512_depthwise *p,
                                        const struct qcc_stage *t, const int32_t *tap,
                                        const int8_t *x, const void *w, const int32_t *b,
                                        const int32_t *m, const int8_t *table, void *scratch,
                                        int8_t *y) {
  uint8_t *image = qcc_align64(scratch);
  qcc_stage_u8(t, x, image);
  for (int32_t n = 0; n < p->batch; n++, image += p->image)
    for (int32_t oy = 0; oy < p->out_h; oy++) {
      const uint8_t *s = image + oy * p->line;
      for (int32_t ox = 0; ox < p->out_w; ox++, s += p->pixel, y += p->channels)
        qcc_avx512_depthwise_pixel(p, tap, s, w, b, m, table, y);
    }
}

#endif
