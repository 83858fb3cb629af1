/* levels.c - formats whose codes are some integers only: what is stored is the index of each. */
#include "ir/formats/formats.h"

static unsigned index_of(const int8_t *levels, int count, int8_t code) {
  for (int i = 0; i < count; i++)
    if (levels[i] == code) return (unsigned)i;
  bug("%d is no level of the format", code);
}

int64_t pack_indices(const int8_t *levels, int count, int bits, const int8_t *codes, int64_t n,
                     uint8_t *out) {
  int per_byte = 8 / bits;
  for (int64_t i = 0; i < n; i++) {
    unsigned index = index_of(levels, count, codes[i]) << i % per_byte * bits;
    out[i / per_byte] = (uint8_t)(i % per_byte ? out[i / per_byte] | index : index);
  }
  return (n + per_byte - 1) / per_byte;
}

void unpack_indices(const int8_t *levels, int bits, const uint8_t *packed, int64_t n,
                    int8_t *codes) {
  int per_byte = 8 / bits;
  for (int64_t i = 0; i < n; i++)
    codes[i] = levels[packed[i / per_byte] >> i % per_byte * bits & ((1 << bits) - 1)];
}
