/* dsp/mul.h - product of two tensors in int8 codes, four elements a turn: SXTAB16 widens two codes
 * and takes their zero point away.  y may be a or b where that one has y's shape. */
#ifndef QCC_DSP_MUL_H
#define QCC_DSP_MUL_H

#include "dsp/dsp.h"
#include "mul_s8.h"
#include "rows_s8.h"

QCC_INLINE int8_t qcc_dsp_product(const struct qcc_mul *p, int32_t acc) {
  return (int8_t)qcc_dsp_code(&p->out, qcc_dsp_shift(&p->out, acc, 0), 2 * p->m);
}

QCC_KERNEL void qcc_mul_row_dsp(const void *params, int32_t n, const int8_t *a, int32_t a_step,
                                const int8_t *b, int32_t b_step, int8_t *y) {
  const struct qcc_mul *p = (const struct qcc_mul *)params;
  uint32_t a_zero = qcc_dsp_splat(-p->a_zero), b_zero = qcc_dsp_splat(-p->b_zero);
  for (; n >= 4; n -= 4, a += 4 * a_step, b += 4 * b_step, y += 4) {
    uint32_t u = qcc_dsp_load(a), v = qcc_dsp_load(b);
    uint32_t a_even = qcc_dsp_add_even(a_zero, u), a_odd = qcc_dsp_add_odd(a_zero, u);
    uint32_t b_even = qcc_dsp_add_even(b_zero, v), b_odd = qcc_dsp_add_odd(b_zero, v);
    y[0] = qcc_dsp_product(p, (int16_t)a_even * (int16_t)b_even);
    y[1] = qcc_dsp_product(p, (int16_t)a_odd * (int16_t)b_odd);
    y[2] = qcc_dsp_product(p, ((int32_t)a_even >> 16) * ((int32_t)b_even >> 16));
    y[3] = qcc_dsp_product(p, ((int32_t)a_odd >> 16) * ((int32_t)b_odd >> 16));
  }
  for (; n > 0; n--, a += a_step, b += b_step)
    *y++ = (int8_t)qcc_mul_one(p, *a, *b);
}

QCC_BY_ROWS(mul, qcc_mul_row_dsp, qcc_mul_dsp_s8, qcc_mul_broadcast_dsp_s8)

#endif
