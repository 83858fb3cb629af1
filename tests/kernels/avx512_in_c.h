/* avx512_in_c.h - the AVX-512 instructions that runtime/avx512 uses, in plain C, for processors
 * that lack them: included in front of generated code, it puts functions over arrays of lanes in
 * the place of the intrinsics, so that the kernels for x86-64-v4 run on any x86-64 with AVX2.
 * What each does is what Intel's manual says of the instruction (VPDPBUSD, VPACKSSDW ...);
 * test_avx512_in_c.c compares them with the same instructions on 256 bits. */
#ifndef TESTS_KERNELS_AVX512_IN_C_H
#define TESTS_KERNELS_AVX512_IN_C_H

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef union Wide {
  int8_t b[64];
  uint8_t ub[64];
  int16_t w[32];
  uint16_t uw[32];
  int32_t d[16];
  uint32_t ud[16];
  int64_t q[8];
  uint64_t uq[8];
  float s[16];
} Wide;

/* Not inlined: a tile is hundreds of them. */
#define WIDE static __attribute__((noinline, unused))

/* A function of two operands, or of one and a count; `value` is lane i of n. */
#define BINARY(name, lane, n, value) \
  WIDE Wide wide_##name(Wide a, Wide b) { \
    Wide r; \
    for (int i = 0; i < n; i++) r.lane = value; \
    return r; \
  }
#define SHIFT(name, lane, n, value) \
  WIDE Wide wide_##name(Wide a, unsigned count) { \
    Wide r; \
    for (int i = 0; i < n; i++) r.lane = value; \
    return r; \
  }

static inline int32_t wide_clamp(int32_t v, int32_t lo, int32_t hi) {
  return v < lo ? lo : v > hi ? hi : v;
}
/* Lane i of n in a quarter of 128 bits takes from lane i / 2 of its lower or upper half. */
static inline int wide_half(int i, int n, int upper) { return i / n * n + (i % n + upper * n) / 2; }

/* clang-format off */
BINARY(add_epi32,   ud[i], 16, a.ud[i] + b.ud[i])
BINARY(sub_epi32,   ud[i], 16, a.ud[i] - b.ud[i])
BINARY(add_epi64,   uq[i], 8,  a.uq[i] + b.uq[i])
BINARY(and_si512,   uq[i], 8,  a.uq[i] & b.uq[i])
BINARY(xor_si512,   uq[i], 8,  a.uq[i] ^ b.uq[i])
BINARY(mullo_epi32, ud[i], 16, a.ud[i] * b.ud[i])
BINARY(mul_epi32,   q[i],  8,  (int64_t)a.d[2 * i] * b.d[2 * i])
BINARY(max_epi8,    b[i],  64, a.b[i] > b.b[i] ? a.b[i] : b.b[i])
BINARY(min_epi8,    b[i],  64, a.b[i] < b.b[i] ? a.b[i] : b.b[i])
BINARY(add_ps,      s[i],  16, a.s[i] + b.s[i])
BINARY(sub_ps,      s[i],  16, a.s[i] - b.s[i])
BINARY(mul_ps,      s[i],  16, a.s[i] * b.s[i])
BINARY(max_ps,      s[i],  16, a.s[i] > b.s[i] ? a.s[i] : b.s[i])
BINARY(min_ps,      s[i],  16, a.s[i] < b.s[i] ? a.s[i] : b.s[i])
BINARY(sllv_epi32,  ud[i], 16, b.ud[i] > 31 ? 0 : a.ud[i] << b.ud[i])
BINARY(srav_epi32,  d[i],  16, a.d[i] >> (b.ud[i] > 31 ? 31 : b.ud[i]))
BINARY(unpacklo_epi8,  b[i], 64, i % 2 ? b.b[wide_half(i, 16, 0)] : a.b[wide_half(i, 16, 0)])
BINARY(unpackhi_epi8,  b[i], 64, i % 2 ? b.b[wide_half(i, 16, 1)] : a.b[wide_half(i, 16, 1)])
BINARY(unpacklo_epi16, w[i], 32, i % 2 ? b.w[wide_half(i, 8, 0)] : a.w[wide_half(i, 8, 0)])
BINARY(unpackhi_epi16, w[i], 32, i % 2 ? b.w[wide_half(i, 8, 1)] : a.w[wide_half(i, 8, 1)])
/* Of eight lanes, the first four come from a and the others from b. */
BINARY(packs_epi32, w[i], 32, (int16_t)wide_clamp((i % 8 < 4 ? &a : &b)->d[i / 8 * 4 + i % 4], INT16_MIN, INT16_MAX))
BINARY(packs_epi16, b[i], 64, (int8_t)wide_clamp((i % 16 < 8 ? &a : &b)->w[i / 16 * 8 + i % 8], INT8_MIN, INT8_MAX))
/* By the lower four bits of b from the same quarter of a; 0 where the highest is set. */
BINARY(shuffle_epi8, b[i], 64, (int8_t)(b.b[i] < 0 ? 0 : a.b[i / 16 * 16 + b.b[i] % 16]))
SHIFT(srli_epi16,   uw[i], 32, (uint16_t)(count > 15 ? 0 : a.uw[i] >> count))
SHIFT(slli_epi16,   uw[i], 32, (uint16_t)(count > 15 ? 0 : a.uw[i] << count))
SHIFT(srli_epi64,   uq[i], 8,  count > 63 ? 0 : a.uq[i] >> count)
SHIFT(srai_epi32,   d[i],  16, a.d[i] >> (count > 31 ? 31 : count))
/* clang-format on */

