/* minifloat.c - floats of 8 bits as codes (Micikevicius et al. 2022, arXiv:2209.05433): a sign, an
 * exponent and `mantissa_bits` of significand, as in IEEE 754, except that E4M3 has no infinity and
 * uses all but one of the largest exponent's patterns for numbers. What is too large becomes the
 * largest number; no number becomes NaN. */
#include <math.h>

#include "ir/formats/formats.h"

/* Exponent of the smallest normal number. */
static int least_exponent(const Format *f) { return 2 - (1 << (6 - f->mantissa_bits)); }

double minifloat_value(const Format *f, int32_t code) {
  int bits = f->mantissa_bits, exponent = (code & 127) >> bits, digits = code & ((1 << bits) - 1);
  if (exponent > 0) digits += 1 << bits, exponent--;
  double size = ldexp(digits, exponent + least_exponent(f) - bits);
  return code & 128 ? -size : size;
}

/* Ties go to the even code; that of NaN is 0. */
int32_t minifloat_near(const Format *f, double x) {
  int bits = f->mantissa_bits, least = least_exponent(f), exponent, code;
  if (isnan(x)) return 0;
  double size = fmin(fabs(x), f->hi);
  frexp(size, &exponent);
  exponent = size > 0 && exponent - 1 > least ? exponent - 1 : least;
  /* A significand that is rounded up to 2 carries into the exponent by itself. */
  code = (int)rint(ldexp(size, bits - exponent)) + ((exponent - least) << bits);
  return (int8_t)(signbit(x) ? code | 128 : code);
}
