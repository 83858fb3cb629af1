/* dsp/add.h - sum of two tensors in int8 codes, four elements a turn.  A halfword of a beside one of
 * b, widened, is a pair (a, b): SMLAD with both factors is the sum of an element.  y may be a or b
 * where that one has y's shape. */
#ifndef QCC_DSP_ADD_H
#define QCC_DSP_ADD_H

#include "add_s8.h"
#include "dsp/dsp.h"
#include "rows_s8.h"

/* The code of a pair.  Shift and saturation are one instruction where they are known; gcc does not
 * find it. */
QCC_INLINE int8_t qcc_dsp_sum(const struct qcc_add *p, uint32_t pair, uint32_t factors) {
  int32_t sum = qcc_dsp_smlad(pair, factors, p->c), code;
  if (__builtin_constant_p(p->shift) && p->shift > 0 && p->lo == -128 && p->hi == 127)
    __asm__("ssat %0, #8, %1, asr %2" : "=r"(code) : "r"(sum), "i"(p->shift));
  else
    code = qcc_clamp(sum >> p->shift, p->lo, p->hi);
  return (int8_t)code;
}

QCC_KERNEL void qcc_add_row_dsp(const void *params, int32_t n, const int8_t *a, int32_t a_step,
                                const int8_t *b, int32_t b_step, int8_t *y) {
  const struct qcc_add *p = (const struct qcc_add *)params;
  uint32_t factors = ((uint32_t)p->a_mul & 0xffff) | (uint32_t)p->b_mul << 16;
  for (; n >= 4; n -= 4, a += 4 * a_step, b += 4 * b_step, y += 4) {
    uint32_t u = qcc_dsp_load(a), v = qcc_dsp_load(b);
    uint32_t low = qcc_dsp_low(u, v), high = qcc_dsp_high(u, v);
    y[0] = qcc_dsp_sum(p, qcc_dsp_even(low), factors);
    y[1] = qcc_dsp_sum(p, qcc_dsp_odd(low), factors);
    y[2] = qcc_dsp_sum(p, qcc_dsp_even(high), factors);
    y[3] = qcc_dsp_sum(p, qcc_dsp_odd(high), factors);
  }
  for (; n > 0; n--, a += a_step, b += b_step)
    *y++ = (int8_t)qcc_add_one(p, *a, *b);
}

QCC_BY_ROWS(add, qcc_add_row_dsp, qcc_add_dsp_s8, qcc_add_broadcast_dsp_s8)

#endif
