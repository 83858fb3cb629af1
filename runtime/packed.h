/* packed.h - weights that share bytes, low bits first.  A packing k says how, and is a constant wherever
 * speed matters, so that the loops over a byte unroll:
 *
 *   2, 4   two codes of four bits, four of two bits, signed
 *   5      five codes of -1, 0, 1 in base 3
 *   8      eight codes of -1, 1
 *   24     eight signed codes of three bits in three bytes
 *   40     eight codes of a vector in two bytes: E8P times 4
 *   72     eight codes of a vector in two bytes, of which each chooses one of 256 vectors to be added, the
 *          second one from the second half of a codebook
 *   88     eight codes of a vector in two bytes, the number of one of the vectors of a codebook
 *   18, 34 two indices into a table: NF4 in units of 1/127, E2M1 in units of 1/2
 *   50     two indices into a codebook of 16 int8 levels, which stands beside the weights
 *   56     eight into one of 8, in three bytes
 *   52     four into one of 4
 *   1      one code of eight bits, for kernels that take any packing
 *   17, 33 one float of eight bits, E4M3 or E5M2, which only kernels of real numbers read (codes_f32.h)
 *   13, 14 rows that are mostly 0: a bit per code, low bits first, then the codes that are not 0, one or two
 *          of them in a byte; rows have different lengths and are only read whole, one after another
 *
 * k mod 16 of the others share a unit, which is a byte unless said otherwise.  A kernel that uses weights for many pixels unpacks them once, into
 * scratch, and is the int8 kernel from there on; one that uses them once multiplies them as they
 * come out of the unit.
 *
 * The byte of base 3 is a fraction of 256 whose digits are the codes plus 1: times 3, the next digit
 * stands in front of the point.  Codes of three bits have their low two in two bytes, four to each,
 * and bit 2, the sign, in the third; so have indices of three bits. */
#ifndef QCC_PACKED_H
#define QCC_PACKED_H

#include "conv_params.h"

/* The codebook of an output channel. */
QCC_INLINE const int8_t *qcc_book(const struct qcc_packed *q, int32_t o) {
  return q->step ? q->book + o * q->step : q->book;
}

/* The multiples of output channel o, of n each: bytes, or `bits` of a row of whole bytes, low bits first. */
QCC_INLINE const uint8_t *qcc_multiples(int32_t bits, const uint8_t *multiple, int32_t o, int32_t n) {
  return multiple + o * (bits ? (int32_t)((uint32_t)(n * bits + 7) / 8) : n);
}

/* Number k of such a row. */
QCC_INLINE int32_t qcc_multiple(int32_t bits, const uint8_t *row, int32_t k) {
  int32_t at = k * bits, from = at & 7, v;
  if (bits == 0)
    return row[k];
  row += at >> 3;
  v = row[0] >> from;
  if (from + bits > 8)
    v |= row[1] << (8 - from);
  return v & ((1 << bits) - 1);
}

/* The packings that a model uses, bit k mod 16 + 8 (k / 16) for each: no others are compiled. */
#ifndef QCC_PACKINGS
#define QCC_PACKINGS 0xffffffffffffffffULL
#endif
#define QCC_HAS_PACKING(k) (QCC_PACKINGS >> ((k) % 16 + (k) / 16 * 8) & 1)

/* f(k, ...) with a constant k. */
#define QCC_BY_PACKING(k, f, ...)                      \
  do {                                                 \
    if (QCC_HAS_PACKING(1) && (k) == 1)                \
      f(1, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(2) && (k) == 2)           \
      f(2, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(4) && (k) == 4)           \
      f(4, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(5) && (k) == 5)           \
      f(5, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(8) && (k) == 8)           \
      f(8, __VA_ARGS__);                               \
    else if (QCC_HAS_PACKING(24) && (k) == 24)         \
      f(24, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(40) && (k) == 40)         \
      f(40, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(72) && (k) == 72)         \
      f(72, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(88) && (k) == 88)         \
      f(88, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(18) && (k) == 18)         \
      f(18, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(56) && (k) == 56)         \
      f(56, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(50) && (k) == 50)         \
      f(50, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(52) && (k) == 52)         \
      f(52, __VA_ARGS__);                              \
    else if (QCC_HAS_PACKING(34))                      \
      f(34, __VA_ARGS__);                              \
  } while (0)

