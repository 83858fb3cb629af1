/* lut.c - indices into a codebook of 16, 8 or 4 rising levels, which a tensor or a channel has for
 * itself. */
#include "ir/formats/formats.h"

int64_t pack_lut4(const int8_t *book, int64_t bytes, const int8_t *codes, int64_t n, uint8_t *out) {
  return pack_indices(book, (int)bytes, 4, codes, n, out);
}

void unpack_lut4(const int8_t *book, const uint8_t *packed, int64_t n, int8_t *codes) {
  unpack_indices(book, 4, packed, n, codes);
}

int64_t pack_lut3(const int8_t *book, int64_t bytes, const int8_t *codes, int64_t n, uint8_t *out) {
  return pack_indices(book, (int)bytes, 3, codes, n, out);
}

void unpack_lut3(const int8_t *book, const uint8_t *packed, int64_t n, int8_t *codes) {
  unpack_indices(book, 3, packed, n, codes);
}

int64_t pack_lut2(const int8_t *book, int64_t bytes, const int8_t *codes, int64_t n, uint8_t *out) {
  return pack_indices(book, (int)bytes, 2, codes, n, out);
}

void unpack_lut2(const int8_t *book, const uint8_t *packed, int64_t n, int8_t *codes) {
  unpack_indices(book, 2, packed, n, codes);
}
