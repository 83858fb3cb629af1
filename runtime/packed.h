/* packed.h - weights that share bytes: k codes in each, 2 of four bits or 4 of two bits, low bits
 * first, or 5 codes of -1, 0, 1 in base 3.  k is a constant wherever speed matters, so that the
 * loops over a byte unroll.  A kernel that uses weights for many pixels unpacks them once, into
 * scratch, and is the int8 kernel from there on; one that uses them once multiplies them as they
 * come out of the byte.
 *
 * The byte of base 3 is a fraction of 256 whose digits are the codes plus 1: times 3, the next digit
 * stands in front of the point. */
#ifndef QCC_PACKED_H
#define QCC_PACKED_H

#include "common.h"

/* Code j of a byte of k. */
QCC_INLINE int32_t qcc_code(int32_t k, uint8_t byte, int32_t j) {
  int32_t bits = 8 / k, power = j == 0 ? 1 : j == 1 ? 3 : j == 2 ? 9 : j == 3 ? 27 : 81;
  if (k == 5)
    return ((byte * power & 255) * 3 >> 8) - 1;
  return (int32_t)((uint32_t)byte << (32 - bits * (j + 1))) >> (32 - bits);
}

/* Code i of a row that begins on a byte boundary. */
QCC_INLINE int32_t qcc_code_at(int32_t k, const uint8_t *w, int32_t i) {
  uint32_t at = (uint32_t)i, per = (uint32_t)k;
  return qcc_code(k, w[at / per], (int32_t)(at % per));
}

/* Bytes of a row of n codes. */
QCC_INLINE int32_t qcc_packed_bytes(int32_t k, int32_t n) {
  return (int32_t)(((uint32_t)n + (uint32_t)k - 1) / (uint32_t)k);
}

QCC_INLINE void qcc_unpack_by(int32_t k, const uint8_t *QCC_RESTRICT w, int32_t n,
                              int8_t *QCC_RESTRICT out) {
  int32_t i = 0;
  for (; i + k <= n; i += k, w++)
    for (int32_t j = 0; j < k; j++)
      out[i + j] = (int8_t)qcc_code(k, *w, j);
  for (int32_t j = 0; i + j < n; j++)
    out[i + j] = (int8_t)qcc_code(k, *w, j);
}

/* The n codes of a row. */
QCC_KERNEL void qcc_unpack(int32_t k, const uint8_t *w, int32_t n, int8_t *out) {
  if (k == 2)
    qcc_unpack_by(2, w, n, out);
  else if (k == 4)
    qcc_unpack_by(4, w, n, out);
  else
    qcc_unpack_by(5, w, n, out);
}

#endif
