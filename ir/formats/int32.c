/* int32.c - 32 signed bits per code, little-endian whatever the host is.  Codes are int32_t in
 * memory, passed by the address of their first byte. */
#include <string.h>

#include "ir/formats/formats.h"

int64_t pack_int32(const int8_t *codes, int64_t n, uint8_t *out) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t code;
    memcpy(&code, codes + 4 * i, sizeof code);
    for (int b = 0; b < 4; b++) out[4 * i + b] = (uint8_t)(code >> 8 * b);
  }
  return 4 * n;
}

void unpack_int32(const uint8_t *packed, int64_t n, int8_t *codes) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t code = 0;
    for (int b = 0; b < 4; b++) code |= (uint32_t)packed[4 * i + b] << 8 * b;
    memcpy(codes + 4 * i, &(uint32_t){(uint32_t)code}, 4);
  }
}