/* Codes in a unit. */
QCC_INLINE int32_t qcc_per_unit(int32_t k) {
  return k & 15;
}

/* Bytes of a unit. */
QCC_INLINE int32_t qcc_unit_bytes(int32_t k) {
  return k == 24 || k == 56 ? 3 : k == 40 || k == 72 || k == 88 ? 2 : 1;
}

QCC_INLINE int32_t qcc_level(int32_t k, int32_t index) {
  static const int8_t nf4[16] = {-127, -88, -67, -50, -36, -23, -12, 0,
                                 10,   20,  31,  43,  56,  71,  92,  127};
  static const int8_t fp4[16] = {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12, 0};
  return k == 18 ? nf4[index] : fp4[index];
}

/* Code j of a vector: a magnitude 2, 6 or 10 of a pattern (two bits each, 0 for 2) with a sign, plus 1 or
 * minus 1.  The lower byte says minus 1, then the signs of all but the first element; the upper one is the
 * pattern.  The first element's sign makes half the sum of all even. */
QCC_INLINE int32_t qcc_lattice(const uint8_t *w, int32_t j) {
  static const uint16_t patterns[256] = {
      0, 16384, 32768, 4096, 20480, 36864, 8192, 24576, 1024, 17408, 33792, 5120,
      21504, 9216, 2048, 18432, 6144, 256, 16640, 33024, 4352, 20736, 8448, 1280,
      17664, 5376, 21760, 2304, 512, 16896, 4608, 1536, 64, 16448, 32832, 4160,
      20544, 8256, 1088, 17472, 5184, 21568, 2112, 320, 16704, 4416, 20800, 1344,
      17728, 5440, 576, 128, 16512, 4224, 1152, 384, 16, 16400, 32784, 4112,
      20496, 8208, 1040, 17424, 5136, 21520, 2064, 272, 16656, 4368, 20752, 1296,
      17680, 5392, 528, 80, 16464, 4176, 20560, 1104, 17488, 5200, 336, 16720,
      4432, 1360, 144, 32, 16416, 4128, 1056, 288, 96, 4, 16388, 32772,
      4100, 20484, 8196, 1028, 17412, 5124, 21508, 2052, 260, 16644, 4356, 20740,
      1284, 17668, 5380, 516, 68, 16452, 4164, 20548, 1092, 17476, 5188, 324,
      16708, 4420, 1348, 132, 20, 16404, 4116, 20500, 1044, 17428, 5140, 276,
      16660, 4372, 1300, 84, 16468, 4180, 1108, 340, 36, 8, 16392, 4104,
      1032, 264, 72, 24, 1, 16385, 32769, 4097, 20481, 8193, 1025, 17409,
      5121, 21505, 2049, 257, 16641, 4353, 20737, 1281, 17665, 5377, 513, 65,
      16449, 4161, 20545, 1089, 17473, 5185, 321, 16705, 4417, 1345, 129, 17,
      16401, 4113, 20497, 1041, 17425, 5137, 273, 16657, 4369, 1297, 81, 16465,
      4177, 1105, 337, 33, 5, 16389, 4101, 20485, 1029, 17413, 5125, 261,
      16645, 4357, 1285, 69, 16453, 4165, 1093, 325, 21, 16405, 4117, 1045,
      277, 85, 9, 2, 16386, 4098, 1026, 258, 66, 18, 6, 21824,
      21776, 20816, 5456, 21572, 17732, 21524, 17684, 20564, 5204, 4436, 21761, 20801,
      5441, 20753, 17681, 20561, 5201, 4433, 21509, 17669, 20549, 5189, 4421, 20501,
      5141, 4373, 16469, 1109
  };
  uint32_t digits = patterns[w[1]], signs = w[0] & 254u, odd = (digits & 0x5555u) ^ signs;
  odd ^= odd >> 8;
  odd ^= odd >> 4;
  signs |= UINT32_C(0x6996) >> (odd & 15) & 1;
  int32_t v = (int32_t)(4 * (digits >> 2 * j & 3) + 2);
  return (signs >> j & 1 ? -v : v) + (w[0] & 1 ? -1 : 1);
}

