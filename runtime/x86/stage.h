/* stage.h - copies an image into working memory with its border filled in: the convolutions that
 * read the copy need no test for the padding, and may write their output over the image.  Codes
 * become unsigned bytes (code + 128, what VPDPBUSD and VPMADDUBSW multiply) or int16. */
#ifndef QCC_X86_STAGE_H
#define QCC_X86_STAGE_H

#include <immintrin.h>

#include "x86/shared.h"

/* An image and its copy; the paddings below and to the right follow from h and w. */
struct qcc_stage {
  int32_t batch;
  int32_t in_h, in_w, in_c;
  int32_t h, w; /* of the copy */
  int32_t pad_top, pad_left;
  int32_t zero; /* the code that padding reads */
};

/* What the copy holds; the value is the size of an element. */
enum { QCC_STAGE_U8 = 1, QCC_STAGE_S16 = 2, QCC_STAGE_F32 = 4 };

QCC_INLINE void qcc_widen_codes(int64_t n, const int8_t *x, int16_t *s) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(x + i));
    _mm256_storeu_si256((__m256i *)(void *)(s + i), _mm256_cvtepi8_epi16(bytes));
  }
  for (; i < n; i++) s[i] = x[i];
}

QCC_INLINE void qcc_flip_codes(int64_t n, const int8_t *x, uint8_t *s) {
  const __m256i flip = _mm256_set1_epi8(-128);
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
    _mm256_storeu_si256((__m256i *)(void *)(s + i), _mm256_xor_si256(bytes, flip));
  }
  for (; i < n; i++) s[i] = (uint8_t)(x[i] + 128);
}

/* n elements. */
QCC_INLINE void qcc_stage_row(int32_t kind, int64_t n, const void *x, void *s) {
  if (kind == QCC_STAGE_U8) qcc_flip_codes(n, (const int8_t *)x, (uint8_t *)s);
  else if (kind == QCC_STAGE_S16) qcc_widen_codes(n, (const int8_t *)x, (int16_t *)s);
  else memcpy(s, x, (size_t)n * 4);
}

QCC_INLINE void qcc_stage_fill(int32_t kind, int64_t n, int32_t zero, void *s) {
  if (kind == QCC_STAGE_U8) memset(s, (zero + 128) & 255, (size_t)n);
  else if (kind == QCC_STAGE_F32) memset(s, 0, (size_t)n * 4);
  else
    for (int64_t i = 0; i < n; i++) ((int16_t *)s)[i] = (int16_t)zero;
}

QCC_INLINE void qcc_stage_image(int32_t kind, const struct qcc_stage *t, const void *from,
                                void *to) {
  const uint8_t *x = (const uint8_t *)from;
  uint8_t *s = (uint8_t *)to;
  int32_t row = t->w * t->in_c, left = t->pad_left * t->in_c, in = kind == QCC_STAGE_F32 ? 4 : 1;
  int32_t inside = qcc_min(t->in_w * t->in_c, row - left), line = t->in_w * t->in_c * in;
  for (int32_t n = 0; n < t->batch; n++, x += t->in_h * line)
    for (int32_t y = 0; y < t->h; y++, s += row * kind) {
      int32_t at = y - t->pad_top;
      if (at < 0 || at >= t->in_h || inside <= 0) {
        qcc_stage_fill(kind, row, t->zero, s);
        continue;
      }
      qcc_stage_fill(kind, left, t->zero, s);
      qcc_stage_row(kind, inside, x + at * line, s + left * kind);
      qcc_stage_fill(kind, row - left - inside, t->zero, s + (left + inside) * kind);
    }
}

QCC_SHARED void qcc_stage_u8(const struct qcc_stage *t, const void *x, void *s) {
  qcc_stage_image(QCC_STAGE_U8, t, x, s);
}
QCC_SHARED void qcc_stage_s16(const struct qcc_stage *t, const void *x, void *s) {
  qcc_stage_image(QCC_STAGE_S16, t, x, s);
}
QCC_SHARED void qcc_stage_f32(const struct qcc_stage *t, const void *x, void *s) {
  qcc_stage_image(QCC_STAGE_F32, t, x, s);
}

#endif
