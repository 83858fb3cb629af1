/* cast_f16.h - float16 from float32 and back; see real.h.  Narrowing may run in place. */
#ifndef QCC_CAST_F16_H
#define QCC_CAST_F16_H

#include "real.h"

QCC_KERNEL void qcc_narrow_f16(int32_t n, const float *x, uint16_t *y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_float_to_half(x[i]);
}

QCC_KERNEL void qcc_widen_f16(int32_t n, const uint16_t *QCC_RESTRICT x, float *QCC_RESTRICT y) {
  for (int32_t i = 0; i < n; i++)
    y[i] = qcc_half_to_float(x[i]);
}

#endif
