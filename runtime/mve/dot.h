/* mve/dot.h - dot products of int8 codes with int8, int4 or int2 weights on Helium.  VMLADAV sums
 * 16 products into a core register; weights are packed so that one pointer streams through them,
 * groups of output channels side by side, 16 elements each: w[channels / G][depth / 16][G][16],
 * padded with zeros.  Two pixels by four channels (tile.h) or one by eight (gemm.h) use all eight
 * registers that VMLADAV can name.
 *
 * Narrow weights of two or four channels share a byte: int4 16 a + b + 8, int2 64 a + 16 (b + 2) +
 * 4 (c + 2) + d + 2.  Arithmetic shifts right leave a, 4 a + b + 2 and so on; the sum with one of
 * these less 4 (int4: 16) times the sum with the next shorter is the sum with the lowest channel,
 * raised by 2 (8) times the sum of x, which is taken once per pixel.  So narrow weights take no
 * more instructions than int8.
 *
 * Indices into levels of two channels share a byte, too.  They are looked up by VLDRB in a table for
 * bytes: as they come that gives the lower channel, shifted right, where 0 to 15 are left, the upper
 * one. */
#ifndef QCC_MVE_DOT_H
#define QCC_MVE_DOT_H

#include "mve/vec.h"

/* One step of two pixels by four channels; A is "" or "a".  Sums are in r0 r2 r4 r6 and r8 r10 r12
 * lr, inputs at %[x] and %[x1], weights at %[w]. */
#define QCC_MVE_STEP2X4_S8(A)                                                                      \
  "vldrb.8 q0, [r1], #16\n"                                                                        \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r0, q0, q2\n"                                                                   \
  "vldrb.8 q1, [r3], #16\n"                                                                        \
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
#define QCC_MVE_STEP2X4_S4(A)                                                                      \
  "vldrb.8 q0, [r1], #16\n"                                                                        \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r2, q0, q2\n"                                                                   \
  "vldrb.8 q1, [r3], #16\n"                                                                        \
  "vshr.s8 q3, q2, #4\n"                                                                           \
  "vmladav" A ".s8 r10, q1, q2\n"                                                                  \
  "vmladav" A ".s8 r0, q0, q3\n"                                                                   \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r8, q1, q3\n"                                                                   \
  "vshr.s8 q3, q2, #4\n"                                                                           \
  "vmladav" A ".s8 r6, q0, q2\n"                                                                   \
  "vmladav" A ".s8 lr, q1, q2\n"                                                                   \
  "vmladav" A ".s8 r4, q0, q3\n"                                                                   \
  "vmladav" A ".s8 r12, q1, q3\n"
#define QCC_MVE_STEP2X4_S2(A)                                                                      \
  "vldrb.8 q0, [r1], #16\n"                                                                        \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 r6, q0, q2\n"                                                                   \
  "vldrb.8 q1, [r3], #16\n"                                                                        \
  "vshr.s8 q3, q2, #2\n"                                                                           \
  "vmladav" A ".s8 lr, q1, q2\n"                                                                   \
  "vmladav" A ".s8 r4, q0, q3\n"                                                                   \
  "vmladav" A ".s8 r12, q1, q3\n"                                                                  \
  "vshr.s8 q3, q2, #4\n"                                                                           \
  "vshr.s8 q2, q2, #6\n"                                                                           \
  "vmladav" A ".s8 r2, q0, q3\n"                                                                   \
  "vmladav" A ".s8 r10, q1, q3\n"                                                                  \
  "vmladav" A ".s8 r0, q0, q2\n"                                                                   \
  "vmladav" A ".s8 r8, q1, q2\n"

