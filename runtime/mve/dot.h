/* mve/dot.h - dot products of int8 codes with int8 or int4 weights on Helium.  Weights are packed
 * for them: four output channels side by side, 16 elements each, w[channels / 4][depth /
 * 16][4][16], padded with zeros, so that one pointer streams through them.  VMLADAV sums 16
 * products into a core register; two pixels or two packs of channels at a time use all eight that
 * it can name, a single one leaves room for a loop without overhead.  Steps of 16 are taken in
 * pairs.
 *
 * int4 weights of two channels share a byte, 16 a + b + 8, w[channels / 4][depth / 16][2][16]: the
 * sum with the byte less the sum with its lower nibble is 16 times the sum with a, the latter that
 * with b plus 8 times the sum of x.  So int4 takes no more instructions than int8. */
#ifndef QCC_MVE_DOT_H
#define QCC_MVE_DOT_H

#include "mve/vec.h"

/* One step of two pixels by four channels; A is "" or "a". */
#define QCC_MVE_STEP2X4(A)                                                                         \
  "vldrb.8 q0, [%[x]], #16\n"                                                                      \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r0, q0, q2\n"                                                                   \
  "vldrb.8 q1, [%[x1]], #16\n"                                                                     \
  "vmladav" A ".s8 r8, q1, q2\n"                                                                   \
  "vldrb.8 q3, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r2, q0, q3\n"                                                                   \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r10, q1, q3\n"                                                                  \
  "vmladav" A ".s8 r4, q0, q2\n"                                                                   \
  "vldrb.8 q3, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r12, q1, q2\n"                                                                  \
  "vmladav" A ".s8 r6, q0, q3\n"                                                                   \
  "vmladav" A ".s8 lr, q1, q3\n"

/* One step of one pixel by eight channels. */
#define QCC_MVE_STEP1X8(A)                                                                         \
  "vldrb.8 q0, [%[x]], #16\n"                                                                      \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r0, q0, q2\n"                                                                   \
  "vldrb.8 q3, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r2, q0, q3\n"                                                                   \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r4, q0, q2\n"                                                                   \
  "vldrb.8 q3, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r6, q0, q3\n"                                                                   \
  "vldrb.8 q2, [%[x1]], #16\n"                                                                     \
  "vmladav" A ".s8 r8, q0, q2\n"                                                                   \
  "vldrb.8 q3, [%[x1]], #16\n"                                                                     \
  "vmladav" A ".s8 r10, q0, q3\n"                                                                  \
  "vldrb.8 q2, [%[x1]], #16\n"                                                                     \
  "vmladav" A ".s8 r12, q0, q2\n"                                                                  \
  "vldrb.8 q3, [%[x1]], #16\n"                                                                     \
  "vmladav" A ".s8 lr, q0, q3\n"

/* The same with int4 weights: even sums are of bytes, odd ones of lower nibbles. */
#define QCC_MVE_STEP2X4_S4(A)                                                                      \
  "vldrb.8 q0, [%[x]], #16\n"                                                                      \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r0, q0, q2\n"                                                                   \
  "vldrb.8 q1, [%[x1]], #16\n"                                                                     \
  "vand q3, q2, %q[mask]\n"                                                                        \
  "vmladav" A ".s8 r8, q1, q2\n"                                                                   \
  "vmladav" A ".s8 r2, q0, q3\n"                                                                   \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r10, q1, q3\n"                                                                  \
  "vand q3, q2, %q[mask]\n"                                                                        \
  "vmladav" A ".s8 r4, q0, q2\n"                                                                   \
  "vmladav" A ".s8 r12, q1, q2\n"                                                                  \
  "vmladav" A ".s8 r6, q0, q3\n"                                                                   \
  "vmladav" A ".s8 lr, q1, q3\n"

#define QCC_MVE_STEP1X8_S4(A)                                                                      \
  "vldrb.8 q0, [%[x]], #16\n"                                                                      \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vand q3, q2, %q[mask]\n"                                                                        \
  "vmladav" A ".s8 r0, q0, q2\n"                                                                   \
  "vldrb.8 q1, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r2, q0, q3\n"                                                                   \
  "vand q3, q1, %q[mask]\n"                                                                        \
  "vmladav" A ".s8 r4, q0, q1\n"                                                                   \
  "vldrb.8 q2, [%[x1]], #16\n"                                                                     \
  "vmladav" A ".s8 r6, q0, q3\n"                                                                   \
  "vand q3, q2, %q[mask]\n"                                                                        \
  "vmladav" A ".s8 r8, q0, q2\n"                                                                   \
  "vldrb.8 q1, [%[x1]], #16\n"                                                                     \
  "vmladav" A ".s8 r10, q0, q3\n"                                                                  \
  "vand q3, q1, %q[mask]\n"                                                                        \
  "vmladav" A ".s8 r12, q0, q1\n"                                                                  \
  "vmladav" A ".s8 lr, q0, q3\n"

/* Behind the steps of int4: sums with the upper nibbles, 16 times too large. */
#define QCC_MVE_SPLIT_S4                                                                           \
  "sub r0, r0, r2\n"                                                                               \
  "sub r4, r4, r6\n"                                                                               \
  "sub r8, r8, r10\n"                                                                              \
  "sub r12, r12, lr\n"

#define QCC_MVE_PAIRS(STEP)                                                                        \
  "1:\n" STEP("a") STEP("a") "subs %[n], %[n], #1\n"                                               \
                             "bne 1b\n"
