/* pair_fours.h - the inner loops of the matrix products with int4 and int2 weights: two pixels by
 * four output channels.  A halfword of int4 weights is 4096 a + 256 (b + 8) + 16 (c + 8) + (d + 8),
 * a byte of int2 weights 64 a + 16 (b + 2) + 4 (c + 2) + (d + 2).  Clearing fields from the top
 * leaves what SMLAD needs for the sums
 *
 *   f0 = 4096 A + f1    f1 = 256 B + f2    f2 = 16 C + f3    f3 = D
 *
 * (64, 16 and 4 for int2) from which differences recover the channels.  Sixteen products take
 * thirteen instructions, with int2, whose bytes are widened first, fourteen.  What the 8s (2s) add,
 * 8 (2) times the sum of the pixel's codes, is taken back at the end.  x lies as in pair_s8.h. */
#ifndef QCC_DSP_PAIR_FOURS_H
#define QCC_DSP_PAIR_FOURS_H

#include "dsp/dsp.h"

#define QCC_DSP_PRODUCTS(clear1, clear2, clear3) \
  "ldrd %[u], r12, [%[x]], #8\n\t"              \
  "smlad %[a0], %[u], lr, %[a0]\n\t"           \
  "smlad %[a1], r12, lr, %[a1]\n\t"           \
  clear1                                         \
  "smlad %[b0], %[u], lr, %[b0]\n\t"           \
  "smlad %[b1], r12, lr, %[b1]\n\t"           \
  clear2                                         \
  "smlad %[c0], %[u], lr, %[c0]\n\t"           \
  "smlad %[c1], r12, lr, %[c1]\n\t"           \
  clear3                                         \
  "smlad %[d0], %[u], lr, %[d0]\n\t"           \
  "smlad %[d1], r12, lr, %[d1]\n\t"
#define QCC_DSP_HALF_S4                                                          \
  "ldr lr, [%[w]], #4\n\t"                                                     \
  QCC_DSP_PRODUCTS("bic lr, #0xf000f000\n\t", "bic lr, #0x0f000f00\n\t",     \
                   "bic lr, #0x00f000f0\n\t")
#define QCC_DSP_HALF_S2                                                          \
  QCC_DSP_PRODUCTS("and lr, #0x003f003f\n\t", "and lr, #0x000f000f\n\t",     \
                   "and lr, #0x00030003\n\t")
#define QCC_DSP_STEP_S4 QCC_DSP_HALF_S4 QCC_DSP_HALF_S4
/* No register is left for the second half of a word. */
#define QCC_DSP_STEP_S2           \
  "ldr lr, [%[w]]\n\t"          \
  "sxtb16 lr, lr\n\t"         \
  QCC_DSP_HALF_S2                 \
  "ldr lr, [%[w]], #4\n\t"      \
  "sxtb16 lr, lr, ror #8\n\t" \
  QCC_DSP_HALF_S2

/* All registers are taken: the counter, which comes in u, stays on the stack. */
#define QCC_DSP_LOOP(steps)                                                             \
  __asm__ volatile("push {%[u]}\n"                                                      \
                   "1:\n\t" steps "ldr %[u], [sp]\n\t"                                  \
                                  "subs %[u], %[u], #1\n\t"                             \
                                  "str %[u], [sp]\n\t"                                  \
                                  "bne 1b\n\t"                                          \
                                  "add sp, sp, #4"                                      \
                   : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1),        \
                     [c0] "+r"(c0), [c1] "+r"(c1), [d0] "+r"(d0), [d1] "+r"(d1),        \
                     [x] "+r"(x), [w] "+r"(w), [u] "+r"(u)                              \
                   :                                                                    \
                   : "r12", "lr", "cc", "memory")