/* %[t] holds the address of the levels meanwhile; there is no register for it beside. */
#define QCC_MVE_HALF2X4_L8(A, MORE, high0, high1, low0, low1)                                      \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vldrb.u8 q3, [%[t], q2]\n" MORE "vshr.u8 q2, q2, #4\n"                                         \
  "vmladav" A ".s8 " low0 ", q0, q3\n"                                                             \
  "vmladav" A ".s8 " low1 ", q1, q3\n"                                                             \
  "vldrb.u8 q3, [%[t], q2]\n"                                                                      \
  "vmladav" A ".s8 " high0 ", q0, q3\n"                                                            \
  "vmladav" A ".s8 " high1 ", q1, q3\n"
#define QCC_MVE_STEP2X4_L8(A)                                                                      \
  "vldrb.8 q0, [r1], #16\n"                                                                        \
  QCC_MVE_HALF2X4_L8(A, "vldrb.8 q1, [r3], #16\n", "r0", "r8", "r2", "r10")                        \
  QCC_MVE_HALF2X4_L8(A, "", "r4", "r12", "r6", "lr")

/* One step of one pixel by eight channels, sums in the order of the registers. */
#define QCC_MVE_TWO_S8(A, X, a, b)                                                                 \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 " a ", " X ", q2\n"                                                             \
  "vldrb.8 q3, [%[w]], #16\n"                                                                      \
  "vmladav" A ".s8 " b ", " X ", q3\n"
#define QCC_MVE_MACS1X8_S8(A, X)                                                                   \
  QCC_MVE_TWO_S8(A, X, "r0", "r2")                                                                 \
  QCC_MVE_TWO_S8(A, X, "r4", "r6")                                                                 \
  QCC_MVE_TWO_S8(A, X, "r8", "r10") QCC_MVE_TWO_S8(A, X, "r12", "lr")
#define QCC_MVE_STEP1X8_S8(A) "vldrb.8 q0, [r1], #16\n" QCC_MVE_MACS1X8_S8(A, "q0")
#define QCC_MVE_TWO_S4(A, X, high, low)                                                            \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vshr.s8 q3, q2, #4\n"                                                                           \
  "vmladav" A ".s8 " low ", " X ", q2\n"                                                           \
  "vmladav" A ".s8 " high ", " X ", q3\n"
#define QCC_MVE_MACS1X8_S4(A, X)                                                                   \
  QCC_MVE_TWO_S4(A, X, "r0", "r2")                                                                 \
  QCC_MVE_TWO_S4(A, X, "r4", "r6")                                                                 \
  QCC_MVE_TWO_S4(A, X, "r8", "r10") QCC_MVE_TWO_S4(A, X, "r12", "lr")
#define QCC_MVE_STEP1X8_S4(A) "vldrb.8 q0, [r1], #16\n" QCC_MVE_MACS1X8_S4(A, "q0")
#define QCC_MVE_TWO_L8(A, X, high, low)                                                            \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vldrb.u8 q3, [%[t], q2]\n"                                                                      \
  "vshr.u8 q2, q2, #4\n"                                                                           \
  "vmladav" A ".s8 " low ", " X ", q3\n"                                                           \
  "vldrb.u8 q3, [%[t], q2]\n"                                                                      \
  "vmladav" A ".s8 " high ", " X ", q3\n"
#define QCC_MVE_MACS1X8_L8(A, X)                                                                   \
  QCC_MVE_TWO_L8(A, X, "r0", "r2")                                                                 \
  QCC_MVE_TWO_L8(A, X, "r4", "r6")                                                                 \
  QCC_MVE_TWO_L8(A, X, "r8", "r10") QCC_MVE_TWO_L8(A, X, "r12", "lr")
#define QCC_MVE_STEP1X8_L8(A) "vldrb.8 q0, [r1], #16\n" QCC_MVE_MACS1X8_L8(A, "q0")
#define QCC_MVE_FOUR_S2(A, X, a, b, c, d)                                                          \
  "vldrb.8 q2, [%[w]], #16\n"                                                                      \
  "vshr.s8 q3, q2, #2\n"                                                                           \
  "vmladav" A ".s8 " d ", " X ", q2\n"                                                             \
  "vshr.s8 q1, q2, #4\n"                                                                           \
  "vmladav" A ".s8 " c ", " X ", q3\n"                                                             \
  "vshr.s8 q2, q2, #6\n"                                                                           \
  "vmladav" A ".s8 " b ", " X ", q1\n"                                                             \
  "vmladav" A ".s8 " a ", " X ", q2\n"
