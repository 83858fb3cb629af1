/* stage.h - copies an image of int8 codes into working memory as unsigned bytes (code + 128,
 * what VPDPBUSD multiplies), with its border filled in: the convolutions that read the copy need
 * no test for the padding, and may write their output over the image. */
#ifndef QCC_AVX512_STAGE_H
#define QCC_AVX512_STAGE_H

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

/* s[i] = x[i] + 128; the last store may reach 63 bytes beyond s[n]. */
QCC_INLINE void qcc_stage_bytes(int64_t n, const int8_t *x, uint8_t *s) {
  const __m512i flip = _mm512_set1_epi8(-128);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64)
    _mm512_storeu_si512(s + i, _mm512_xor_si512(_mm512_loadu_si512(x + i), flip));
  if (i < n) {
    __mmask64 rest = ~UINT64_C(0) >> (64 - (n - i));
    _mm512_mask_storeu_epi8(s + i, rest,
                            _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, x + i), flip));
  }
}

QCC_SHARED void qcc_stage_u8(const struct qcc_stage *t, const int8_t *x, uint8_t *s) {
  int32_t fill = (t->zero + 128) & 255, row = t->w * t->in_c, left = t->pad_left * t->in_c;
  int32_t inside = qcc_min(t->in_w * t->in_c, row - left);
  for (int32_t n = 0; n < t->batch; n++, x += t->in_h * t->in_w * t->in_c)
    for (int32_t y = 0; y < t->h; y++, s += row) {
      int32_t from = y - t->pad_top;
      if (from < 0 || from >= t->in_h || inside <= 0) {
        memset(s, fill, (size_t)row);
        continue;
      }
      memset(s, fill, (size_t)left);
      qcc_stage_bytes(inside, x + from * t->in_w * t->in_c, s + left);
      memset(s + left + inside, fill, (size_t)(row - left - inside));
    }
}

#endif