/* f: f0 of both pixels, f1, f2, f3. Returns the end of the weights. bits: 4 or 2. */
QCC_INLINE const uint32_t *qcc_dsp_multiply_fours(int32_t bits, const uint32_t *columns,
                                                  const uint32_t *weights, int32_t steps,
                                                  int32_t f[8]) {
  register int32_t a0 __asm__("r0") = f[0], a1 __asm__("r1") = f[1], b0 __asm__("r2") = f[2],
                   b1 __asm__("r3") = f[3], c0 __asm__("r4") = f[4], c1 __asm__("r5") = f[5],
                   d0 __asm__("r6") = f[6], d1 __asm__("r8") = f[7];
  register const uint32_t *x __asm__("r9") = columns, *w __asm__("r10") = weights;
  register int32_t u __asm__("r11") = steps >> 2;
  if (u > 0 && bits == 4)
    QCC_DSP_LOOP(QCC_DSP_STEP_S4 QCC_DSP_STEP_S4 QCC_DSP_STEP_S4 QCC_DSP_STEP_S4);
  if (u > 0 && bits == 2)
    QCC_DSP_LOOP(QCC_DSP_STEP_S2 QCC_DSP_STEP_S2 QCC_DSP_STEP_S2 QCC_DSP_STEP_S2);
  u = steps & 3;
  if (u > 0 && bits == 4)
    QCC_DSP_LOOP(QCC_DSP_STEP_S4);
  if (u > 0 && bits == 2)
    QCC_DSP_LOOP(QCC_DSP_STEP_S2);
  f[0] = a0;
  f[1] = a1;
  f[2] = b0;
  f[3] = b1;
  f[4] = c0;
  f[5] = c1;
  f[6] = d0;
  f[7] = d1;
  return w;
}

#undef QCC_DSP_LOOP
#undef QCC_DSP_STEP_S4
#undef QCC_DSP_STEP_S2
#undef QCC_DSP_HALF_S4
#undef QCC_DSP_HALF_S2
#undef QCC_DSP_PRODUCTS

/* What is added to the codes of three channels: 8 or 2, in both halves. */
QCC_INLINE uint32_t qcc_dsp_offset(int32_t bits) {
  return bits == 4 ? 0x00080008 : 0x00020002;
}

/* What the sums of a pixel have too much, as acc'. sum: of the offsets times its codes. The shift
 * is not so low (-3, -1) that something is lost. */
QCC_INLINE int32_t qcc_dsp_excess(const struct qcc_rescale *r, int32_t sum) {
  int32_t excess = r->shift >= 0 ? (int32_t)((uint32_t)sum << r->shift) : sum >> -r->shift;
  __asm__("" : "+r"(excess)); /* one value to keep, not two */
  return excess;
}

QCC_INLINE void qcc_dsp_pair_excess(const struct qcc_rescale *r, int32_t bits, const uint32_t *x,
                                    int32_t steps, int32_t excess[2]) {
  int32_t sum[2];
  qcc_dsp_sum_codes(qcc_dsp_offset(bits), 2, steps, x, sum);
  excess[0] = qcc_dsp_excess(r, sum[0]);
  excess[1] = qcc_dsp_excess(r, sum[1]);
}

/* n of four output codes of one pixel; m2 holds their 2 m. */
QCC_INLINE void qcc_dsp_finish_fours(const struct qcc_rescale *r, int32_t bits, int32_t n,
                                     int32_t excess, const int32_t *f, int32_t step,
                                     const int32_t *m2, const int8_t *table, int8_t *y) {
  const int32_t *b = f + step, *c = b + step, *d = c + step;
  y[0] = qcc_dsp_output(r, qcc_dsp_shift(r, *f - *b, 3 * bits), m2[0], table);
  if (n > 1)
    y[1] = qcc_dsp_output(r, qcc_dsp_shift(r, *b - *c, 2 * bits) - excess, m2[1], table);
  if (n > 2)
    y[2] = qcc_dsp_output(r, qcc_dsp_shift(r, *c - *d, bits) - excess, m2[2], table);
  if (n > 3)
    y[3] = qcc_dsp_output(r, qcc_dsp_shift(r, *d, 0) - excess, m2[3], table);
}

/* As qcc_dsp_pair; k per four channels: what f0, f1, f2 and f3 begin with, four 2 m. */
QCC_INLINE void qcc_dsp_pair_fours(const struct qcc_rescale *r, int32_t bits, int32_t steps,
                                      int32_t channels, const uint32_t *x, const uint32_t *w,
                                      const int32_t *k, const int8_t *table, int8_t *y0,
                                      int8_t *y1) {
  int32_t excess[2];
  qcc_dsp_pair_excess(r, bits, x, steps, excess);
  for (; channels > 0; channels -= 4, k += 8, y0 += 4, y1 += 4) {
    int32_t f[8] = {k[0], k[0], k[1], k[1], k[2], k[2], k[3], k[3]};
    w = qcc_dsp_multiply_fours(bits, x, w, steps, f);
    qcc_dsp_finish_fours(r, bits, channels, excess[1], f + 1, 2, k + 4, table, y1);
    qcc_dsp_finish_fours(r, bits, channels, excess[0], f, 2, k + 4, table, y0);
  }
}

#endif
