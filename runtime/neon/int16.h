/* neon/int16.h - layers of int16 codes with int8 weights by SMLAL, a code of a pixel times eight
 * channels. */
#ifndef QCC_NEON_INT16_H
#define QCC_NEON_INT16_H

#include "neon/codes.h"
#include "pairs_s16.h"

/* s[0], s[1] += eight weights times one code of the pair, number `lane`. */
#define QCC_NEON_LANE(s, w, pair, lane)                               \
  do {                                                                \
    s[0] = vmlal_lane_s16(s[0], vget_low_s16(w), pair, lane);         \
    s[1] = vmlal_high_lane_s16(s[1], w, pair, lane);                  \
  } while (0)

QCC_INLINE void qcc_neon_rows_s16(int32_t rows, int32_t pairs, const int16_t *x, int32_t x_step,
                                  const int8_t *w, int32_t acc[4][8]) {
  int32x4_t s[4][2];
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++) {
    s[r][0] = vld1q_s32(acc[r]);
    s[r][1] = vld1q_s32(acc[r] + 4);
  }
  for (int32_t k = 0; k < pairs; k++, x += 2, w += 16) {
    int8x8x2_t v = vld2_s8(w);
    int16x8_t first = vmovl_s8(v.val[0]), second = vmovl_s8(v.val[1]);
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++) {
      int32_t both;
      memcpy(&both, x + r * x_step, sizeof both);
      int16x4_t pair = vreinterpret_s16_s32(vdup_n_s32(both));
      QCC_NEON_LANE(s[r], first, pair, 0);
      QCC_NEON_LANE(s[r], second, pair, 1);
    }
  }
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++) {
    vst1q_s32(acc[r], s[r][0]);
    vst1q_s32(acc[r] + 4, s[r][1]);
  }
}

#undef QCC_NEON_LANE

QCC_INLINE void qcc_neon_taps_s16(int32_t taps, const int16_t *v, int32_t v_step, const int8_t *w,
                                  int32_t w_step, int32_t acc[8]) {
  int32x4_t s0 = vld1q_s32(acc), s1 = vld1q_s32(acc + 4);
  for (; taps > 0; taps--, v += v_step, w += w_step) {
    int16x8_t x = vld1q_s16(v), eight = vmovl_s8(vld1_s8(w));
    s0 = vmlal_s16(s0, vget_low_s16(x), vget_low_s16(eight));
    s1 = vmlal_high_s16(s1, x, eight);
  }
  vst1q_s32(acc, s0);
  vst1q_s32(acc + 4, s1);
}

QCC_INLINE void qcc_neon_codes_s16(const struct qcc_rescale *r, const int32_t acc[8],
                                   const int32_t m[8], int16_t y[8]) {
  int32x4_t s0 = qcc_neon_scale(r, vld1q_s32(acc), vld1q_s32(m));
  int32x4_t s1 = qcc_neon_scale(r, vld1q_s32(acc + 4), vld1q_s32(m + 4));
  int16x8_t codes = vqmovn_high_s32(vqmovn_s32(s0), s1);
  codes = vmaxq_s16(codes, vdupq_n_s16((int16_t)r->lo));
  vst1q_s16(y, vminq_s16(codes, vdupq_n_s16((int16_t)r->hi)));
}

QCC_PAIRS_S16(neon)

#endif
