/* dsp/add_tflite.h - TAdd of two tensors in int8 codes (docs/numerics.md, rule tflite).  With twice the number
 * SMMULR is the rounded upper half of its doubled product; what a right shift drops is rounded by adding
 * half of it, or half less 1 to a negative number: SMMLAR adds that on the way.  y may be a or b where that
 * one has y's shape. */
#ifndef QCC_DSP_ADD_TFLITE_H
#define QCC_DSP_ADD_TFLITE_H

#include "binary_tflite.h"
#include "dsp/dsp.h"
#include "rows_s8.h"

/* (more << right) + `half` of a number times f, where it is given twice, shifted left by `right` as yet. */
QCC_INLINE int32_t qcc_dsp_large_product(const struct qcc_factor *f, int32_t twice, int32_t more) {
  int32_t right = -f->exponent, v, c = more * (1 << right);
  if (right > 0)
    c += (1 << (right - 1)) + (twice >> 31);
  __asm__("smmlar %0, %1, %2, %3" : "=r"(v) : "r"(twice), "r"(f->m), "r"(c));
  return v;
}

/* A code less its zero point, with 20 bits more, times f.  A half is that exactly. */
QCC_INLINE int32_t qcc_dsp_scaled_code(const struct qcc_factor *f, int32_t code) {
  if (f->exponent == 0 && f->m == 1 << 30)
    return code * (1 << 19);
  return qcc_dsp_large_product(f, code * (1 << 21), 0) >> -f->exponent;
}

QCC_INLINE int32_t qcc_dsp_tflite_sum(const struct qcc_tflite_add *p, int32_t a, int32_t b) {
  int32_t u = qcc_dsp_scaled_code(&p->a, a - p->a_zero);
  int32_t v = qcc_dsp_scaled_code(&p->b, b - p->b_zero), code;
  int32_t sum = qcc_dsp_large_product(&p->y, 2 * (u + p->sign * v), p->y_zero);
  if (__builtin_constant_p(p->y.exponent) && p->y.exponent < 0 && p->lo == -128 && p->hi == 127) {
    __asm__("ssat %0, #8, %1, asr %2" : "=r"(code) : "r"(sum), "i"(-p->y.exponent));
    return code;
  }
  return qcc_clamp(sum >> -p->y.exponent, p->lo, p->hi);
}

QCC_KERNEL void qcc_tflite_add_row_dsp(const void *params, int32_t n, const int8_t *a,
                                       int32_t a_step, const int8_t *b, int32_t b_step, int8_t *y) {
  const struct qcc_tflite_add *p = (const struct qcc_tflite_add *)params;
  for (; n > 0; n--, a += a_step, b += b_step)
    *y++ = (int8_t)qcc_dsp_tflite_sum(p, *a, *b);
}

QCC_BY_ROWS(tflite_add, qcc_tflite_add_row_dsp, qcc_tflite_add_dsp_s8,
            qcc_tflite_add_broadcast_dsp_s8)

#endif
