/* wasm/elements.h - sums and products of two tensors in int8 codes, sixteen at a time.  A sum is the
 * dot product of a pair of codes with the pair of factors.  y may be a or b where that one has y's
 * shape. */
#ifndef QCC_WASM_ELEMENTS_H
#define QCC_WASM_ELEMENTS_H

#include "add_s8.h"
#include "mul_s8.h"
#include "wasm/codes.h"
#include "rows_s8.h"

/* Four sums of pairs a, b that lie side by side. */
QCC_INLINE v128_t qcc_wasm_add_four(const struct qcc_add *p, v128_t pairs) {
  int16_t a = (int16_t)p->a_mul, b = (int16_t)p->b_mul;
  v128_t sum = wasm_i32x4_dot_i16x8(pairs, wasm_i16x8_make(a, b, a, b, a, b, a, b));
  return wasm_i32x4_shr(wasm_i32x4_add(sum, wasm_i32x4_splat(p->c)), (uint32_t)p->shift);
}

QCC_INLINE void qcc_wasm_add_sixteen(const void *params, const int8_t *a, const int8_t *b, int8_t *y) {
  const struct qcc_add *p = (const struct qcc_add *)params;
  struct qcc_rescale r = {0, 0, p->lo, p->hi, 0};
  v128_t u = wasm_v128_load(a), v = wasm_v128_load(b), sum[4];
  v128_t low = wasm_i8x16_shuffle(u, v, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  v128_t high = wasm_i8x16_shuffle(u, v, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  sum[0] = qcc_wasm_add_four(p, wasm_i16x8_extend_low_i8x16(low));
  sum[1] = qcc_wasm_add_four(p, wasm_i16x8_extend_high_i8x16(low));
  sum[2] = qcc_wasm_add_four(p, wasm_i16x8_extend_low_i8x16(high));
  sum[3] = qcc_wasm_add_four(p, wasm_i16x8_extend_high_i8x16(high));
  wasm_v128_store(y, qcc_wasm_codes(&r, sum));
}

QCC_INLINE void qcc_wasm_mul_sixteen(const void *params, const int8_t *a, const int8_t *b, int8_t *y) {
  const struct qcc_mul *p = (const struct qcc_mul *)params;
  v128_t a_zero = wasm_i16x8_splat((int16_t)p->a_zero), b_zero = wasm_i16x8_splat((int16_t)p->b_zero);
  v128_t twice = wasm_i32x4_splat(2 * p->m), sum[4];
  for (int32_t half = 0; half < 2; half++) {
    v128_t u = wasm_i16x8_sub(wasm_i16x8_load8x8(a + 8 * half), a_zero);
    v128_t v = wasm_i16x8_sub(wasm_i16x8_load8x8(b + 8 * half), b_zero);
    sum[2 * half] = qcc_wasm_scale(&p->out, wasm_i32x4_extmul_low_i16x8(u, v), twice);
    sum[2 * half + 1] = qcc_wasm_scale(&p->out, wasm_i32x4_extmul_high_i16x8(u, v), twice);
  }
  wasm_v128_store(y, qcc_wasm_codes(&p->out, sum));
}

QCC_BY_SIXTEEN(add, wasm)
QCC_BY_SIXTEEN(mul, wasm)

#endif