/* Code j of a unit. */
QCC_INLINE int32_t qcc_code(int32_t k, const int8_t *book, const uint8_t *w, int32_t j) {
  int32_t bits = 8 / qcc_per_unit(k), power = j == 0 ? 1 : j == 1 ? 3 : j == 2 ? 9 : j == 3 ? 27 : 81;
  uint8_t byte = w[0];
  if (k == 5)
    return ((byte * power & 255) * 3 >> 8) - 1;
  if (k == 8)
    return (byte >> j & 1) * 2 - 1;
  if (k == 24)
    return (w[j / 4] >> j % 4 * 2 & 3) - (w[2] >> j & 1) * 4;
  if (k == 40)
    return qcc_lattice(w, j);
  if (k == 72)
    return (int8_t)(book[8 * w[0] + j] + book[2048 + 8 * w[1] + j]);
  if (k == 88)
    return book[8 * (w[0] + 256 * w[1]) + j];
  if (k == 56)
    return book[(w[j / 4] >> j % 4 * 2 & 3) + (w[2] >> j & 1) * 4];
  if (k == 50 || k == 52)
    return book[byte >> bits * j & ((1 << bits) - 1)];
  if (k > 16)
    return qcc_level(k, byte >> 4 * j & 15);
  return (int32_t)((uint32_t)byte << (32 - bits * (j + 1))) >> (32 - bits);
}

/* Where the unit of code i of a row lies. */
QCC_INLINE int32_t qcc_unit_at(int32_t k, int32_t i) {
  return (int32_t)((uint32_t)i / (uint32_t)qcc_per_unit(k)) * qcc_unit_bytes(k);
}

/* Code i of a row. */
QCC_INLINE int32_t qcc_code_at(int32_t k, const int8_t *book, const uint8_t *w, int32_t i) {
  return qcc_code(k, book, w + qcc_unit_at(k, i), (int32_t)((uint32_t)i % (uint32_t)qcc_per_unit(k)));
}

/* Bytes of a row of n codes: whole units. */
QCC_INLINE int32_t qcc_packed_bytes(int32_t k, int32_t n) {
  return qcc_unit_at(k, n + qcc_per_unit(k) - 1);
}

QCC_INLINE void qcc_unpack_by(int32_t k, const int8_t *book, const uint8_t *QCC_RESTRICT w,
                              int32_t n, int8_t *QCC_RESTRICT out) {
  int32_t i = 0, per = qcc_per_unit(k);
  for (; i + per <= n; i += per, w += qcc_unit_bytes(k))
    for (int32_t j = 0; j < per; j++)
      out[i + j] = (int8_t)qcc_code(k, book, w, j);
  for (int32_t j = 0; i + j < n; j++)
    out[i + j] = (int8_t)qcc_code(k, book, w, j);
}

/* A row of which only the codes are stored that are not 0, k of them in a byte. */
QCC_INLINE const uint8_t *qcc_unpack_sparse(int32_t k, const uint8_t *QCC_RESTRICT w, int32_t n,
                                            int8_t *QCC_RESTRICT out) {
  const uint8_t *codes = w + ((uint32_t)n + 7) / 8;
  int32_t at = 0;
  for (int32_t i = 0; i < n; i += 8, w++)
    for (int32_t j = 0; j < qcc_min(8, n - i); j++) {
      int32_t code = 0;
      if (*w >> j & 1)
        code = k == 1 ? (int8_t)codes[at++] : qcc_code_at(k, NULL, codes, at++);
      out[i + j] = (int8_t)code;
    }
  return codes + qcc_packed_bytes(k, at);
}

/* The n codes of a row, whose codebook may be NULL; returns where the next row begins. */
QCC_KERNEL const uint8_t *qcc_unpack(int32_t k, const int8_t *book, const uint8_t *w, int32_t n,
                                     int8_t *out) {
  if (QCC_HAS_PACKING(13) && k == 13)
    return qcc_unpack_sparse(1, w, n, out);
  if (QCC_HAS_PACKING(14) && k == 14)
    return qcc_unpack_sparse(2, w, n, out);
  QCC_BY_PACKING(k, qcc_unpack_by, book, w, n, out);
  return w + qcc_packed_bytes(k, n);
}

#endif
