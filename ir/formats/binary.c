/* binary.c - signs. */
#include "ir/formats/formats.h"

const int8_t levels_binary[] = {-1, 1};

int64_t pack_binary(const int8_t *codes, int64_t n, uint8_t *out) {
  return pack_indices(levels_binary, sizeof levels_binary, 1, codes, n, out);
}

void unpack_binary(const uint8_t *packed, int64_t n, int8_t *codes) {
  unpack_indices(levels_binary, 1, packed, n, codes);
}
