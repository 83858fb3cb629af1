/* wasm/codes.h - what the kernels for simd128 share: rule q31 on four sums, and a tile of sums to
 * codes in memory.  sum[r * wide + v] holds channels 4 * v .. 4 * v + 3 of pixel r; b and m of a
 * layer are those of the tile's first channel.
 *
 * Of the 64-bit products with 2 * m the upper halves are taken, one shuffle for two vectors of
 * them.  Codes leave through saturating narrowing; what it cuts off lies outside lo..hi anyway. */
#ifndef QCC_WASM_CODES_H
#define QCC_WASM_CODES_H

#include <wasm_simd128.h>

#include "line_layers.h"
#include "lookup_s8.h"

/* v[0] .. v[n - 1], further lanes 0. */
QCC_INLINE v128_t qcc_wasm_some(const int32_t *v, int32_t n) {
  int32_t part[4] = {0, 0, 0, 0};
  if (n >= 4)
    return wasm_v128_load(v);
  if (n > 0)
    memcpy(part, v, (size_t)n * 4);
  return wasm_v128_load(part);
}

/* Rule q31 without zero point and clamp; twice is 2 * m. */
QCC_INLINE v128_t qcc_wasm_scale(const struct qcc_rescale *r, v128_t acc, v128_t twice) {
  v128_t half = wasm_i64x2_const(INT64_C(0x80000000), INT64_C(0x80000000));
  v128_t low, high;
  if (r->shift > 0)
    acc = wasm_i32x4_shl(acc, (uint32_t)r->shift);
  else if (r->shift < 0)
    acc = wasm_i32x4_shr(acc, (uint32_t)-r->shift);
  low = wasm_i64x2_add(wasm_i64x2_extmul_low_i32x4(acc, twice), half);
  high = wasm_i64x2_add(wasm_i64x2_extmul_high_i32x4(acc, twice), half);
  return wasm_i32x4_shuffle(low, high, 1, 3, 5, 7);
}

/* Zero point, clamp and narrowing of 16 scaled sums. */
QCC_INLINE v128_t qcc_wasm_codes(const struct qcc_rescale *r, const v128_t *v) {
  v128_t zero = wasm_i16x8_splat((int16_t)r->zero);
  v128_t low = wasm_i16x8_add_sat(wasm_i16x8_narrow_i32x4(v[0], v[1]), zero);
  v128_t high = wasm_i16x8_add_sat(wasm_i16x8_narrow_i32x4(v[2], v[3]), zero);
  v128_t codes = wasm_i8x16_narrow_i16x8(low, high);
  if (r->lo > -128)
    codes = wasm_i8x16_max(codes, wasm_i8x16_splat((int8_t)r->lo));
  if (r->hi < 127)
    codes = wasm_i8x16_min(codes, wasm_i8x16_splat((int8_t)r->hi));
  return codes;
}

/* Codes 0 .. n - 1 of a vector to y. */
QCC_INLINE void qcc_wasm_store(int8_t *y, v128_t codes, int32_t n) {
  int8_t part[16];
  if (n >= 16) {
    wasm_v128_store(y, codes);
  } else if (n == 8) {
    wasm_v128_store64_lane(y, codes, 0);
  } else if (n == 4) {
    wasm_v128_store32_lane(y, codes, 0);
  } else {
    wasm_v128_store(part, codes);
    memcpy(y, part, (size_t)n);
  }
}

/* Constants of the tile's channels, of which there are `some`. */
struct qcc_wasm_channels {
  v128_t b[4], twice[4];
};

QCC_INLINE void qcc_wasm_begin(int32_t wide, const struct qcc_line_layer *o, int32_t c,
                               int32_t some, struct qcc_wasm_channels *v) {
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++) {
    v->b[k] = o->b ? qcc_wasm_some(o->b + c + 4 * k, some - 4 * k) : wasm_i32x4_const_splat(0);
    v->twice[k] = wasm_i32x4_shl(qcc_wasm_some(o->m + c + 4 * k, some - 4 * k), 1);
  }
}

/* Stores n pixels of `some` channels (at most 4 * wide); rows and wide are constants. */
QCC_INLINE void qcc_wasm_finish(int32_t rows, int32_t wide, const struct qcc_line_layer *o,
                                const struct qcc_wasm_channels *channels, int32_t n, int32_t some,
                                const v128_t *sum, int8_t *y) {
  int32_t per = 4 / wide; /* pixels in a vector of codes */
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r += per) {
    v128_t codes, v[4];
#pragma GCC unroll 4
    for (int32_t k = 0; k < 4; k++)
      v[k] = r * wide + k < rows * wide
                 ? qcc_wasm_scale(o->r, sum[r * wide + k], channels->twice[k % wide])
                 : wasm_i32x4_const_splat(0);
    codes = qcc_wasm_codes(o->r, v);
#pragma GCC unroll 4
    for (int32_t k = 0; k < per; k++) {
      if (r + k < n && r + k < rows)
        qcc_wasm_store(y + (r + k) * o->cols, codes, some);
      codes = wide == 1 ? wasm_i32x4_shuffle(codes, codes, 1, 2, 3, 0)
                        : wasm_i32x4_shuffle(codes, codes, 2, 3, 0, 1);
    }
  }
}

#endif
