/* mve/mul.h - product of two tensors of equal shapes in int8 codes on Helium, four codes a turn in
 * lanes of 32 bits.  y may be a or b. */
#ifndef QCC_MVE_MUL_H
#define QCC_MVE_MUL_H

#include "mul_s8.h"
#include "mve/vec.h"

QCC_KERNEL void qcc_mve_mul_s8(const struct qcc_mul *p, int32_t n, const int8_t *a, const int8_t *b,
                               int8_t *y) {
  for (int32_t i = 0; i < n; i += 4) {
    mve_pred16_t some = vctp32q((uint32_t)(n - i));
    int32x4_t v = vsubq_n_s32(vldrbq_z_s32(a + i, some), p->a_zero);
    v = vmulq_s32(v, vsubq_n_s32(vldrbq_z_s32(b + i, some), p->b_zero));
    vstrbq_p_s32(y + i, qcc_mve_codes(&p->out, NULL, v, vdupq_n_s32(p->m)), some);
  }
}

#endif
