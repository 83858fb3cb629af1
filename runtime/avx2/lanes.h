/* lanes.h - what the integer kernels of runtime/x86 are written in, with eight int32 sums to a
 * vector: products, rule q31 and narrowing.
 *
 * Weights of eight bits are widened and multiplied with inputs of int16 by VPMADDWD: VPMADDUBSW,
 * which takes twice as many, saturates with them.  With fewer bits it does not: a pair of products
 * of an unsigned byte with -8..7 is at most 4080 in size, so that int16 has room for the sum of
 * eight pairs, of 32 with -2..1, or of four with levels of -16..16.  Levels of eight bits are widened
 * behind the lookup. */
#ifndef QCC_AVX2_LANES_H
#define QCC_AVX2_LANES_H

#include <immintrin.h>

#include "x86/scale.h"
#include "x86/shared.h"

#define QCC_ISA(name) qcc_avx2_##name

typedef __m256i qcc_sums;

enum {
  QCC_SUMS = 8,   /* of a vector */
  QCC_BLOCKS = 2, /* vectors of sums per pixel of a tile */
  QCC_TILE_8 = 6, /* pixels of a tile with 8 bits, with fewer bits, with levels, and with one vector */
  QCC_TILE_4 = 4,
  QCC_TILE_L8 = 4,
  QCC_NARROW_8 = 8,
  QCC_NARROW_4 = 8,
  QCC_TILE = 8 /* the largest of them */
};

QCC_INLINE qcc_sums qcc_load_sums(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
QCC_INLINE qcc_sums qcc_no_sums(void) { return _mm256_setzero_si256(); }
QCC_INLINE qcc_sums qcc_add_sums(qcc_sums a, qcc_sums b) { return _mm256_add_epi32(a, b); }
QCC_INLINE qcc_sums qcc_multiply_sums(qcc_sums a, qcc_sums b) { return _mm256_mullo_epi32(a, b); }
QCC_INLINE qcc_sums qcc_load_multiples(const uint8_t *p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}

/* ---- products */

/* Of an input as the kernel reads it. */
QCC_INLINE int32_t qcc_input_bytes(int32_t kind) { return kind == 8 || kind == QCC_LEVELS_8 ? 2 : 1; }
/* That one load reads per vector. */
QCC_INLINE int32_t qcc_load_bytes(int32_t kind) { return qcc_input_bytes(kind) == 2 ? 16 : 32; }
/* Loads of weights whose products one accumulator can take. */
QCC_INLINE int32_t qcc_room(int32_t kind) {
  return qcc_input_bytes(kind) == 2 ? INT32_MAX : kind == 4 ? 4 : kind == 2 ? 8 : 2;
}

QCC_INLINE qcc_sums qcc_load_weights(int32_t kind, const uint8_t *p) {
  if (qcc_input_bytes(kind) == 1) return qcc_load_sums(p);
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
  return kind == 8 ? _mm256_cvtepi8_epi16(bytes) : _mm256_castsi128_si256(bytes);
}
/* Levels by index, of the first four bits of bytes or of the others. */
QCC_INLINE qcc_sums qcc_look(int32_t kind, const int8_t *levels, int32_t step, qcc_sums packed) {
  __m128i table = _mm_loadu_si128((const __m128i *)(const void *)levels);
  __m256i at = step == 0 ? packed : _mm256_srli_epi16(packed, 4);
  at = _mm256_and_si256(at, _mm256_set1_epi8(15));
  if (kind == QCC_LEVELS_8)
    return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(table, _mm256_castsi256_si128(at)));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), at);
}
/* The weights of one of the 8 / bits steps of a load. */
QCC_INLINE qcc_sums qcc_weights_of(int32_t kind, const int8_t *levels, int32_t step,
                                   qcc_sums packed) {
  int32_t bits = kind;
  if (kind == 8) return packed;
  if (kind > 16) return qcc_look(kind, levels, step, packed);
  __m128i codes = bits == 4
                      ? _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1)
                      : _mm_setr_epi8(0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1);
  __m256i at = step == 0 ? packed : _mm256_srli_epi16(packed, bits * step);
  at = _mm256_and_si256(at, _mm256_set1_epi8(bits == 4 ? 15 : 3));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(codes), at);
}
QCC_INLINE qcc_sums qcc_spread_codes(int32_t four) { return _mm256_set1_epi32(four); }
QCC_INLINE qcc_sums qcc_dot(int32_t kind, qcc_sums sum, qcc_sums inputs, qcc_sums weights) {
  if (qcc_input_bytes(kind) == 2) return _mm256_add_epi32(sum, _mm256_madd_epi16(inputs, weights));
  return _mm256_add_epi16(sum, _mm256_maddubs_epi16(inputs, weights));
}
/* The sums that an accumulator stands for. */
QCC_INLINE qcc_sums qcc_whole_sums(int32_t kind, qcc_sums acc) {
  return qcc_input_bytes(kind) == 2 ? acc : _mm256_madd_epi16(acc, _mm256_set1_epi16(1));
}

/* ---- codes */

/* Rule q31, not yet clamped; m2[9] are the multipliers doubled, and one more that is not used. */
QCC_INLINE qcc_sums qcc_requantize_sums(const struct qcc_rescale *r, qcc_sums acc,
                                        const int32_t *m2) {
  acc = qcc_shift_eight(r, acc);
  return qcc_upper_eight(r, _mm256_mul_epi32(acc, qcc_load_sums(m2)),
                         _mm256_mul_epi32(_mm256_srli_epi64(acc, 32), qcc_load_sums(m2 + 1)));
}

/* The first n < 16 codes, piece by piece. */
QCC_INLINE void qcc_store_first(__m128i bytes, int32_t n, int8_t *y) {
  if (n & 8) {
    _mm_storel_epi64((__m128i *)(void *)y, bytes);
    bytes = _mm_srli_si128(bytes, 8);
    y += 8;
  }
  if (n & 4) {
    int32_t four = _mm_cvtsi128_si32(bytes);
    memcpy(y, &four, 4);
    bytes = _mm_srli_si128(bytes, 4);
    y += 4;
  }
  uint32_t rest = (uint32_t)_mm_cvtsi128_si32(bytes);
  if (n & 2) {
    uint16_t two = (uint16_t)rest;
    memcpy(y, &two, 2);
    rest >>= 16;
    y += 2;
  }
  if (n & 1) *y = (int8_t)(uint8_t)rest;
}

/* Clamps and writes the codes of one vector of channels in order, or of two of which v[n] holds,
 * of each half of eight, channels 4n to 4n + 3; at most n. */
QCC_INLINE void qcc_store_codes(const struct qcc_rescale *r, int32_t n_block, const qcc_sums *v,
                                const int8_t *table, int32_t n, int8_t *y) {
  __m256i words = _mm256_packs_epi32(v[0], v[n_block - 1]);
  __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
  if (n_block == 1) low = _mm_unpacklo_epi64(low, high);
  __m128i bytes = _mm_packs_epi16(low, high);
  bytes = _mm_max_epi8(bytes, _mm_set1_epi8((char)r->lo));
  bytes = _mm_min_epi8(bytes, _mm_set1_epi8((char)r->hi));
  n = qcc_min(n, n_block * 8);
  if (n == 16) _mm_storeu_si128((__m128i *)(void *)y, bytes);
  else qcc_store_first(bytes, n, y);
  if (table) qcc_table_row(table, n, y);
}

#endif