WIDE Wide wide_setzero(void) { return (Wide){{0}}; }
WIDE Wide wide_set1_epi8(char v) {
  Wide r;
  memset(&r, v, sizeof r);
  return r;
}
WIDE Wide wide_set1_epi32(int32_t v) {
  Wide r;
  for (int i = 0; i < 16; i++) r.d[i] = v;
  return r;
}
WIDE Wide wide_set1_epi64(int64_t v) {
  Wide r;
  for (int i = 0; i < 8; i++) r.q[i] = v;
  return r;
}
WIDE Wide wide_set1_ps(float v) {
  Wide r;
  for (int i = 0; i < 16; i++) r.s[i] = v;
  return r;
}

WIDE Wide wide_broadcast_i32x4(__m128i v) {
  Wide r;
  for (int i = 0; i < 4; i++) memcpy(r.b + 16 * i, &v, 16);
  return r;
}

WIDE Wide wide_load(const void *p) {
  Wide r;
  memcpy(&r, p, sizeof r);
  return r;
}
WIDE void wide_store(void *p, Wide v) { memcpy(p, &v, sizeof v); }
/* Memory of lanes that are not selected is neither read nor written. */
WIDE Wide wide_load_bytes(uint64_t mask, const void *p) {
  Wide r = wide_setzero();
  for (int i = 0; i < 64; i++)
    if (mask >> i & 1) r.b[i] = ((const int8_t *)p)[i];
  return r;
}
WIDE Wide wide_load_floats(uint16_t mask, const float *p) {
  Wide r = wide_setzero();
  for (int i = 0; i < 16; i++)
    if (mask >> i & 1) r.s[i] = p[i];
  return r;
}
WIDE void wide_store_bytes(void *p, uint64_t mask, Wide v) {
  for (int i = 0; i < 64; i++)
    if (mask >> i & 1) ((int8_t *)p)[i] = v.b[i];
}
WIDE void wide_store_floats(float *p, uint16_t mask, Wide v) {
  for (int i = 0; i < 16; i++)
    if (mask >> i & 1) p[i] = v.s[i];
}
WIDE void wide_store_16_bytes(void *p, uint16_t mask, __m128i v) {
  int8_t b[16];
  memcpy(b, &v, sizeof b);
  for (int i = 0; i < 16; i++)
    if (mask >> i & 1) ((int8_t *)p)[i] = b[i];
}

