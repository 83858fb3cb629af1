/* dsp.h - what the kernels for the DSP instructions of Armv7E-M and Armv8-M share: the
 * instructions themselves, unaligned words, and codes widened to pairs of 16 bits.
 *
 * A word of four codes c0 c1 c2 c3 is widened to the pairs (c0, c2) and (c1, c3), which is what
 * SXTB16 gives; constant weights are packed in the same order.
 *
 * Weights come as halfwords that hold two output channels at once, 256 * a + b.  SMLAD with the
 * halfword as it stands sums 256 * a + b, with its sign-extended low byte it sums b alone, and the
 * difference is 256 * a: one SXTB16 unpacks four weights instead of two.  Sums must stay below
 * 2^23, which the compiler checks from the weights.
 *
 * 256 * -128 + b may be beyond a halfword.  Weights among which is a -128 are raised, 256 * a +
 * (b + 128), which always fits, and UXTB16 takes the place of SXTB16.  What the 128s add to the sum
 * of b, 128 times the sum of the pixel's codes, is taken back at the end.
 *
 * Assembly that takes almost every register names them, because gcc does not find an allocation in
 * every function; never r7, which may be the frame pointer. */
#ifndef QCC_DSP_H
#define QCC_DSP_H

#include "copy.h"

QCC_INLINE uint32_t qcc_dsp_load(const void *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}

QCC_INLINE void qcc_dsp_store(void *p, uint32_t v) {
  memcpy(p, &v, 4);
}

/* Bytes 0 and 2, sign-extended. */
QCC_INLINE uint32_t qcc_dsp_even(uint32_t v) {
  uint32_t r;
  __asm__("sxtb16 %0, %1" : "=r"(r) : "r"(v));
  return r;
}

/* Bytes 1 and 3, sign-extended. */
QCC_INLINE uint32_t qcc_dsp_odd(uint32_t v) {
  uint32_t r;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(v));
  return r;
}

/* Bytes 0 and 2 of v plus the halves of s. */
QCC_INLINE uint32_t qcc_dsp_add_even(uint32_t s, uint32_t v) {
  uint32_t r;
  __asm__("sxtab16 %0, %1, %2" : "=r"(r) : "r"(s), "r"(v));
  return r;
}

/* Bytes 1 and 3. */
QCC_INLINE uint32_t qcc_dsp_add_odd(uint32_t s, uint32_t v) {
  uint32_t r;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(r) : "r"(s), "r"(v));
  return r;
}

/* The lower halves of a and b. */
QCC_INLINE uint32_t qcc_dsp_low(uint32_t a, uint32_t b) {
  uint32_t r;
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(r) : "r"(a), "r"(b));
  return r;
}

/* The upper halves of a and b. */
QCC_INLINE uint32_t qcc_dsp_high(uint32_t a, uint32_t b) {
  uint32_t r;
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(r) : "r"(b), "r"(a));
  return r;
}

