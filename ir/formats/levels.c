/* levels.c - formats whose codes are some integers only: what is stored is the index of each. */
#include <string.h>

#include "ir/formats/formats.h"

static unsigned index_of(const int8_t *levels, int count, int8_t code) {
  for (int i = 0; i < count; i++)
    if (levels[i] == code) return (unsigned)i;
  bug("%d is no level of the format", code);
}

/* Indices of three bits: eight in three bytes. */
enum { PER_UNIT = 8, UNIT_BYTES = 3 };

static void put_3(uint8_t *out, int64_t i, unsigned index) {
  uint8_t *unit = out + i / PER_UNIT * UNIT_BYTES;
  unit[i % PER_UNIT / 4] |= (uint8_t)(index % 4 << i % 4 * 2);
  unit[2] |= (uint8_t)(index / 4 << i % PER_UNIT);
}

static unsigned get_3(const uint8_t *packed, int64_t i) {
  const uint8_t *unit = packed + i / PER_UNIT * UNIT_BYTES;
  return (unit[i % PER_UNIT / 4] >> i % 4 * 2 & 3u) + (unit[2] >> i % PER_UNIT & 1u) * 4;
}

int64_t pack_indices(const int8_t *levels, int count, int bits, const int8_t *codes, int64_t n,
                     uint8_t *out) {
  int64_t per_byte = 8 / bits, units = (n + PER_UNIT - 1) / PER_UNIT;
  int64_t bytes = bits == 3 ? units * UNIT_BYTES : (n + per_byte - 1) / per_byte;
  memset(out, 0, (size_t)bytes);
  for (int64_t i = 0; i < n; i++) {
    unsigned index = index_of(levels, count, codes[i]);
    if (bits == 3) put_3(out, i, index);
    else out[i / per_byte] |= (uint8_t)(index << i % per_byte * bits);
  }
  return bytes;
}

void unpack_indices(const int8_t *levels, int bits, const uint8_t *packed, int64_t n,
                    int8_t *codes) {
  int per_byte = 8 / bits;
  for (int64_t i = 0; i < n; i++)
    codes[i] = levels[bits == 3 ? get_3(packed, i)
                                : packed[i / per_byte] >> i % per_byte * bits & ((1u << bits) - 1)];
}
