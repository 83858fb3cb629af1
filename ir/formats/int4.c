/* int4.c - two signed codes of 4 bits per byte: code 2i in the low nibble, code 2i + 1 in the high
 * one.  An odd count leaves the last high nibble zero. */
#include "ir/formats/formats.h"

int64_t pack_int4(const int8_t *codes, int64_t n, uint8_t *out) {
  for (int64_t i = 0; i < n; i += 2) {
    unsigned low = codes[i] & 0xf, high = i + 1 < n ? codes[i + 1] & 0xf : 0;
    out[i / 2] = (uint8_t)(low | high << 4);
  }
  return n / 2 + n % 2;
}

void unpack_int4(const uint8_t *packed, int64_t n, int8_t *codes) {
  for (int64_t i = 0; i < n; i++) {
    int nibble = packed[i / 2] >> i % 2 * 4 & 0xf;
    codes[i] = (int8_t)((nibble ^ 8) - 8);  /* extends the sign bit */
  }
}