#define QCC_MVE_ANY(STEP)                                                                          \
  STEP("")                                                                                         \
  "lsrs %[n], %[n], #1\n"                                                                          \
  "bcc 2f\n" STEP("a") "2: cmp %[n], #0\nbeq 3f\n" QCC_MVE_PAIRS(STEP) "3:\n"

/* The sums have fixed registers: allocators fail to find eight even ones. */
#define QCC_MVE_SUM(text)                                                                          \
  __asm__ volatile(                                                                                \
      text "vmov %q[a][2], %q[a][0], r0, r4\n"                                                     \
           "vmov %q[a][3], %q[a][1], r2, r6\n"                                                     \
           "vmov %q[b][2], %q[b][0], r8, r12\n"                                                    \
           "vmov %q[b][3], %q[b][1], r10, lr\n"                                                    \
      : [a] "=&w"(acc[0]), [b] "=&w"(acc[1]), [x] "+r"(x), [x1] "+r"(x1), [w] "+r"(w), [n] "+r"(n) \
      : [mask] "w"(mask)                                                                           \
      : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "cc", "memory")

/* Sums of x with two packs of four channels, at w and x1.  Where the number of steps is a constant,
 * its parity is not tested. */
#define QCC_MVE_DEFINE_DOT(name, STEP, END)                                                        \
  QCC_INLINE void name(const int8_t *x, const int8_t *x1, const int8_t *w, int32_t steps,          \
                       int32x4_t acc[2]) {                                                         \
    int8x16_t mask = vdupq_n_s8(15);                                                               \
    int32_t n = steps - 1;                                                                         \
    if (!__builtin_constant_p(steps)) {                                                            \
      QCC_MVE_SUM(QCC_MVE_ANY(STEP) END);                                                          \
    } else if (steps == 1) {                                                                       \
      QCC_MVE_SUM(STEP("") END);                                                                   \
    } else if (steps == 2) {                                                                       \
      QCC_MVE_SUM(STEP("") STEP("a") END);                                                         \
    } else {                                                                                       \
      n >>= 1;                                                                                     \
      if (steps & 1)                                                                               \
        QCC_MVE_SUM(STEP("") QCC_MVE_PAIRS(STEP) END);                                             \
      else                                                                                         \
        QCC_MVE_SUM(STEP("") STEP("a") QCC_MVE_PAIRS(STEP) END);                                   \
    }                                                                                              \
  }

QCC_MVE_DEFINE_DOT(qcc_mve_dot1x8_s8, QCC_MVE_STEP1X8, "")
QCC_MVE_DEFINE_DOT(qcc_mve_dot1x8_s4, QCC_MVE_STEP1X8_S4, QCC_MVE_SPLIT_S4)

/* Sum of whole vectors. */
QCC_INLINE int32_t qcc_mve_sum(const int8_t *x, int32_t steps) {
  int32_t sum = 0;
  for (int32_t i = 0; i < steps; i++)
    sum = vaddvaq_s8(sum, vldrbq_s8(x + 16 * i));
  return sum;
}

/* What must be added to sums with lower nibbles. */
QCC_INLINE int32x4_t qcc_mve_nibble_bias(const int8_t *x, int32_t steps) {
  int32_t bias = -8 * qcc_mve_sum(x, steps);
  return qcc_mve_lanes(0, bias, 0, bias);
}

#undef QCC_MVE_STEP1X8
#undef QCC_MVE_STEP1X8_S4
#undef QCC_MVE_SUM
#undef QCC_MVE_DEFINE_DOT

/* One pixel by four channels; the last step reads `left` (1 to 16) elements of x. */
QCC_INLINE int32x4_t qcc_mve_dot1x4_s8(const int8_t *x, const int8_t *w, int32_t steps,
                                       int32_t left) {
  int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
  __asm__ volatile(
      "wls lr, %[n], 2f\n"
      "1: vldrb.8 q0, [%[x]], #16\n"
      "vldrb.8 q2, [%[w]], #16\n"
      "vmladava.s8 %[a0], q0, q2\n"
      "vldrb.8 q3, [%[w]], #16\n"
      "vmladava.s8 %[a1], q0, q3\n"
      "vldrb.8 q2, [%[w]], #16\n"
      "vmladava.s8 %[a2], q0, q2\n"
      "vldrb.8 q3, [%[w]], #16\n"
      "vmladava.s8 %[a3], q0, q3\n"
      "le lr, 1b\n"
      "2:"
      : [a0] "+Te"(a0), [a1] "+Te"(a1), [a2] "+Te"(a2), [a3] "+Te"(a3), [x] "+r"(x), [w] "+r"(w)
      : [n] "r"(steps - 1)
      : "lr", "q0", "q2", "q3", "memory");
  int8x16_t v = left >= 16 ? vldrbq_s8(x) : vldrbq_z_s8(x, vctp8q((uint32_t)left));
  a0 = vmladavaq_s8(a0, v, vldrbq_s8(w));
  a1 = vmladavaq_s8(a1, v, vldrbq_s8(w + 16));
  a2 = vmladavaq_s8(a2, v, vldrbq_s8(w + 32));
  a3 = vmladavaq_s8(a3, v, vldrbq_s8(w + 48));
  return qcc_mve_lanes(a0, a1, a2, a3);
}

#endif
