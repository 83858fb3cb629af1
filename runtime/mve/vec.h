/* mve/vec.h - what the Helium kernels share: copies and fills with tail-predicated loops, and the
 * last step of a layer on four channels.  Rule q31 is one instruction: VQRDMLASH computes zero +
 * ((acc * m + 2^30) >> 31).  Rule tflite is VQRDMULH with m, then VQRDMLASH with 2^(31 - right) + 1 in
 * place of the right shift.  Loops that compilers write badly are in assembly; nothing here reads
 * or writes a byte outside the given ranges. */
#ifndef QCC_MVE_VEC_H
#define QCC_MVE_VEC_H

#include <arm_mve.h>

#include "copy.h"

QCC_INLINE int32_t qcc_mve_round16(int32_t n) {
  return (n + 15) & ~15;
}

QCC_INLINE void qcc_mve_fill(int8_t *y, int32_t value, int32_t n) {
  __asm__ volatile("vdup.8 q0, %[v]\n"
                   "wlstp.8 lr, %[n], 2f\n"
                   "1: vstrb.8 q0, [%[y]], #16\n"
                   "letp lr, 1b\n"
                   "2:"
                   : [y] "+r"(y)
                   : [n] "r"(n), [v] "r"(value)
                   : "lr", "q0", "memory");
}

QCC_INLINE int32x4_t qcc_mve_lanes(int32_t a, int32_t b, int32_t c, int32_t d) {
  int32x4_t v;
  __asm__("vmov %q0[2], %q0[0], %1, %3\n"
          "vmov %q0[3], %q0[1], %2, %4"
          : "=&w"(v)
          : "r"(a), "r"(b), "r"(c), "r"(d));
  return v;
}

/* Is the range known to be that of int8? */
QCC_INLINE int32_t qcc_mve_is_full(const struct qcc_rescale *r) {
  return __builtin_constant_p(r->lo) && r->lo <= -128 && __builtin_constant_p(r->hi) &&
         r->hi >= 127;
}

QCC_INLINE int32x4_t qcc_mve_clamp(const struct qcc_rescale *r, const int8_t *table, int32x4_t v) {
  if (r->lo <= -128 && r->hi >= 127) /* the low byte of each lane saturates */
    v = vreinterpretq_s32_s8(
        vqmovnbq_s16(vreinterpretq_s8_s32(v), vqmovnbq_s32(vreinterpretq_s16_s32(v), v)));
  else
    v = vminq_s32(vmaxq_s32(v, vdupq_n_s32(r->lo)), vdupq_n_s32(r->hi));
  if (table) {
    uint32x4_t code = vreinterpretq_u32_s8(veorq_s8(vreinterpretq_s8_s32(v), vdupq_n_s8(-128)));
    v = vldrbq_gather_offset_s32(table, vandq_u32(code, vdupq_n_u32(255)));
  }
  return v;
}

/* Rule q31 on four sums; the codes are in the low bytes. */
QCC_INLINE int32x4_t qcc_mve_codes(const struct qcc_rescale *r, const int8_t *table, int32x4_t acc,
                                   int32x4_t m) {
  if (r->shift != 0)
    acc = vshlq_r_s32(acc, r->shift);
  return qcc_mve_clamp(r, table, vqrdmlashq_n_s32(acc, m, r->zero));
}

/* Rule tflite? */
QCC_INLINE int32_t qcc_mve_is_tflite(const struct qcc_rescale *r) {
  return QCC_TFLITE && r->exponents;
}

/* Words of factors that a channel has. */
QCC_INLINE int32_t qcc_mve_words(const struct qcc_rescale *r) {
  return qcc_mve_is_tflite(r) ? 2 : 1;
}

/* Four output channels, or the first n of them.  With rule tflite the factors of four channels lie together: m,
 * second factors. */
struct qcc_mve_quad {
  int32x4_t bias, m, second;
};

QCC_INLINE struct qcc_mve_quad qcc_mve_load_quad(const struct qcc_rescale *r, const int32_t *b,
                                                 const int32_t *m, int32_t n) {
  struct qcc_mve_quad q;
  q.second = qcc_mve_is_tflite(r) ? vldrwq_s32(m + 4) : vdupq_n_s32(0);
  if (n >= 4) {
    q.bias = vldrwq_s32(b);
    q.m = vldrwq_s32(m);
  } else {
    mve_pred16_t p = vctp32q((uint32_t)n);
    q.bias = vldrwq_z_s32(b, p);
    q.m = vldrwq_z_s32(m, p);
  }
  return q;
}

QCC_INLINE void qcc_mve_store_quad(const struct qcc_rescale *r, const struct qcc_mve_quad *q,
                                   const int8_t *table, int32x4_t acc, int32_t n, int8_t *y) {
  int32_t tflite = qcc_mve_is_tflite(r);
  acc = vaddq_s32(acc, q->bias);
  if (tflite)
    acc = vqrdmulhq_s32(acc, q->m);
  int32x4_t v = qcc_mve_codes(r, table, acc, tflite ? q->second : q->m);
  if (n >= 4)
    vstrbq_s32(y, v);
  else
    vstrbq_p_s32(y, v, vctp32q((uint32_t)n));
}

#endif
