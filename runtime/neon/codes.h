/* neon/codes.h - what the NEON kernels share: rule q31 on four sums, sixteen sums to codes, loads
 * and stores of fewer than a vector, and a table of 256 codes looked up sixteen at a time.
 *
 * SQRDMULH is the rounded upper half of 2 * a * m: exactly the rule, as m < 2^30 never saturates.
 * Codes leave through saturating narrowing; what it cuts off lies outside lo..hi anyway. */
#ifndef QCC_NEON_CODES_H
#define QCC_NEON_CODES_H

#include <arm_neon.h>

#include "common.h"

/* v[0] .. v[n - 1], further lanes 0. */
QCC_INLINE int32x4_t qcc_neon_some_s32(const int32_t *v, int32_t n) {
  int32_t part[4] = {0, 0, 0, 0};
  if (n >= 4)
    return vld1q_s32(v);
  if (n > 0)
    memcpy(part, v, (size_t)n * 4);
  return vld1q_s32(part);
}

QCC_INLINE int8x16_t qcc_neon_some_s8(const int8_t *v, int32_t n) {
  int8_t part[16];
  if (n >= 16)
    return vld1q_s8(v);
  memset(part, 0, sizeof part);
  memcpy(part, v, (size_t)n);
  return vld1q_s8(part);
}

/* Rule q31 without zero point and clamp. */
QCC_INLINE int32x4_t qcc_neon_scale(const struct qcc_rescale *r, int32x4_t acc, int32x4_t m) {
  if (r->shift != 0)
    acc = vshlq_s32(acc, vdupq_n_s32(r->shift));
  return vqrdmulhq_s32(acc, m);
}

/* Zero point, clamp and narrowing of 16 scaled sums. */
QCC_INLINE int8x16_t qcc_neon_codes(const struct qcc_rescale *r, int32x4_t a, int32x4_t b,
                                    int32x4_t c, int32x4_t d) {
  int16x8_t zero = vdupq_n_s16((int16_t)r->zero);
  int16x8_t lo = vqmovn_high_s32(vqmovn_s32(a), b), hi = vqmovn_high_s32(vqmovn_s32(c), d);
  int8x16_t v = vqmovn_high_s16(vqmovn_s16(vqaddq_s16(lo, zero)), vqaddq_s16(hi, zero));
  if (r->lo > -128)
    v = vmaxq_s8(v, vdupq_n_s8((int8_t)r->lo));
  if (r->hi < 127)
    v = vminq_s8(v, vdupq_n_s8((int8_t)r->hi));
  return v;
}

/* Codes 0 .. n - 1 of a vector to y. */
QCC_INLINE void qcc_neon_store(int8_t *y, int8x16_t v, int32_t n) {
  int8_t part[16];
  if (n >= 16) {
    vst1q_s8(y, v);
  } else if (n == 8) {
    vst1_s8(y, vget_low_s8(v));
  } else if (n == 4) {
    int32_t four = vgetq_lane_s32(vreinterpretq_s32_s8(v), 0);
    memcpy(y, &four, 4);
  } else {
    vst1q_s8(part, v);
    memcpy(y, part, (size_t)n);
  }
}

/* y[i] = table[x[i] ^ flip] of codes as bytes: 128 where they are signed; y may be x. */
QCC_INLINE void qcc_neon_lookup_bytes(uint8_t flip, int32_t n, const int8_t *table, const int8_t *x,
                                      int8_t *y) {
  int8x16x4_t t0 = vld1q_s8_x4(table), t1 = vld1q_s8_x4(table + 64);
  int8x16x4_t t2 = vld1q_s8_x4(table + 128), t3 = vld1q_s8_x4(table + 192);
  uint8x16_t flips = vdupq_n_u8(flip), quarter = vdupq_n_u8(64);
  for (int32_t i = 0; i < n; i += 16) {
    int32_t some = qcc_min(n - i, 16);
    uint8x16_t at = veorq_u8(vreinterpretq_u8_s8(qcc_neon_some_s8(x + i, some)), flips);
    int8x16_t v = vqtbl4q_s8(t0, at);
    at = vsubq_u8(at, quarter);
    v = vqtbx4q_s8(v, t1, at);
    at = vsubq_u8(at, quarter);
    v = vqtbx4q_s8(v, t2, at);
    at = vsubq_u8(at, quarter);
    qcc_neon_store(y + i, vqtbx4q_s8(v, t3, at), some);
  }
}

/* Of int8 codes. */
QCC_INLINE void qcc_neon_lookup(int32_t n, const int8_t *table, const int8_t *x, int8_t *y) {
  qcc_neon_lookup_bytes(128, n, table, x, y);
}

#endif
