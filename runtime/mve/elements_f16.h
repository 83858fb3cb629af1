/* mve/elements_f16.h - elements of float16 on Helium: sum, difference and product of two tensors of
 * one shape with a clamp behind it, each rounded once; float16 from float32 and back, and from
 * codes.  y may be a or b; narrowing may run in place. */
#ifndef QCC_MVE_ELEMENTS_F16_H
#define QCC_MVE_ELEMENTS_F16_H

#include "binary_f32.h"
#include "mve/half.h"
#include "quantize.h"

QCC_INLINE void qcc_mve_binary_f16(int op, const struct qcc_act *act, int32_t n, const uint16_t *a,
                                   const uint16_t *b, uint16_t *y) {
  for (int32_t i = 0; i < n; i += 8) {
    float16x8_t u = qcc_mve_load_some_f16(a + i, n - i), v = qcc_mve_load_some_f16(b + i, n - i);
    u = op == QCC_ADD ? vaddq_f16(u, v) : op == QCC_SUB ? vsubq_f16(u, v) : vmulq_f16(u, v);
    qcc_mve_put_f16(qcc_mve_clamp_f16(act, u), n - i, y + i);
  }
}

QCC_KERNEL void qcc_mve_narrow_f16_all(int32_t n, const float *x, uint16_t *y) {
  int32_t i = 0;
  for (; i + 8 <= n; i += 8) {
    float32x4x2_t v = vld2q_f32(x + i);
    struct qcc_mve_eight e = {v.val[0], v.val[1]};
    qcc_mve_put_f16(qcc_mve_narrow_f16(e), 8, y + i);
  }
  for (; i < n; i++)
    y[i] = qcc_float_to_half(x[i]);
}

QCC_KERNEL void qcc_mve_widen_f16_all(int32_t n, const uint16_t *QCC_RESTRICT x,
                                      float *QCC_RESTRICT y) {
  int32_t i = 0;
  for (; i + 8 <= n; i += 8) {
    struct qcc_mve_eight e = qcc_mve_widen_f16(qcc_mve_load_f16(x + i));
    float32x4x2_t v = {{e.even, e.odd}};
    vst2q_f32(y + i, v);
  }
  for (; i < n; i++)
    y[i] = qcc_half_to_float(x[i]);
}

/* Differences of codes are exact in float16, the product with the scale is float32. */
QCC_INLINE void qcc_mve_dequantize_eight(const struct qcc_quantize *p, int16x8_t codes, uint16_t *y) {
  struct qcc_mve_eight e =
      qcc_mve_widen_f16(vcvtq_f16_s16(vsubq_n_s16(codes, (int16_t)p->zero)));
  e.even = vmulq_n_f32(e.even, p->scale);
  e.odd = vmulq_n_f32(e.odd, p->scale);
  qcc_mve_put_f16(qcc_mve_narrow_f16(e), 8, y);
}

QCC_KERNEL void qcc_mve_dequantize_s8_f16(const struct qcc_quantize *p, int32_t n, const int8_t *x,
                                          uint16_t *y) {
  int32_t i = 0;
  for (; i + 8 <= n; i += 8)
    qcc_mve_dequantize_eight(p, vldrbq_s16(x + i), y + i);
  qcc_dequantize_s8_f16(p, n - i, x + i, y + i);
}

QCC_KERNEL void qcc_mve_dequantize_u8_f16(const struct qcc_quantize *p, int32_t n, const uint8_t *x,
                                          uint16_t *y) {
  int32_t i = 0;
  for (; i + 8 <= n; i += 8)
    qcc_mve_dequantize_eight(p, vreinterpretq_s16_u16(vldrbq_u16(x + i)), y + i);
  qcc_dequantize_u8_f16(p, n - i, x + i, y + i);
}

#endif
