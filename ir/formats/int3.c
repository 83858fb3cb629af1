/* int3.c - eight signed codes of 3 bits in three bytes: the low two bits of each in the first two
 * bytes, four to a byte, low bits first, and bit 2, the sign, of code j in bit j of the third.  Each
 * code lies in two bytes whose places do not depend on its neighbours, unlike in a stream of bits.
 * The last three bytes are whole; places after the last code are zero. */
#include "ir/formats/formats.h"

static const int8_t values[] = {0, 1, 2, 3, -4, -3, -2, -1}; /* in two's complement */

int64_t pack_int3(const int8_t *codes, int64_t n, uint8_t *out) {
  return pack_indices(values, sizeof values, 3, codes, n, out);
}

void unpack_int3(const uint8_t *packed, int64_t n, int8_t *codes) {
  unpack_indices(values, 3, packed, n, codes);
}