#define QCC_MVE_MACS1X8_S2(A, X)                                                                   \
  QCC_MVE_FOUR_S2(A, X, "r0", "r2", "r4", "r6") QCC_MVE_FOUR_S2(A, X, "r8", "r10", "r12", "lr")
#define QCC_MVE_STEP1X8_S2(A) "vldrb.8 q0, [r1], #16\n" QCC_MVE_MACS1X8_S2(A, "q0")

/* Behind the steps: the sums with lower channels, still raised. */
#define QCC_MVE_SPLIT_S4                                                                           \
  "sub r2, r2, r0, lsl #4\n"                                                                       \
  "sub r6, r6, r4, lsl #4\n"                                                                       \
  "sub r10, r10, r8, lsl #4\n"                                                                     \
  "sub lr, lr, r12, lsl #4\n"
#define QCC_MVE_SPLIT_S2                                                                           \
  "sub r6, r6, r4, lsl #2\n"                                                                       \
  "sub r4, r4, r2, lsl #2\n"                                                                       \
  "sub r2, r2, r0, lsl #2\n"                                                                       \
  "sub lr, lr, r12, lsl #2\n"                                                                      \
  "sub r12, r12, r10, lsl #2\n"                                                                    \
  "sub r10, r10, r8, lsl #2\n"

/* Where %q[v] has what %[t] is, and the levels: before the steps, and behind them, where it is what it
 * was again. */
#define QCC_MVE_TO_LEVELS(v) "vmov.32 %[t], %q[" v "][1]\n"
#define QCC_MVE_FROM_LEVELS(v) "vmov.32 %[t], %q[" v "][0]\n"

/* All steps. r5 is their number less one; where that is a constant, a quarter of it, and what is
 * left of a division by four lies before the loop. */
#define QCC_MVE_LOOP(BODY)                                                                         \
  "1:\n" BODY "subs r5, r5, #1\n"                                                                  \
              "bne 1b\n"
#define QCC_MVE_TWO(STEP) STEP("a") STEP("a")
#define QCC_MVE_FOUR(STEP) ".rept 4\n" STEP("a") ".endr\n" /* strings of 4095 characters at most */
#define QCC_MVE_FOURS(STEP) QCC_MVE_LOOP(QCC_MVE_FOUR(STEP))
#define QCC_MVE_ANY(STEP)                                                                          \
  STEP("")                                                                                         \
  "lsrs r5, r5, #1\n"                                                                              \
  "bcc 2f\n" STEP("a") "2: cmp r5, #0\nbeq 3f\n" QCC_MVE_LOOP(QCC_MVE_TWO(STEP)) "3:\n"

/* DO(text of all steps, ...), by the number of steps. */
#define QCC_MVE_BY_STEPS(steps, DO, STEP, ...)                                                     \
  do {                                                                                             \
    if (!__builtin_constant_p(steps))                                                              \
      DO(QCC_MVE_ANY(STEP), __VA_ARGS__);                                                          \
    else if (steps == 1)                                                                           \
      DO(STEP(""), __VA_ARGS__);                                                                   \
    else if (steps == 2)                                                                           \
      DO(STEP("") STEP("a"), __VA_ARGS__);                                                         \
    else if (steps == 3)                                                                           \
      DO(STEP("") QCC_MVE_TWO(STEP), __VA_ARGS__);                                                 \
    else if (steps == 4)                                                                           \
      DO(STEP("") STEP("a") QCC_MVE_TWO(STEP), __VA_ARGS__);                                       \
    else if (steps % 4 == 1)                                                                       \
      DO(STEP("") QCC_MVE_FOURS(STEP), __VA_ARGS__);                                               \
    else if (steps % 4 == 2)                                                                       \
      DO(STEP("") STEP("a") QCC_MVE_FOURS(STEP), __VA_ARGS__);                                     \
    else if (steps % 4 == 3)                                                                       \
      DO(STEP("") QCC_MVE_TWO(STEP) QCC_MVE_FOURS(STEP), __VA_ARGS__);                             \
    else                                                                                           \
      DO(STEP("") STEP("a") QCC_MVE_TWO(STEP) QCC_MVE_FOURS(STEP), __VA_ARGS__);                   \
  } while (0)