QCC_INLINE int32_t qcc_dsp_smlad(uint32_t a, uint32_t b, int32_t sum) {
  int32_t r;
  __asm__("smlad %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(sum));
  return r;
}

/* For pair_s8.h and gemm_s8.h: `steps` times their QCC_DSP_STEP(xtb16), four codes by int8 weights,
 * with inputs at x, weights at w, and n = steps / 4 at first. */
#define QCC_DSP_LOOP_S8(steps)                                                          \
  __asm__ volatile("1:\n\t" steps                                                       \
                   "subs %[n], %[n], #1\n\t"                                            \
                   "bne 1b"                                                             \
                   : [s0] "+r"(s0), [s1] "+r"(s1), [t0] "+r"(t0), [t1] "+r"(t1),        \
                     [x] "+r"(x), [w] "+r"(w), [n] "+r"(n)                              \
                   :                                                                    \
                   : "r3", "r4", "r5", "r6", "r12", "lr", "cc", "memory")
#define QCC_DSP_STEPS_S8(xtb16)                                     \
  do {                                                              \
    if (n > 0)                                                      \
      QCC_DSP_LOOP_S8(QCC_DSP_STEP(xtb16) QCC_DSP_STEP(xtb16)       \
                      QCC_DSP_STEP(xtb16) QCC_DSP_STEP(xtb16));     \
    n = steps & 3;                                                  \
    if (n > 0)                                                      \
      QCC_DSP_LOOP_S8(QCC_DSP_STEP(xtb16));                         \
  } while (0)

/* sum[pixels]: of the codes of one pixel or two, widened into columns, times what both halves of `by`
 * hold.  Returns the end of the columns. */
QCC_INLINE const uint32_t *qcc_dsp_sum_codes(uint32_t by, int32_t pixels, int32_t steps,
                                             const uint32_t *x, int32_t *sum) {
  const uint32_t *end = x + 2 * pixels * steps;
  int32_t s = 0, t = 0;
  for (; x != end; x += 2 * pixels) {
    s = qcc_dsp_smlad(x[pixels], by, qcc_dsp_smlad(x[0], by, s));
    if (pixels == 2)
      t = qcc_dsp_smlad(x[3], by, qcc_dsp_smlad(x[1], by, t));
  }
  sum[0] = s;
  if (pixels == 2)
    sum[1] = t;
  return x;
}

/* What the sums of raised weights have too much. */
QCC_INLINE void qcc_dsp_sum_raised(int32_t pixels, int32_t steps, const uint32_t *x,
                                   int32_t *sum) {
  qcc_dsp_sum_codes(0x00800080, pixels, steps, x, sum);
}

QCC_INLINE uint32_t qcc_dsp_splat(int32_t code) {
  uint32_t half = (uint32_t)code & 0xffff;
  return half | half << 16;
}

/* What follows the bias of a channel: 2 m of rule q31; m of rule tflite, and what takes the place of its right shift:
 * v / 2^n, halves away from zero, is the rounded upper half of v * (2^(32 - n) + 1). */
struct qcc_dsp_factors {
  int32_t m, second;
};

/* Rule tflite? */
QCC_INLINE int32_t qcc_dsp_is_tflite(const struct qcc_rescale *r) {
  return QCC_TFLITE && r->exponents;
}

/* Words that belong to a channel. */
QCC_INLINE int32_t qcc_dsp_words(const struct qcc_rescale *r) {
  return qcc_dsp_is_tflite(r) ? 3 : 2;
}

/* Of the channel whose m lies at k, second factors r->exponents behind. */
QCC_INLINE struct qcc_dsp_factors qcc_dsp_load_factors(const struct qcc_rescale *r,
                                                       const int32_t *k) {
  struct qcc_dsp_factors f = {k[0], 0};
  if (qcc_dsp_is_tflite(r))
    f.second = k[r->exponents];
  return f;
}

/* Rule q31 for acc' that has been shifted; m2 is 2 * m. */
QCC_INLINE int32_t qcc_dsp_code(const struct qcc_rescale *r, int32_t acc, int32_t m2) {
  int32_t v;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(v) : "r"(acc), "r"(m2), "r"(r->zero));
  if (r->lo == -128 && r->hi == 127) {
    __asm__("ssat %0, #8, %1" : "=r"(v) : "r"(v));
    return v;
  }
  return qcc_clamp(v, r->lo, r->hi);
}

QCC_INLINE int8_t qcc_dsp_output(const struct qcc_rescale *r, int32_t acc, int32_t m2,
                                 const int8_t *table) {
  int32_t code = qcc_dsp_code(r, acc, m2);
  return table ? table[code + 128] : (int8_t)code;
}

