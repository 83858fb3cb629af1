/* packed.h - weights that share bytes, low bits first.  A packing k says how, and is a constant wherever
 * speed matters, so that the loops over a byte unroll:
 *
 *   2, 4   two codes of four bits, four of two bits, signed
 *   5      five codes of -1, 0, 1 in base 3
 *   8      eight codes of -1, 1
 *   24     eight signed codes of three bits in three bytes
 *   18, 34 two indices into a table: NF4 in units of 1/127, E2M1 in units of 1/2
 *   1      one code of eight bits, for kernels that take any packing
 *
 * k mod 16 of them share a unit, which is a byte unless said otherwise.  A kernel that uses weights for many pixels unpacks them once, into
 * scratch, and is the int8 kernel from there on; one that uses them once multiplies them as they
 * come out of the unit.
 *
 * The byte of base 3 is a fraction of 256 whose digits are the codes plus 1: times 3, the next digit
 * stands in front of the point.  Codes of three bits have their low two in two bytes, four to each,
 * and their signs in the third. */
#ifndef QCC_PACKED_H
#define QCC_PACKED_H

#include "common.h"

/* The packings that a model uses, bit k mod 16 + 8 (k / 16) for each: no others are compiled. */
#ifndef QCC_PACKINGS
#define QCC_PACKINGS 0xffffffff
#endif
#define QCC_HAS_PACKING(k) (QCC_PACKINGS >> ((k) % 16 + (k) / 16 * 8) & 1)

/* f(k, ...) with a constant k. */
#define QCC_BY_PACKING(k, f, ...)                      \
  do {                                                 \
    if (QCC_HAS_PACKING(1) && (k) == 1)                \
      f(1, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(2) && (k) == 2)           \
      f(2, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(4) && (k) == 4)           \
      f(4, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(5) && (k) == 5)           \
      f(5, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(8) && (k) == 8)           \
      f(8, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(24) && (k) == 24)         \
      f(24, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(18) && (k) == 18)         \
      f(18, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(34))                      \
      f(34, __VA_ARGS__);                              \
  } while (0)

/* Codes in a unit. */
QCC_INLINE int32_t qcc_per_unit(int32_t k) {
  return k & 15;
}

/* Bytes of a unit. */
QCC_INLINE int32_t qcc_unit_bytes(int32_t k) {
  return k == 24 ? 3 : 1;
}

QCC_INLINE int32_t qcc_level(int32_t k, int32_t index) {
  static const int8_t nf4[16] = {-127, -88, -67, -50, -36, -23, -12, 0,
                                 10,   20,  31,  43,  56,  71,  92,  127};
  static const int8_t fp4[16] = {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12, 0};
  return k == 18 ? nf4[index] : fp4[index];
}

/* Code j of a unit. */
QCC_INLINE int32_t qcc_code(int32_t k, const uint8_t *w, int32_t j) {
  int32_t bits = 8 / qcc_per_unit(k), power = j == 0 ? 1 : j == 1 ? 3 : j == 2 ? 9 : j == 3 ? 27 : 81;
  uint8_t byte = w[0];
  if (k == 5)
    return ((byte * power & 255) * 3 >> 8) - 1;
  if (k == 8)
    return (byte >> j & 1) * 2 - 1;
  if (k == 24)
    return (w[j / 4] >> j % 4 * 2 & 3) - (w[2] >> j & 1) * 4;
  if (k > 16)
    return qcc_level(k, byte >> 4 * j & 15);
  return (int32_t)((uint32_t)byte << (32 - bits * (j + 1))) >> (32 - bits);
}

/* Where the unit of code i of a row lies. */
QCC_INLINE int32_t qcc_unit_at(int32_t k, int32_t i) {
  return (int32_t)((uint32_t)i / (uint32_t)qcc_per_unit(k)) * qcc_unit_bytes(k);
}

/* Code i of a row. */
QCC_INLINE int32_t qcc_code_at(int32_t k, const uint8_t *w, int32_t i) {
  return qcc_code(k, w + qcc_unit_at(k, i), (int32_t)((uint32_t)i % (uint32_t)qcc_per_unit(k)));
}

/* Bytes of a row of n codes: whole units. */
QCC_INLINE int32_t qcc_packed_bytes(int32_t k, int32_t n) {
  return qcc_unit_at(k, n + qcc_per_unit(k) - 1);
}

QCC_INLINE void qcc_unpack_by(int32_t k, const uint8_t *QCC_RESTRICT w, int32_t n,
                              int8_t *QCC_RESTRICT out) {
  int32_t i = 0, per = qcc_per_unit(k);
  for (; i + per <= n; i += per, w += qcc_unit_bytes(k))
    for (int32_t j = 0; j < per; j++)
      out[i + j] = (int8_t)qcc_code(k, w, j);
  for (int32_t j = 0; i + j < n; j++)
    out[i + j] = (int8_t)qcc_code(k, w, j);
}

/* The n codes of a row. */
QCC_KERNEL void qcc_unpack(int32_t k, const uint8_t *w, int32_t n, int8_t *out) {
  QCC_BY_PACKING(k, qcc_unpack_by, w, n, out);
}

#endif