QCC_INLINE int32x4_t qcc_mve_keep(const void *t, const int8_t *levels) {
  return qcc_mve_lanes((int32_t)(intptr_t)t, (int32_t)(intptr_t)levels, 0, 0);
}

#define QCC_MVE_ADD "vldrb.8 q0, [%[x]], #16\nvaddva.s8 r0, q0\n"
/* What the sum with a pixel of `steps` vectors raises a narrow channel by, negated. */
QCC_INLINE int32_t qcc_mve_raise(int32_t bits, const int8_t *x, int32_t steps) {
  register int32_t sum __asm__("r0") = 0;
  if (__builtin_constant_p(steps) && steps % 4 == 0)
    for (int32_t n = steps >> 2; n > 0; n--)
      __asm__ volatile(QCC_MVE_ADD QCC_MVE_ADD QCC_MVE_ADD QCC_MVE_ADD
                       : [x] "+r"(x), "+r"(sum)
                       :
                       : "q0", "memory");
  else
    for (int32_t i = 0; i < steps; i++)
      sum = vaddvaq_s8(sum, vldrbq_s8(x + 16 * i));
  return bits == 4 ? -8 * sum : -2 * sum;
}

#undef QCC_MVE_ADD

/* One pixel by four channels. */
QCC_INLINE int32x4_t qcc_mve_dot1x4(int32_t kind, const int8_t *x, const int8_t *w,
                                    const int8_t *levels, int32_t steps, int32_t raise) {
  int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, bits = qcc_weight_bits(kind);
  for (int32_t i = 0; i < steps; i++, x += 16, w += 8 * bits) {
    int8x16_t v = vldrbq_s8(x), w0 = vldrbq_s8(w), w1, w2, w3;
    if (bits == 8) {
      w1 = vldrbq_s8(w + 16), w2 = vldrbq_s8(w + 32), w3 = vldrbq_s8(w + 48);
    } else if (kind > 16) {
      uint8x16_t low = vreinterpretq_u8_s8(w0), more = vreinterpretq_u8_s8(vldrbq_s8(w + 16));
      w1 = vldrbq_gather_offset_s8(levels, low), w3 = vldrbq_gather_offset_s8(levels, more);
      w0 = vldrbq_gather_offset_s8(levels, vshrq_n_u8(low, 4));
      w2 = vldrbq_gather_offset_s8(levels, vshrq_n_u8(more, 4));
    } else if (bits == 4) {
      w1 = w0, w3 = vldrbq_s8(w + 16);
      w0 = vshrq_n_s8(w1, 4), w2 = vshrq_n_s8(w3, 4);
    } else {
      w3 = w0, w2 = vshrq_n_s8(w3, 2);
      w1 = vshrq_n_s8(w3, 4), w0 = vshrq_n_s8(w3, 6);
    }
    a0 = vmladavaq_s8(a0, v, w0);
    a1 = vmladavaq_s8(a1, v, w1);
    a2 = vmladavaq_s8(a2, v, w2);
    a3 = vmladavaq_s8(a3, v, w3);
  }
  if (kind == 4)
    a1 += raise - 16 * a0, a3 += raise - 16 * a2;
  if (kind == 2)
    a3 += raise - 4 * a2, a2 += raise - 4 * a1, a1 += raise - 4 * a0;
  return qcc_mve_lanes(a0, a1, a2, a3);
}

#endif
