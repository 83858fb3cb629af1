/* int8.c - one signed byte per code: stored as it is in memory. */
#include <string.h>

#include "ir/formats/formats.h"

int64_t pack_int8(const int8_t *codes, int64_t n, uint8_t *out) {
  memcpy(out, codes, (size_t)n);
  return n;
}

void unpack_int8(const uint8_t *packed, int64_t n, int8_t *codes) {
  memcpy(codes, packed, (size_t)n);
}
