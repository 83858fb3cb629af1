/* quantize.h - real numbers to codes and back, one scale per tensor. code = clamp(rint(x / scale)
 * + zero, lo, hi), ties to even; the clamp comes before the conversion, NaN gives zero.  Rounding
 * adds 1.5 * 2^23, after which the code is the low part of the float's bits: exact in float32, no
 * libm, and safe from compilers that reassociate.  Quantizing may run in place (y the same pointer
 * as x): codes never overtake the floats. */
#ifndef QCC_QUANTIZE_H
#define QCC_QUANTIZE_H

#include "real.h"

struct qcc_quantize {
  float scale;
  int32_t zero;
  int32_t lo, hi; /* codes; not read when dequantizing */
};

/* x / scale in codes, zero included. */
QCC_INLINE int32_t qcc_quantize_one(const struct qcc_quantize *p, float x) {
  float v = x / p->scale, lo = (float)(p->lo - p->zero), hi = (float)(p->hi - p->zero);
  int32_t bits;
  v = v != v ? 0.0f : v < lo ? lo : v > hi ? hi : v;
  v += 12582912.0f;
  memcpy(&bits, &v, 4);
  return qcc_clamp(bits - 0x4b400000 + p->zero, p->lo, p->hi);
}

#define QCC_QUANTIZE(suffix, codes)                                                               \
  QCC_KERNEL void qcc_quantize_##suffix(const struct qcc_quantize *p, int32_t n, const float *x,  \
                                        codes *y) {                                               \
    for (int32_t i = 0; i < n; i++)                                                               \
      y[i] = (codes)qcc_quantize_one(p, x[i]);                                                    \
  }                                                                                               \
  QCC_KERNEL void qcc_dequantize_##suffix(const struct qcc_quantize *p, int32_t n,                \
                                          const codes *QCC_RESTRICT x, float *QCC_RESTRICT y) {   \
    for (int32_t i = 0; i < n; i++)                                                               \
      y[i] = (float)(x[i] - p->zero) * p->scale;                                                  \
  }                                                                                               \
  QCC_KERNEL void qcc_dequantize_##suffix##_f16(const struct qcc_quantize *p, int32_t n,          \
                                                const codes *QCC_RESTRICT x,                      \
                                                uint16_t *QCC_RESTRICT y) {                       \
    for (int32_t i = 0; i < n; i++)                                                               \
      y[i] = qcc_float_to_half((float)(x[i] - p->zero) * p->scale);                               \
  }
QCC_QUANTIZE(s8, int8_t)
QCC_QUANTIZE(u8, uint8_t)
QCC_QUANTIZE(s16, int16_t)
#undef QCC_QUANTIZE

#endif
