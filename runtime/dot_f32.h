/* dot_f32.h - dot product of floats in eight interleaved sums: compilers may not reorder float
 * additions by themselves, and eight sums are what vector units and pipelined cores need. */
#ifndef QCC_DOT_F32_H
#define QCC_DOT_F32_H

#include "real.h"

/* x of elements tx, w of elements tw. */
QCC_INLINE float qcc_dot_real(int tx, int tw, const void *x, const void *w, int32_t n) {
  float s[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f}, sum = 0.0f;
  int32_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int32_t l = 0; l < 8; l++)
      s[l] += qcc_get(tx, x, i + l) * qcc_get(tw, w, i + l);
  for (; i < n; i++)
    sum += qcc_get(tx, x, i) * qcc_get(tw, w, i);
  return sum + ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

QCC_KERNEL float qcc_dot_f32(const float *x, const float *w, int32_t n) {
  return qcc_dot_real(QCC_F32, QCC_F32, x, w, n);
}

QCC_KERNEL float qcc_dot_f32_w16(const float *x, const uint16_t *w, int32_t n) {
  return qcc_dot_real(QCC_F32, QCC_F16, x, w, n);
}

QCC_KERNEL float qcc_dot_f32_wb16(const float *x, const uint16_t *w, int32_t n) {
  return qcc_dot_real(QCC_F32, QCC_BF16, x, w, n);
}

QCC_KERNEL float qcc_dot_f16(const uint16_t *x, const uint16_t *w, int32_t n) {
  return qcc_dot_real(QCC_F16, QCC_F16, x, w, n);
}

/* The one of these for constant types. */
QCC_INLINE float qcc_dot_of(int tx, int tw, const void *x, const void *w, int32_t n) {
  if (tx == QCC_F16)
    return qcc_dot_f16((const uint16_t *)x, (const uint16_t *)w, n);
  if (tw == QCC_F16)
    return qcc_dot_f32_w16((const float *)x, (const uint16_t *)w, n);
  if (tw == QCC_BF16)
    return qcc_dot_f32_wb16((const float *)x, (const uint16_t *)w, n);
  return qcc_dot_f32((const float *)x, (const float *)w, n);
}

#endif
