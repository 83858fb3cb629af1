/* stage.h - copies an image of int8 codes into working memory as int16, with its border filled
 * in: the convolutions that read the copy need no test for the padding, and may write their
 * output over the image. */
#ifndef QCC_AVX2_STAGE_H
#define QCC_AVX2_STAGE_H

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

QCC_INLINE void qcc_stage_row(int64_t n, const int8_t *x, int16_t *s) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(x + i));
    _mm256_storeu_si256((__m256i *)(void *)(s + i), _mm256_cvtepi8_epi16(bytes));
  }
  for (; i < n; i++) s[i] = x[i];
}

QCC_INLINE void qcc_stage_fill(int64_t n, int32_t code, int16_t *s) {
  for (int64_t i = 0; i < n; i++) s[i] = (int16_t)code;
}

QCC_SHARED void qcc_stage_s16(const struct qcc_stage *t, const int8_t *x, int16_t *s) {
  int32_t row = t->w * t->in_c, left = t->pad_left * t->in_c;
  int32_t inside = qcc_min(t->in_w * t->in_c, row - left);
  for (int32_t n = 0; n < t->batch; n++, x += t->in_h * t->in_w * t->in_c)
    for (int32_t y = 0; y < t->h; y++, s += row) {
      int32_t from = y - t->pad_top;
      if (from < 0 || from >= t->in_h || inside <= 0) {
        qcc_stage_fill(row, t->zero, s);
        continue;
      }
      qcc_stage_fill(left, t->zero, s);
      qcc_stage_row(inside, x + from * t->in_w * t->in_c, s + left);
      qcc_stage_fill(row - left - inside, t->zero, s + left + inside);
    }
}

#endif
