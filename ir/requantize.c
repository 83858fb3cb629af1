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

int32_t requantize_q31(int32_t acc, int32_t m, int shift, int32_t zero, int32_t lo, int32_t hi) {
  int64_t product = (int64_t)shifted(acc, shift) * m;
  int64_t y = zero + ((product + (INT64_C(1) << 30)) >> 31);
  return y < lo ? lo : y > hi ? hi : (int32_t)y;
}
