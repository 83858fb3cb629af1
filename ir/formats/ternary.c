/* ternary.c - five codes of -1, 0, 1 per byte, in base 3: 1.6 bits each.  The digits d = code + 1
 * make the number v = 81 d0 + 27 d1 + 9 d2 + 3 d3 + d4 < 243, and the byte is v / 243 as a fraction
 * of 256, rounded up.  Multiplying a fraction by 3 moves its next digit in front of the point, so
 * that digit i is ((byte * 3^i mod 256) * 3) >> 8: no division.  Places after the last code are 0. */
#include "ir/formats/formats.h"

enum { PER_BYTE = 5, VALUES = 243 };

int64_t pack_ternary(const int8_t *codes, int64_t n, uint8_t *out) {
  for (int64_t i = 0; i < n; i += PER_BYTE) {
    unsigned v = 0;
    for (int64_t j = 0; j < PER_BYTE; j++) v = 3 * v + (i + j < n ? (unsigned)(codes[i + j] + 1) : 1);
    out[i / PER_BYTE] = (uint8_t)((v * 256 + VALUES - 1) / VALUES);
  }
  return (n + PER_BYTE - 1) / PER_BYTE;
}

void unpack_ternary(const uint8_t *packed, int64_t n, int8_t *codes) {
  uint8_t fraction = 0;
  for (int64_t i = 0; i < n; i++) {
    if (i % PER_BYTE == 0) fraction = packed[i / PER_BYTE];
    codes[i] = (int8_t)((fraction * 3 >> 8) - 1);
    fraction = (uint8_t)(fraction * 3);
  }
}
