/* wasm/int16.h - layers of int16 codes with int8 weights by i32x4.dot_i16x8_s: the pairs of four
 * channels times a pair of codes in every lane. */
#ifndef QCC_WASM_INT16_H
#define QCC_WASM_INT16_H

#include "pairs_s16.h"
#include "wasm/codes.h"

QCC_INLINE void qcc_wasm_rows_s16(int32_t rows, int32_t pairs, const int16_t *x, int32_t x_step,
                                  const int8_t *w, int32_t acc[4][8]) {
  v128_t s[4][2];
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++) {
    s[r][0] = wasm_v128_load(acc[r]);
    s[r][1] = wasm_v128_load(acc[r] + 4);
  }
  for (int32_t k = 0; k < pairs; k++, x += 2, w += 16) {
    v128_t low = wasm_i16x8_load8x8(w), high = wasm_i16x8_load8x8(w + 8);
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++) {
      v128_t pair = wasm_v128_load32_splat(x + r * x_step);
      s[r][0] = wasm_i32x4_add(s[r][0], wasm_i32x4_dot_i16x8(low, pair));
      s[r][1] = wasm_i32x4_add(s[r][1], wasm_i32x4_dot_i16x8(high, pair));
    }
  }
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++) {
    wasm_v128_store(acc[r], s[r][0]);
    wasm_v128_store(acc[r] + 4, s[r][1]);
  }
}

QCC_INLINE void qcc_wasm_taps_s16(int32_t taps, const int16_t *v, int32_t v_step, const int8_t *w,
                                  int32_t w_step, int32_t acc[8]) {
  v128_t s0 = wasm_v128_load(acc), s1 = wasm_v128_load(acc + 4);
  for (; taps > 0; taps--, v += v_step, w += w_step) {
    v128_t x = wasm_v128_load(v), eight = wasm_i16x8_load8x8(w);
    s0 = wasm_i32x4_add(s0, wasm_i32x4_extmul_low_i16x8(x, eight));
    s1 = wasm_i32x4_add(s1, wasm_i32x4_extmul_high_i16x8(x, eight));
  }
  wasm_v128_store(acc, s0);
  wasm_v128_store(acc + 4, s1);
}

QCC_INLINE void qcc_wasm_codes_s16(const struct qcc_rescale *r, const int32_t acc[8],
                                   const int32_t m[8], int16_t y[8]) {
  v128_t m0 = wasm_v128_load(m), m1 = wasm_v128_load(m + 4);
  v128_t s0 = qcc_wasm_scale(r, wasm_v128_load(acc), wasm_i32x4_add(m0, m0));
  v128_t s1 = qcc_wasm_scale(r, wasm_v128_load(acc + 4), wasm_i32x4_add(m1, m1));
  v128_t codes = wasm_i16x8_narrow_i32x4(s0, s1);
  codes = wasm_i16x8_max(codes, wasm_i16x8_splat((int16_t)r->lo));
  wasm_v128_store(y, wasm_i16x8_min(codes, wasm_i16x8_splat((int16_t)r->hi)));
}

QCC_PAIRS_S16(wasm)

#endif