/* By the layer's rule; of tflite acc' is twice the accumulator. */
QCC_INLINE int8_t qcc_dsp_finish(const struct qcc_rescale *r, int32_t acc,
                                 struct qcc_dsp_factors f, const int8_t *table) {
  if (!qcc_dsp_is_tflite(r))
    return qcc_dsp_output(r, acc, f.m, table);
  __asm__("smmulr %0, %1, %2" : "=r"(acc) : "r"(acc), "r"(f.m));
  return qcc_dsp_output(r, acc, f.second, table);
}

/* acc' from an accumulator that is 2^bits times too large and whose low bits are 0. */
QCC_INLINE int32_t qcc_dsp_shift(const struct qcc_rescale *r, int32_t acc, int32_t bits) {
  int32_t shift = r->shift - bits;
  return shift >= 0 ? (int32_t)((uint32_t)acc << shift) : acc >> -shift;
}

/* 1 to 3 codes, the rest 0. */
QCC_INLINE uint32_t qcc_dsp_load_tail(const int8_t *x, int32_t n) {
  uint32_t v = (uint8_t)x[0];
  if (n > 1)
    v |= (uint32_t)(uint8_t)x[1] << 8;
  if (n > 2)
    v |= (uint32_t)(uint8_t)x[2] << 16;
  return v;
}

/* Widens n codes into out[0], out[step], out[2 * step] ...; returns the end in out.  step: 1 or 2.
 * (Assembly, because compilers do not find the addressing modes.) */
QCC_INLINE uint32_t *qcc_dsp_widen(const int8_t *x, int32_t n, int32_t step, uint32_t *out) {
  const int8_t *end = x + (n & ~3);
  uint32_t u, v;
  while (x != end)
    if (step == 1)
      __asm__ volatile("ldr %[v], [%[x]], #4\n\t"
                       "sxtb16 %[u], %[v]\n\t"
                       "sxtb16 %[v], %[v], ror #8\n\t"
                       "strd %[u], %[v], [%[out]], #8"
                       : [x] "+r"(x), [out] "+r"(out), [u] "=&r"(u), [v] "=&r"(v)
                       :
                       : "memory");
    else
      __asm__ volatile("ldr %[v], [%[x]], #4\n\t"
                       "sxtb16 %[u], %[v]\n\t"
                       "sxtb16 %[v], %[v], ror #8\n\t"
                       "str %[u], [%[out]], #8\n\t"
                       "str %[v], [%[out]], #8"
                       : [x] "+r"(x), [out] "+r"(out), [u] "=&r"(u), [v] "=&r"(v)
                       :
                       : "memory");
  if (n & 3) {
    v = qcc_dsp_load_tail(x, n & 3);
    out[0] = qcc_dsp_even(v);
    out[step] = qcc_dsp_odd(v);
    out += 2 * step;
  }
  return out;
}

/* Widens n codes of each of two neighbouring pixels, by turns, into out[0], out[1] ... */
QCC_INLINE void qcc_dsp_widen_pair(const int8_t *x, int32_t n, uint32_t *out) {
  const int8_t *x1 = x + n, *end = x + (n & ~3);
  while (x != end) {
    uint32_t u, v, s, t;
    __asm__ volatile("ldr %[s], [%[x]], #4\n\t"
                     "ldr %[t], [%[x1]], #4\n\t"
                     "sxtb16 %[u], %[s]\n\t"
                     "sxtb16 %[v], %[t]\n\t"
                     "strd %[u], %[v], [%[out]], #8\n\t"
                     "sxtb16 %[u], %[s], ror #8\n\t"
                     "sxtb16 %[v], %[t], ror #8\n\t"
                     "strd %[u], %[v], [%[out]], #8"
                     : [x] "+r"(x), [x1] "+r"(x1), [out] "+r"(out), [u] "=&r"(u), [v] "=&r"(v),
                       [s] "=&r"(s), [t] "=&r"(t)
                     :
                     : "memory");
  }
  if (n & 3) {
    qcc_dsp_widen(x, n & 3, 2, out);
    qcc_dsp_widen(x1, n & 3, 2, out + 1);
  }
}

#endif
