/* hash.c - FNV-1a, 64 bits (Fowler, Noll, Vo): tells whether files are the same, no more. */
#include "ir/ir.h"

uint64_t hash_bytes(uint64_t h, const void *p, size_t n) {
  const unsigned char *bytes = p;
  for (size_t i = 0; i < n; i++) h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
  return h;
}
