/* narrow.h - elements of at most 8 bits as numbers and back; each is a byte in memory.
 *
 * A float has a sign, then the bits of its exponent and of its fraction.  In steps of the last place, the
 * code of a number is its rounded significand and (exponent - 1) times 2^fraction_bits, also where
 * rounding carries. */
#ifndef QCC_NARROW_H
#define QCC_NARROW_H

#include <math.h>

#include "common.h"

struct qcc_fields {
  int32_t exponent_bits, fraction_bits, bias;
  int32_t top;      /* code of the largest number */
  int32_t infinity; /* 0: there is none */
  int32_t nan;      /* the sign's bit: the code of -0; 0: there is none, NaN becomes 0 */
};

QCC_INLINE float qcc_narrow_to_float(struct qcc_fields f, uint8_t code) {
  int32_t sign = 1 << (f.exponent_bits + f.fraction_bits), size = code & (sign - 1);
  int32_t exponent = size >> f.fraction_bits, digits = size & ((1 << f.fraction_bits) - 1);
  uint32_t bits;
  float unit;
  if (size > f.top || (f.nan == sign && code == sign))
    return size != f.infinity || size == 0 ? NAN : code & sign ? -INFINITY : INFINITY;
  if (exponent > 0)
    digits |= 1 << f.fraction_bits;
  bits = (uint32_t)((exponent > 0 ? exponent : 1) - f.bias - f.fraction_bits + 127) << 23;
  memcpy(&unit, &bits, 4);
  return (code & sign ? -unit : unit) * (float)digits;
}

/* To nearest, ties to even; what is too large saturates, or becomes infinity, or NaN. */
QCC_INLINE uint8_t qcc_to_narrow(struct qcc_fields f, double v, int32_t saturates) {
  int32_t minus = 1 << (f.exponent_bits + f.fraction_bits), sign, exponent, places, shift, code = 0;
  int32_t most = saturates ? f.top : f.infinity > 0 ? f.infinity : f.nan;
  uint64_t bits, digits, rest, half;
  memcpy(&bits, &v, 8);
  sign = bits >> 63 ? minus : 0;
  exponent = (int32_t)(bits >> 52 & 2047) - 1023;
  if (v != v)
    return (uint8_t)f.nan;
  if (exponent == 1024)
    return (uint8_t)(sign | most);
  digits = (bits & 0xfffffffffffffu) | 0x10000000000000u;
  places = exponent > -f.bias ? exponent : 1 - f.bias;
  shift = 52 - f.fraction_bits + places - exponent;
  if (shift < 54) { /* else it is less than half of the smallest number */
    half = (uint64_t)1 << (shift - 1);
    rest = digits & (2 * half - 1);
    digits >>= shift;
    digits += rest > half || (rest == half && (digits & 1));
    code = (int32_t)digits + (places + f.bias - 1) * (1 << f.fraction_bits);
  }
  if (code == 0 && f.nan == minus)
    return 0;
  return (uint8_t)(sign | (code > f.top ? most : code));
}

/* 2^(code - 127); 255 is NaN. */
QCC_INLINE float qcc_power_to_float(uint8_t code) {
  uint32_t bits = code > 0 ? (uint32_t)code << 23 : 0x400000u;
  float v;
  memcpy(&v, &bits, 4);
  return code == 255 ? NAN : v;
}

/* Of the number without its sign: the power above it, below it or nearest to it, by `mode`'s letter. */
QCC_INLINE uint8_t qcc_to_power(double v, int32_t saturates, char mode) {
  uint64_t bits, digits;
  int32_t code;
  memcpy(&bits, &v, 8);
  digits = bits & 0xfffffffffffffu;
  code = (int32_t)(bits >> 52 & 2047) - 1023 + 127;
  if (code == 1024 + 127)
    return 255;
  code += mode == 'u' ? digits > 0 : mode == 'n' && digits >> 51;
  return (uint8_t)(code < 0 ? 0 : code < 255 ? code : saturates ? 254 : 255);
}

/* The low bits of an integer, with a sign or without. */
QCC_INLINE int64_t qcc_low_int(int64_t v, int32_t bits) {
  int64_t top = (int64_t)1 << (bits - 1);
  return ((v & (2 * top - 1)) ^ top) - top;
}

QCC_INLINE int64_t qcc_low_uint(int64_t v, int32_t bits) {
  return v & (((int64_t)1 << bits) - 1);
}

#endif
