/* fp4.c - floats with a sign, two bits of exponent and one of mantissa, times 2: exact. */
#include "ir/formats/formats.h"

const int8_t levels_fp4[] = {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12};

int64_t pack_fp4(const int8_t *codes, int64_t n, uint8_t *out) {
  return pack_indices(levels_fp4, sizeof levels_fp4, 4, codes, n, out);
}

void unpack_fp4(const uint8_t *packed, int64_t n, int8_t *codes) {
  unpack_indices(levels_fp4, 4, packed, n, codes);
}
