/* int2.c - four signed codes of 2 bits per byte: code 4i + j in bits 2j and 2j + 1.  Places after
 * the last code are zero. */
#include "ir/formats/formats.h"

int64_t pack_int2(const int8_t *codes, int64_t n, uint8_t *out) {
  for (int64_t i = 0; i < n; i += 4) {
    unsigned byte = 0;
    for (int64_t j = 0; j < 4 && i + j < n; j++) byte |= (codes[i + j] & 3u) << 2 * j;
    out[i / 4] = (uint8_t)byte;
  }
  return n / 4 + (n % 4 != 0);
}

void unpack_int2(const uint8_t *packed, int64_t n, int8_t *codes) {
  for (int64_t i = 0; i < n; i++) {
    int pair = packed[i / 4] >> i % 4 * 2 & 3;
    codes[i] = (int8_t)((pair ^ 2) - 2);  /* extends the sign bit */
  }
}
