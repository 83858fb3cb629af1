/* real.h - the elements of float kernels as they are stored: float32, or float16 as its bits in a
 * uint16_t, or for weights bfloat16, the upper half of a float32, likewise.  Kernels compute in float32
 * and are written once, for a constant type `t` of elements; each output is rounded once, to nearest,
 * ties to even. */
#ifndef QCC_REAL_H
#define QCC_REAL_H

#include "common.h"

enum { QCC_F32, QCC_F16, QCC_BF16 };

#if defined(__ARM_FP16_FORMAT_IEEE) && defined(__ARM_FP)
#if __ARM_FP & 2
#define QCC_HAS_F16 1 /* the processor converts */
#endif
#endif

#ifdef QCC_HAS_F16

QCC_INLINE float qcc_half_to_float(uint16_t h) {
  __fp16 v;
  memcpy(&v, &h, 2);
  return (float)v;
}

QCC_INLINE uint16_t qcc_float_to_half(float f) {
  __fp16 v = (__fp16)f;
  uint16_t h;
  memcpy(&h, &v, 2);
#if defined(__clang__) && defined(__ARM_FEATURE_MVE)
  /* No vectors of these: clang 19 would count halves in a tail-predicated loop, and so leave out
   * lanes of the float32 vectors in it. */
  __asm__("" : "+r"(h));
#endif
  return h;
}

#else

/* Exponents differ by 112. Numbers below 2^-14 are counts of 2^-24. */
QCC_INLINE float qcc_half_to_float(uint16_t h) {
  uint32_t magnitude = h & 0x7fffu, bits = magnitude << 13;
  float f;
  if (magnitude >= 0x7c00u)
    bits |= 0x7f800000u;
  else if (magnitude >= 0x0400u)
    bits += 112u << 23;
  else
    bits = 0;
  bits |= (uint32_t)(h & 0x8000u) << 16;
  memcpy(&f, &bits, 4);
  if (magnitude < 0x0400u)
    f = (h & 0x8000u ? -5.9604645e-08f : 5.9604645e-08f) * (float)magnitude;
  return f;
}

/* Adding one half leaves counts of 2^-24 in the low bits of a small number. */
QCC_INLINE uint16_t qcc_float_to_half(float f) {
  uint32_t bits, magnitude, sign;
  memcpy(&bits, &f, 4);
  sign = bits >> 16 & 0x8000u;
  magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return (uint16_t)(sign | 0x7e00u);
  if (magnitude >= 0x47800000u) /* 65536 */
    return (uint16_t)(sign | 0x7c00u);
  if (magnitude < 0x38800000u) { /* 2^-14 */
    memcpy(&f, &magnitude, 4);
    f += 0.5f;
    memcpy(&bits, &f, 4);
    return (uint16_t)(sign | (bits - 0x3f000000u));
  }
  magnitude += 0xfffu + (magnitude >> 13 & 1u) - (112u << 23);
  return (uint16_t)(sign | magnitude >> 13);
}

#endif

QCC_INLINE float qcc_bfloat_to_float(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

QCC_INLINE uint16_t qcc_float_to_bfloat(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if (f != f)
    return 0x7fc0u;
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* Where element i is. */
QCC_INLINE const void *qcc_at(int t, const void *x, int32_t i) {
  return t == QCC_F32 ? (const void *)((const float *)x + i) : (const void *)((const uint16_t *)x + i);
}

QCC_INLINE void *qcc_place(int t, void *y, int32_t i) {
  return t == QCC_F16 ? (void *)((uint16_t *)y + i) : (void *)((float *)y + i);
}

QCC_INLINE float qcc_get(int t, const void *x, int32_t i) {
  if (t == QCC_BF16)
    return qcc_bfloat_to_float(((const uint16_t *)x)[i]);
  return t == QCC_F16 ? qcc_half_to_float(((const uint16_t *)x)[i]) : ((const float *)x)[i];
}

QCC_INLINE void qcc_put(int t, void *y, int32_t i, float v) {
  if (t == QCC_F16)
    ((uint16_t *)y)[i] = qcc_float_to_half(v);
  else
    ((float *)y)[i] = v;
}

/* Where the sums of outputs are kept: in y itself where those are float32, else in scratch. */
QCC_INLINE float *qcc_float_sums(int t, void *scratch, void *y) {
  return t == QCC_F16 ? (float *)scratch : (float *)y;
}

/* The outputs of such sums; nothing to do where they are y. */
QCC_INLINE void qcc_put_sums(int t, int32_t n, const float *sums, void *y) {
  if (t == QCC_F16)
    for (int32_t i = 0; i < n; i++)
      qcc_put(t, y, i, sums[i]);
}

#endif
