/* nibble.c - activations of four bits, a byte each like those of int8: kernels compute with them as
 * they are, and only clamp their outputs to fewer codes. */
#include "ir/formats/formats.h"

int64_t pack_nibble(const int8_t *codes, int64_t n, uint8_t *out) {
  return pack_int8(codes, n, out);
}

void unpack_nibble(const uint8_t *packed, int64_t n, int8_t *codes) {
  unpack_int8(packed, n, codes);
}
