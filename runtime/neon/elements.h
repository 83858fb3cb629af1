/* neon/elements.h - sums and products of two tensors in int8 codes, and tables of 256 codes, sixteen
 * at a time.  y may be a or b where that one has y's shape. */
#ifndef QCC_NEON_ELEMENTS_H
#define QCC_NEON_ELEMENTS_H

#include "add_s8.h"
#include "mul_s8.h"
#include "neon/codes.h"
#include "rows_s8.h"

/* Four sums. */
QCC_INLINE int32x4_t qcc_neon_add_four(const struct qcc_add *p, int16x4_t a, int16x4_t b) {
  int32x4_t sum = vmlal_n_s16(vdupq_n_s32(p->c), a, (int16_t)p->a_mul);
  return vshlq_s32(vmlal_n_s16(sum, b, (int16_t)p->b_mul), vdupq_n_s32(-p->shift));
}

QCC_INLINE void qcc_neon_add_sixteen(const void *params, const int8_t *a, const int8_t *b, int8_t *y) {
  const struct qcc_add *p = (const struct qcc_add *)params;
  struct qcc_rescale r = {0, 0, p->lo, p->hi, 0};
  int8x16_t u = vld1q_s8(a), v = vld1q_s8(b);
  int16x8_t u0 = vmovl_s8(vget_low_s8(u)), u1 = vmovl_high_s8(u);
  int16x8_t v0 = vmovl_s8(vget_low_s8(v)), v1 = vmovl_high_s8(v);
  vst1q_s8(y, qcc_neon_codes(&r, qcc_neon_add_four(p, vget_low_s16(u0), vget_low_s16(v0)),
                             qcc_neon_add_four(p, vget_high_s16(u0), vget_high_s16(v0)),
                             qcc_neon_add_four(p, vget_low_s16(u1), vget_low_s16(v1)),
                             qcc_neon_add_four(p, vget_high_s16(u1), vget_high_s16(v1))));
}

QCC_INLINE void qcc_neon_mul_sixteen(const void *params, const int8_t *a, const int8_t *b, int8_t *y) {
  const struct qcc_mul *p = (const struct qcc_mul *)params;
  int8x16_t u = vld1q_s8(a), v = vld1q_s8(b);
  int8x16_t a_zero = vdupq_n_s8((int8_t)p->a_zero), b_zero = vdupq_n_s8((int8_t)p->b_zero);
  int16x8_t u0 = vsubl_s8(vget_low_s8(u), vget_low_s8(a_zero)), u1 = vsubl_high_s8(u, a_zero);
  int16x8_t v0 = vsubl_s8(vget_low_s8(v), vget_low_s8(b_zero)), v1 = vsubl_high_s8(v, b_zero);
  int32x4_t m = vdupq_n_s32(p->m);
  vst1q_s8(y, qcc_neon_codes(&p->out,
                             qcc_neon_scale(&p->out, vmull_s16(vget_low_s16(u0), vget_low_s16(v0)), m),
                             qcc_neon_scale(&p->out, vmull_high_s16(u0, v0), m),
                             qcc_neon_scale(&p->out, vmull_s16(vget_low_s16(u1), vget_low_s16(v1)), m),
                             qcc_neon_scale(&p->out, vmull_high_s16(u1, v1), m)));
}

QCC_BY_SIXTEEN(add, neon)
QCC_BY_SIXTEEN(mul, neon)

QCC_KERNEL void qcc_lookup_neon_s8(int32_t n, const int8_t *table, const int8_t *x, int8_t *y) {
  qcc_neon_lookup(n, table, x, y);
}

QCC_KERNEL void qcc_lookup_neon_u8(int32_t n, const int8_t *table, const uint8_t *x, int8_t *y) {
  qcc_neon_lookup_bytes(0, n, table, (const int8_t *)x, y);
}

#endif
