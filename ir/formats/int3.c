/* int3.c - eight signed codes of 3 bits in three bytes: the low two bits of each in the first two
 * bytes, four to a byte, low bits first, and bit 2, the sign, of code j in bit j of the third.  Each
 * code lies in two bytes whose places do not depend on its neighbours, unlike in a stream of bits.
 * The last three bytes are whole; places after the last code are zero. */
#include "ir/formats/formats.h"

enum { PER_UNIT = 8, UNIT_BYTES = 3 };

int64_t pack_int3(const int8_t *codes, int64_t n, uint8_t *out) {
  int64_t bytes = (n + PER_UNIT - 1) / PER_UNIT * UNIT_BYTES;
  for (int64_t i = 0; i < bytes; i++) out[i] = 0;
  for (int64_t i = 0; i < n; i++) {
    uint8_t *unit = out + i / PER_UNIT * UNIT_BYTES;
    int64_t j = i % PER_UNIT;
    unit[j / 4] |= (uint8_t)((codes[i] & 3) << j % 4 * 2);
    unit[2] |= (uint8_t)((codes[i] < 0) << j);
  }
  return bytes;
}

void unpack_int3(const uint8_t *packed, int64_t n, int8_t *codes) {
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *unit = packed + i / PER_UNIT * UNIT_BYTES;
    int64_t j = i % PER_UNIT;
    codes[i] = (int8_t)((unit[j / 4] >> j % 4 * 2 & 3) - (unit[2] >> j & 1) * 4);
  }
}
