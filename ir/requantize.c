/* requantize.c - rule q31 of docs/numerics.md: from an accumulator to a code by one rounding.
 *
 * The kernels in runtime/ compute the same bits; this is what they are compared with. */
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
