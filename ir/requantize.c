/* requantize.c - rules q31, tflite and float of docs/numerics.md: from an accumulator to a code by one rounding, by
 * two, or in float32.
 *
 * The kernels in runtime/ compute the same bits; this is what they are compared with. */
#include <math.h>

#include <math.h>
#include <string.h>

#include "ir/ir.h"

/* Shifting as unsigned gives the bits that a target's register would hold, also where the caller's
 * proof that it fits is missing (a graph written by hand). */
static int32_t shifted(int32_t acc, int shift) {
  if (shift >= 0) return shift < 32 ? (int32_t)((uint32_t)acc << shift) : 0;
  return acc >> (shift > -32 ? -shift : 31);
}

static inline int32_t rescaled(int32_t acc, int32_t m, int32_t zero, int32_t lo, int32_t hi) {
  int64_t y = zero + (((int64_t)acc * m + (INT64_C(1) << 30)) >> 31);
  return y < lo ? lo : y > hi ? hi : (int32_t)y;
}

int32_t requantize_q31(int32_t acc, int32_t m, int shift, int32_t zero, int32_t lo, int32_t hi) {
  return rescaled(shifted(acc, shift), m, zero, lo, hi);
}

int32_t requantize_q31_wide(int64_t acc, int32_t m, int shift, int32_t zero, int32_t lo,
                            int32_t hi) {
  if (shift < 0) acc >>= shift > -64 ? -shift : 63;
  return requantize_q31((int32_t)acc, m, shift < 0 ? 0 : shift, zero, lo, hi);
}

void requantize_row(int64_t n, const int32_t *acc, const int32_t *bias, const int32_t *m, int shift,
                    int32_t zero, int32_t lo, int32_t hi, int8_t *y) {
  for (int64_t i = 0; i < n; i++) {
    int32_t sum = bias ? acc[i] + bias[i] : acc[i];
    y[i] = (int8_t)rescaled(shifted(sum, shift), m[i], zero, lo, hi);
  }
}

int32_t round_shift(int32_t v, int bits) {
  if (bits == 0) return v;
  int64_t wide = v, half = INT64_C(1) << (bits - 1);
  return (int32_t)(wide >= 0 ? (wide + half) >> bits : -((-wide + half) >> bits));
}

int32_t scale_tflite(int32_t acc, int32_t m, int exponent) {
  int left = exponent > 0 ? exponent : 0;
  int64_t product = (int64_t)shifted(acc, left) * m;
  return round_shift((int32_t)((product + (INT64_C(1) << 30)) >> 31), left - exponent);
}

void pick_tflite(double s, int32_t *m, int32_t *exponent) {
  int e;
  int64_t q = (int64_t)round(ldexp(frexp(s, &e), 31));
  if (q == INT64_C(1) << 31) q /= 2, e++;
  if (e < -31) q = 0, e = 0;
  *m = (int32_t)q;
  *exponent = e;
}

void requantize_row_tflite(int64_t n, const int32_t *acc, const int32_t *bias, const int32_t *m,
                           const int32_t *exponent, int32_t zero, int32_t lo, int32_t hi, int8_t *y) {
  for (int64_t i = 0; i < n; i++) {
    int64_t code = zero + (int64_t)scale_tflite(bias ? acc[i] + bias[i] : acc[i], m[i], exponent[i]);
    y[i] = (int8_t)(code < lo ? lo : code > hi ? hi : code);
  }
}

bool has_float_rule(const Node *n) { return strcmp(attr_str(n, "rule", ""), "float") == 0; }

int32_t float_bits(float v) {
  int32_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits;
}

float float_of_bits(int32_t bits) {
  float v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

int32_t requantize_float(int32_t acc, int32_t scale_bits, int32_t zero, int32_t lo, int32_t hi) {
  float v = (float)acc * float_of_bits(scale_bits), least = (float)(lo - zero), most = (float)(hi - zero);
  return zero + (int32_t)rintf(v < least ? least : v > most ? most : v);
}
