/* lanes.h - what the integer kernels of runtime/x86 are written in, with sixteen int32 sums to a
 * vector: products by VPDPBUSD, rule q31 and narrowing. */
#ifndef QCC_AVX512_LANES_H
#define QCC_AVX512_LANES_H

#include <immintrin.h>

#include "x86/shared.h"

#define QCC_ISA(name) qcc_avx512_##name

typedef __m512i qcc_sums;

/* There are registers for 6 pixels by 64 channels, or 8 by 32. */
enum {
  QCC_SUMS = 16,  /* of a vector */
  QCC_BLOCKS = 4, /* vectors of sums per pixel of a tile */
  QCC_TILE_8 = 6, /* pixels of a tile with 8 bits, with fewer bits, with levels, and with two vectors */
  QCC_TILE_4 = 6,
  QCC_TILE_L8 = 6,
  QCC_NARROW_8 = 8,
  QCC_NARROW_4 = 8,
  QCC_TILE = 8 /* the largest of them */
};

QCC_INLINE qcc_sums qcc_load_sums(const void *p) { return _mm512_loadu_si512(p); }
QCC_INLINE qcc_sums qcc_no_sums(void) { return _mm512_setzero_si512(); }
QCC_INLINE qcc_sums qcc_add_sums(qcc_sums a, qcc_sums b) { return _mm512_add_epi32(a, b); }
QCC_INLINE qcc_sums qcc_multiply_sums(qcc_sums a, qcc_sums b) { return _mm512_mullo_epi32(a, b); }
QCC_INLINE qcc_sums qcc_load_multiples(const uint8_t *p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* ---- products */

/* Of an input as the kernel reads it. */
QCC_INLINE int32_t qcc_input_bytes(int32_t kind) { return kind ? 1 : 0; }
/* That one load reads per vector. */
QCC_INLINE int32_t qcc_load_bytes(int32_t kind) { return kind ? 64 : 0; }
/* Loads of weights whose products one accumulator can take. */
QCC_INLINE int32_t qcc_room(int32_t kind) { return kind ? INT32_MAX : 0; }

QCC_INLINE qcc_sums qcc_load_weights(int32_t kind, const uint8_t *p) {
  (void)kind;
  return _mm512_loadu_si512(p);
}
/* Levels by index, of the first four bits of bytes or of the others. */
QCC_INLINE qcc_sums qcc_look(const int8_t *levels, int32_t step, qcc_sums packed) {
  __m128i table = _mm_loadu_si128((const __m128i *)(const void *)levels);
  __m512i at = step == 0 ? packed : _mm512_srli_epi16(packed, 4);
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table),
                             _mm512_and_si512(at, _mm512_set1_epi8(15)));
}
/* The weights of one of the 8 / bits steps of a load; integers of fewer bits stay in the upper part
 * of a byte, which multiplies the weight. */
QCC_INLINE qcc_sums qcc_weights_of(int32_t kind, const int8_t *levels, int32_t step,
                                   qcc_sums packed) {
  int32_t bits = kind;
  if (kind == 8) return packed;
  if (kind > 16) return qcc_look(levels, step, packed);
  int32_t left = 8 - bits - bits * step;
  __m512i up = left == 6   ? _mm512_slli_epi16(packed, 6)
               : left == 4 ? _mm512_slli_epi16(packed, 4)
               : left == 2 ? _mm512_slli_epi16(packed, 2)
                           : packed;
  return _mm512_and_si512(up, _mm512_set1_epi8(bits == 4 ? -16 : -64));
}
QCC_INLINE qcc_sums qcc_spread_codes(int32_t four) { return _mm512_set1_epi32(four); }
QCC_INLINE qcc_sums qcc_dot(int32_t kind, qcc_sums sum, qcc_sums inputs, qcc_sums weights) {
  (void)kind;
  return _mm512_dpbusd_epi32(sum, inputs, weights);
}
/* The sums that an accumulator stands for. */
QCC_INLINE qcc_sums qcc_whole_sums(int32_t kind, qcc_sums acc) {
  return kind >= 8 ? acc : kind == 4 ? _mm512_srai_epi32(acc, 4) : _mm512_srai_epi32(acc, 6);
}

/* ---- codes */

/* Rule q31, not yet clamped: the rounded upper halves of 64-bit products, of even and odd lanes
 * apart; m2[17] are the multipliers doubled, and one more that is not used. */
QCC_INLINE qcc_sums qcc_requantize_sums(const struct qcc_rescale *r, qcc_sums acc,
                                        const int32_t *m2) {
  const __m512i half = _mm512_set1_epi64(((int64_t)r->zero * 2 + 1) * INT64_C(0x80000000));
  if (r->shift) {
    acc = _mm512_sllv_epi32(acc, _mm512_set1_epi32(r->shift > 0 ? r->shift : 0));
    acc = _mm512_srav_epi32(acc, _mm512_set1_epi32(r->shift < 0 ? -r->shift : 0));
  }
  __m512i even = _mm512_mul_epi32(acc, qcc_load_sums(m2));
  __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(acc, 32), qcc_load_sums(m2 + 1));
  even = _mm512_srli_epi64(_mm512_add_epi64(even, half), 32);
  odd = _mm512_add_epi64(odd, half);
  return _mm512_mask_blend_epi32(0xaaaa, even, odd);
}

/* Sixteen codes in order. */
QCC_INLINE __m128i qcc_pack_avx512(const struct qcc_rescale *r, __m512i v) {
  __m128i bytes = _mm512_cvtsepi32_epi8(v);
  bytes = _mm_max_epi8(bytes, _mm_set1_epi8((char)r->lo));
  return _mm_min_epi8(bytes, _mm_set1_epi8((char)r->hi));
}

/* Sixty-four codes; v[n] holds, of each quarter of sixteen, the elements 4n to 4n + 3. */
QCC_INLINE __m512i qcc_pack4_avx512(const struct qcc_rescale *r, const __m512i *v) {
  __m512i low = _mm512_packs_epi32(v[0], v[1]), high = _mm512_packs_epi32(v[2], v[3]);
  __m512i bytes = _mm512_packs_epi16(low, high);
  bytes = _mm512_max_epi8(bytes, _mm512_set1_epi8((char)r->lo));
  return _mm512_min_epi8(bytes, _mm512_set1_epi8((char)r->hi));
}

/* Clamps and writes the codes of up to three vectors of channels in order, or of four as above;
 * at most n. */
QCC_INLINE void qcc_store_codes(const struct qcc_rescale *r, int32_t n_block, const qcc_sums *v,
                                const int8_t *table, int32_t n, int8_t *y) {
  n = qcc_min(n, n_block * 16);
  if (n_block == 4 && n == 64) {
    _mm512_storeu_si512(y, qcc_pack4_avx512(r, v));
  } else if (n_block == 4) {
    _mm512_mask_storeu_epi8(y, ~UINT64_C(0) >> (64 - n), qcc_pack4_avx512(r, v));
  } else {
#pragma GCC unroll 4
    for (int32_t i = 0; i < n_block; i++) {
      __m128i bytes = qcc_pack_avx512(r, v[i]);
      if (n >= i * 16 + 16) _mm_storeu_si128((__m128i *)(void *)(y + i * 16), bytes);
      else _mm_mask_storeu_epi8(y + i * 16, (__mmask16)(0xffffu >> (i * 16 + 16 - n)), bytes);
    }
  }
  if (table) qcc_table_row(table, n, y);
}

#endif
