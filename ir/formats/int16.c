/* int16.c - 16 signed bits per code, little-endian whatever the host is.  Codes are int16_t in
 * memory, passed by the address of their first byte. */
#include <string.h>

#include "ir/formats/formats.h"

int64_t pack_int16(const int8_t *codes, int64_t n, uint8_t *out) {
  for (int64_t i = 0; i < n; i++) {
    uint16_t code;
    memcpy(&code, codes + 2 * i, sizeof code);
    for (int b = 0; b < 2; b++) out[2 * i + b] = (uint8_t)(code >> 8 * b);
  }
  return 2 * n;
}

void unpack_int16(const uint8_t *packed, int64_t n, int8_t *codes) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t code = 0;
    for (int b = 0; b < 2; b++) code |= (uint32_t)packed[2 * i + b] << 8 * b;
    memcpy(codes + 2 * i, &(uint16_t){(uint16_t)code}, 2);
  }
}
