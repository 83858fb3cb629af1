/* common.h - what every kernel shares: how functions are declared, clamping, and the rule q31 that
 * turns an int32 accumulator into a code, or rules tflite and float.  Strict C99; no globals, no malloc, no stdio.
 *
 * The rule is y = clamp(zero + ((acc' * m + 2^30) >> 31), lo, hi), acc' the accumulator shifted by
 * `shift`, 0 <= m < 2^30.  With 2m in place of m it is the rounded upper half of a 64-bit product,
 * which many cores compute in one instruction (SMMULR).  Right shifts of negative numbers are
 * arithmetic on every compiler that this code meets. */
#ifndef QCC_COMMON_H
#define QCC_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Not every model calls every function of a header, and clang would say so. */
#ifndef QCC_KERNEL
#if defined(__GNUC__)
#define QCC_KERNEL static inline __attribute__((unused))
#else
#define QCC_KERNEL static inline
#endif
#endif

/* For the innermost functions, whose arguments must be folded to be small or fast. */
#ifndef QCC_INLINE
#if defined(__GNUC__)
#define QCC_INLINE static inline __attribute__((always_inline, unused))
#else
#define QCC_INLINE static inline
#endif
#endif

#ifndef QCC_RESTRICT
#define QCC_RESTRICT restrict
#endif

/* In front of a loop over runs of constant steps: clang 19 makes gathers of it for Helium, and then
 * loses the exit of the loop around it. */
#if defined(__clang__) && defined(__ARM_FEATURE_MVE)
#define QCC_NO_GATHER _Pragma("clang loop vectorize(disable)")
#else
#define QCC_NO_GATHER
#endif

/* 1 where some layer follows rule tflite; else there is no code for it. */
#ifndef QCC_TFLITE
#define QCC_TFLITE 0
#endif

/* 1 where some layer follows rule float. */
#ifndef QCC_FLOAT_RULE
#define QCC_FLOAT_RULE 0
#endif

/* How an accumulator becomes a code. The multiplier m comes beside it. */
struct qcc_rescale {
  int32_t shift;  /* left shift of the accumulator before the product; negative: right shift */
  int32_t zero;   /* output zero point */
  int32_t lo, hi; /* output range, in codes */
  int32_t exponents; /* 0: rule q31; -1: rule float; else rule tflite, m[exponents] is the exponent of
                        m[0], or, to kernels for an instruction set, its second factor */
};

QCC_INLINE int32_t qcc_clamp(int32_t v, int32_t lo, int32_t hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

QCC_INLINE int32_t qcc_min(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* zero + v to the nearest, ties to even, within lo..hi.  1.5 * 2^23 leaves the integer in the low bits. */
QCC_INLINE int32_t qcc_round_code(int32_t zero, float v, int32_t lo, int32_t hi) {
  float least = (float)(lo - zero), most = (float)(hi - zero);
  int32_t bits;
  v = v < least ? least : v > most ? most : v;
  v += 12582912.0f;
  memcpy(&bits, &v, 4);
  return bits - 0x4b400000 + zero;
}

/* By rule float: acc * m in float32, whose bits m is. */
QCC_INLINE int32_t qcc_requantize_float(const struct qcc_rescale *r, int32_t acc, int32_t m) {
  float scale;
  memcpy(&scale, &m, 4);
  return qcc_round_code(r->zero, (float)acc * scale, r->lo, r->hi);
}

QCC_INLINE int32_t qcc_requantize(const struct qcc_rescale *r, int32_t acc, int32_t m) {
  if (QCC_FLOAT_RULE && r->exponents < 0)
    return qcc_requantize_float(r, acc, m);
  int32_t a = r->shift >= 0 ? (int32_t)((uint32_t)acc << r->shift) : acc >> -r->shift;
  int64_t product = (int64_t)a * (m * 2) + INT64_C(0x80000000);
  return qcc_clamp(r->zero + (int32_t)(product >> 32), r->lo, r->hi);
}

/* v / 2^bits, halves away from zero; 0 <= bits <= 32. */
QCC_INLINE int32_t qcc_round_shift(int32_t v, int32_t bits) {
  return bits == 0 ? v : (((v + (v >> 31)) >> (bits - 1)) + 1) >> 1;
}

/* acc * m * 2^(exponent - 31), as rule tflite rounds: the upper half of the doubled product to the nearest,
 * then what a right shift drops. */
QCC_INLINE int32_t qcc_scale_tflite(int32_t acc, int32_t m, int32_t exponent) {
  int32_t left = exponent > 0 ? exponent : 0;
  int64_t product = (int64_t)(int32_t)((uint32_t)acc << left) * m;
  return qcc_round_shift((int32_t)((product + INT64_C(0x40000000)) >> 31), left - exponent);
}

/* zero + v within lo..hi, where v may be any number. */
QCC_INLINE int32_t qcc_add_zero(int32_t zero, int32_t v, int32_t lo, int32_t hi) {
  return zero + qcc_clamp(v, lo - zero, hi - zero);
}

/* The last step of a layer: its rule, with multiplier m[0], then the activation's table where there is
 * one. */
QCC_INLINE int8_t qcc_output_s8(const struct qcc_rescale *r, int32_t acc, const int32_t *m,
                                const int8_t *table) {
  int32_t code;
  if (QCC_TFLITE && r->exponents > 0)
    code = qcc_add_zero(r->zero, qcc_scale_tflite(acc, m[0], m[r->exponents]), r->lo, r->hi);
  else
    code = qcc_requantize(r, acc, m[0]);
  return table ? table[code + 128] : (int8_t)code;
}

/* What weights are to the kernels for an instruction set: integers of 8, 4 or 2 bits; or, 16 + n,
 * indices of four bits into 16 levels of n bits, of which level 0 is 0. */
enum { QCC_LEVELS_8 = 24, QCC_LEVELS_5 = 21 };

/* The levels among a kernel's parameters. */
#define QCC_WITH_LEVELS const int8_t *levels,

/* Of a weight as it is stored. */
QCC_INLINE int32_t qcc_weight_bits(int32_t kind) {
  return kind > 16 ? 4 : kind;
}

#endif
