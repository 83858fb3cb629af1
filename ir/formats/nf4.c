/* nf4.c - the 16 levels of NF4 (Dettmers and others, QLoRA, 2023) in units of 1/127, rounded. */
#include "ir/formats/formats.h"

const int8_t levels_nf4[] = {-127, -88, -67, -50, -36, -23, -12, 0, 10, 20, 31, 43, 56, 71, 92, 127};

int64_t pack_nf4(const int8_t *codes, int64_t n, uint8_t *out) {
  return pack_indices(levels_nf4, sizeof levels_nf4, 4, codes, n, out);
}

void unpack_nf4(const uint8_t *packed, int64_t n, int8_t *codes) {
  unpack_indices(levels_nf4, 4, packed, n, codes);
}
