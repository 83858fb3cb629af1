/* formats.h - what each file of this folder defines: the two functions of its row in formats.def.
 *
 * Codes are in the compiler's memory, dtype_bytes() each and one per byte below 8 bits; packed
 * bytes are as the target stores them, little-endian. pack_() returns the number of packed bytes;
 * the last byte's unused bits are zero, the last vector's places that have no weight any code. */
#ifndef QCC_FORMATS_H
#define QCC_FORMATS_H

#include "ir/ir.h"

#define FORMAT(name, dtype, bits, lo, hi, packing, summary)                     \
  int64_t pack_##name(const int8_t *codes, int64_t n, uint8_t *out);   \
  void unpack_##name(const uint8_t *packed, int64_t n, int8_t *codes);
#define LEVELS(name, file, bits, count, lo, hi, scale_bits, packing, summary) \
  extern const int8_t levels_##file[count];                            \
  FORMAT(file, DT_I8, bits, lo, hi, packing, summary)
#define VECTORS(name, bits, count, lo, hi, vector, rms, packing, summary) \
  LEVELS(name, name, bits, count, lo, hi, 8, packing, summary)          \
  void nearest_##name(const double *x, int n, int8_t *codes);
#define FLOATS(name, mantissa_bits, lo, hi, packing, summary)
#define BOOK(name, bits, size, packing, summary)                                           \
  int64_t pack_##name(const int8_t *book, int64_t bytes, const int8_t *codes, int64_t n,   \
                      uint8_t *out);                                                         \
  void unpack_##name(const int8_t *book, const uint8_t *packed, int64_t n, int8_t *codes);
#define SUMS(name, bits, size, terms, vector, rms, packing, summary) \
  BOOK(name, bits, size, packing, summary)
#define OTHER(name, dtype, bits, lo, hi, summary) FORMAT(name, dtype, bits, lo, hi, 0, summary)
#include "ir/formats.def"
#undef OTHER
#undef SUMS
#undef BOOK
#undef FLOATS
#undef VECTORS
#undef LEVELS
#undef FORMAT

/* minifloat.c: the number that a code is, and the code nearest to a number. */
double minifloat_value(const Format *f, int32_t code);
int32_t minifloat_near(const Format *f, double x);

/* Indices of codes among `count` levels, 8 / bits to a byte, low bits first; of three bits eight in
 * three bytes, the low two four to a byte, then bit 2 of each in the third.  And back. */
int64_t pack_indices(const int8_t *levels, int count, int bits, const int8_t *codes, int64_t n,
                     uint8_t *out);
void unpack_indices(const int8_t *levels, int bits, const uint8_t *packed, int64_t n,
                    int8_t *codes);

#endif