/* Lane i of b where bit i is set, else of a. */
WIDE Wide wide_mask_blend_epi32(uint16_t mask, Wide a, Wide b) {
  for (int i = 0; i < 16; i++)
    if (mask >> i & 1) a.d[i] = b.d[i];
  return a;
}
WIDE Wide wide_cvtepu8_epi32(__m128i v) {
  uint8_t b[16];
  Wide r;
  memcpy(b, &v, sizeof b);
  for (int i = 0; i < 16; i++) r.d[i] = b[i];
  return r;
}
WIDE __m128i wide_cvtsepi32_epi8(Wide v) {
  int8_t b[16];
  __m128i r;
  for (int i = 0; i < 16; i++) b[i] = (int8_t)wide_clamp(v.d[i], INT8_MIN, INT8_MAX);
  memcpy(&r, b, sizeof r);
  return r;
}
/* Four products of an unsigned and a signed byte each; neither they nor the sum saturate. */
WIDE Wide wide_dpbusd_epi32(Wide sum, Wide a, Wide b) {
  for (int i = 0; i < 64; i++) sum.ud[i / 4] += (uint32_t)(a.ub[i] * b.b[i]);
  return sum;
}
WIDE Wide wide_fmadd_ps(Wide a, Wide b, Wide c) {
  for (int i = 0; i < 16; i++) c.s[i] = fmaf(a.s[i], b.s[i], c.s[i]);
  return c;
}

#undef WIDE
#undef BINARY
#undef SHIFT

/* Without optimisation gcc has macros for shifts by constants. */
#undef _mm512_slli_epi16
#undef _mm512_srai_epi32
#undef _mm512_srli_epi16
#undef _mm512_srli_epi64

#define __m512i Wide
#define __m512 Wide
#define _mm512_add_epi32 wide_add_epi32
#define _mm512_add_epi64 wide_add_epi64
#define _mm512_add_ps wide_add_ps
#define _mm512_and_si512 wide_and_si512
#define _mm512_broadcast_i32x4 wide_broadcast_i32x4
#define _mm512_cvtepu8_epi32 wide_cvtepu8_epi32
#define _mm512_cvtsepi32_epi8 wide_cvtsepi32_epi8
#define _mm512_dpbusd_epi32 wide_dpbusd_epi32
#define _mm512_fmadd_ps wide_fmadd_ps
#define _mm512_loadu_ps wide_load
#define _mm512_loadu_si512 wide_load
#define _mm512_mask_blend_epi32 wide_mask_blend_epi32
#define _mm512_mask_storeu_epi8 wide_store_bytes
#define _mm512_mask_storeu_ps wide_store_floats
#define _mm512_maskz_loadu_epi8 wide_load_bytes
#define _mm512_maskz_loadu_ps wide_load_floats
#define _mm512_max_epi8 wide_max_epi8
#define _mm512_max_ps wide_max_ps
#define _mm512_min_epi8 wide_min_epi8
#define _mm512_min_ps wide_min_ps
#define _mm512_mul_epi32 wide_mul_epi32
#define _mm512_mul_ps wide_mul_ps
#define _mm512_mullo_epi32 wide_mullo_epi32
#define _mm512_packs_epi16 wide_packs_epi16
#define _mm512_packs_epi32 wide_packs_epi32
#define _mm512_set1_epi32 wide_set1_epi32
#define _mm512_set1_epi64 wide_set1_epi64
#define _mm512_set1_epi8 wide_set1_epi8
#define _mm512_set1_ps wide_set1_ps
#define _mm512_setzero_si512 wide_setzero
#define _mm512_shuffle_epi8 wide_shuffle_epi8
#define _mm512_slli_epi16 wide_slli_epi16
#define _mm512_sllv_epi32 wide_sllv_epi32
#define _mm512_srai_epi32 wide_srai_epi32
#define _mm512_srav_epi32 wide_srav_epi32
#define _mm512_srli_epi16 wide_srli_epi16
#define _mm512_srli_epi64 wide_srli_epi64
#define _mm512_storeu_si512 wide_store
#define _mm512_storeu_ps wide_store
#define _mm512_sub_ps wide_sub_ps
#define _mm512_unpackhi_epi16 wide_unpackhi_epi16
#define _mm512_unpackhi_epi8 wide_unpackhi_epi8
#define _mm512_unpacklo_epi16 wide_unpacklo_epi16
#define _mm512_unpacklo_epi8 wide_unpacklo_epi8
#define _mm512_xor_si512 wide_xor_si512
#define _mm_mask_storeu_epi8 wide_store_16_bytes

#endif
