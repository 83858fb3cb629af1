/* formats.h - what each file of this folder defines: the two functions of its row in formats.def.
 *
 * Codes are in the compiler's memory, dtype_bytes() each and one per byte below 8 bits; packed
 * bytes are as the target stores them, little-endian. pack_() returns the number of packed bytes;
 * the last byte's unused bits are zero. */
#ifndef QCC_FORMATS_H
#define QCC_FORMATS_H

#include "ir/ir.h"

#define FORMAT(name, dtype, bits, lo, hi, summary)                     \
  int64_t pack_##name(const int8_t *codes, int64_t n, uint8_t *out);   \
  void unpack_##name(const uint8_t *packed, int64_t n, int8_t *codes);
#include "ir/formats.def"
#undef FORMAT

#endif
