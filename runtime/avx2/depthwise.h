/* depthwise.h - depthwise convolution of int8 codes with int8 weights, two taps at a time:
 * unpacking puts the two taps of a channel side by side, as VPMADDWD wants them.  16 channels at
 * a time, or, with stride 1 and 8 channels, two pixels.  The image is first copied into
 * `scratch` as int16 with its border, therefore y may be x. */
#ifndef QCC_AVX2_DEPTHWISE_H
#define QCC_AVX2_DEPTHWISE_H

#include "avx2/lanes.h"
#include "x86/stage.h"

struct qcc_avx2_depthwise {
  int32_t batch, out_h, out_w; /* out_w 1 and channels the whole line where pixels are joined */
  int32_t channels;
  int32_t image, line,
      pixel;      /* elements between images, output lines and output pixels in the copy */
  int32_t joined; /* 1: every 16 channels have the same weights */
  int32_t pairs;  /* of taps */
  struct qcc_rescale out;
};

QCC_INLINE void qcc_avx2_depthwise_pixel(const struct qcc_avx2_depthwise *p, const int32_t *tap,
                                         const int16_t *x, const int8_t *w, const int32_t *b,
                                         const int32_t *m, const int8_t *table, int8_t *y) {
  for (int32_t c = 0; c < p->channels; c += 16) {
    __m256i acc[2];
    acc[0] = qcc_load_sums(b);
    acc[1] = qcc_load_sums(b + 8);
    const int8_t *wt = w;
    for (int32_t k = 0; k < p->pairs; k++, wt += 32) {
      __m256i first = qcc_load_sums(x + c + tap[2 * k]),
              second = qcc_load_sums(x + c + tap[2 * k + 1]);
      __m256i w0 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)wt));
      __m256i w1 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(wt + 16)));
      acc[0] =
          _mm256_add_epi32(acc[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(first, second), w0));
      acc[1] =
          _mm256_add_epi32(acc[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(first, second), w1));
    }
    acc[0] = qcc_requantize_sums(&p->out, acc[0], m);
    acc[1] = qcc_requantize_sums(&p->out, acc[1], m + 8);
    qcc_store_codes(&p->out, 2, acc, table, p->channels - c, y + c);
    if (!p->joined) {
      w += p->pairs * 32;
      b += 16;
      m += 16;
    }
  }
}

/* tap[2 * pairs]: elements from a window's first tap; taps beyond the kernel have weight 0. */
QCC_KERNEL void qcc_avx2_depthwise_s8(const struct qcc_avx2_depthwise *p, const struct qcc_stage *t,
                                      const int32_t *tap, const int8_t *x, const void *w,
                                      const int32_t *b, const int32_t *m, const int8_t *table,
                                      void *scratch, int8_t *y) {
  int16_t *image = qcc_align64(scratch);
  qcc_stage_s16(t, x, image);
  for (int32_t n = 0; n < p->batch; n++, image += p->image)
    for (int32_t oy = 0; oy < p->out_h; oy++) {
      const int16_t *s = image + oy * p->line;
      for (int32_t ox = 0; ox < p->out_w; ox++, s += p->pixel, y += p->channels)
        qcc_avx2_depthwise_pixel(p, tap, s, w, b, m, table, y);
    }
}

#endif
