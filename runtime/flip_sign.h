/* flip_sign.h - uint8 codes to int8 codes and back: every byte xor 0x80, which is code - 128 or
 * code + 128 with the same scale.  Four bytes at a time.  y may be x. */
#ifndef QCC_FLIP_SIGN_H
#define QCC_FLIP_SIGN_H

#include "common.h"

QCC_KERNEL void qcc_flip_sign(int32_t n, const void *x, void *y) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  int32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    uint32_t word;
    memcpy(&word, from + i, 4);
    word ^= 0x80808080u;
    memcpy(to + i, &word, 4);
  }
  for (; i < n; i++)
    to[i] = from[i] ^ 0x80u;
}

#endif
