/* dsp/conv_s16.h - convolutions and matrix products of int16 codes with int8 weights by SMLAD,
 * four products of each of two pixels and two channels a turn.  A word of weights k, k + 2, k +
 * 1, k + 3 of one channel becomes by SXTB16 the pairs that words of x hold; words of two channels
 * lie side by side, depth and channels padded with zeros. */
#ifndef QCC_DSP_CONV_S16_H
#define QCC_DSP_CONV_S16_H

#include "dsp/dsp.h"
#include "tiles_s16.h"

/* Seventeen instructions make sixteen products. */
#define QCC_DSP_STEP_S16              \
  "ldrd r5, r6, [%[w]], #8\n\t"       \
  "ldr r3, [%[x0]], #4\n\t"           \
  "ldr r4, [%[x1]], #4\n\t"           \
  "sxtb16 lr, r5\n\t"                 \
  "smlad %[s0], r3, lr, %[s0]\n\t"    \
  "smlad %[s2], r4, lr, %[s2]\n\t"    \
  "sxtb16 lr, r6\n\t"                 \
  "smlad %[s1], r3, lr, %[s1]\n\t"    \
  "smlad %[s3], r4, lr, %[s3]\n\t"    \
  "ldr r3, [%[x0]], #4\n\t"           \
  "ldr r4, [%[x1]], #4\n\t"           \
  "sxtb16 r5, r5, ror #8\n\t"         \
  "smlad %[s0], r3, r5, %[s0]\n\t"    \
  "smlad %[s2], r4, r5, %[s2]\n\t"    \
  "sxtb16 r6, r6, ror #8\n\t"         \
  "smlad %[s1], r3, r6, %[s1]\n\t"    \
  "smlad %[s3], r4, r6, %[s3]\n\t"
#define QCC_DSP_LOOP_S16(steps)                                                             \
  __asm__ volatile("1:\n\t" steps                                                           \
                   "subs %[n], %[n], #1\n\t"                                                \
                   "bne 1b"                                                                 \
                   : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3),            \
                     [x0] "+r"(p0), [x1] "+r"(p1), [w] "+r"(v), [n] "+r"(n)                 \
                   :                                                                        \
                   : "r3", "r4", "r5", "r6", "lr", "cc", "memory")

/* Two pixels; depth: a multiple of 4. */
QCC_INLINE void qcc_dsp_two_s16(int32_t depth, const int16_t *x0, const int16_t *x1,
                                const int8_t *w, int32_t acc[4]) {
  register int32_t s0 __asm__("r0") = acc[0], s1 __asm__("r1") = acc[1], s2 __asm__("r2") = acc[2],
                   s3 __asm__("r8") = acc[3], n __asm__("r12") = depth >> 4;
  register const int16_t *p0 __asm__("r9") = x0, *p1 __asm__("r10") = x1;
  register const int8_t *v __asm__("r11") = w;
  if (n > 0)
    QCC_DSP_LOOP_S16(QCC_DSP_STEP_S16 QCC_DSP_STEP_S16 QCC_DSP_STEP_S16 QCC_DSP_STEP_S16);
  n = depth >> 2 & 3;
  if (n > 0)
    QCC_DSP_LOOP_S16(QCC_DSP_STEP_S16);
  acc[0] = s0;
  acc[1] = s1;
  acc[2] = s2;
  acc[3] = s3;
}

#undef QCC_DSP_LOOP_S16
#undef QCC_DSP_STEP_S16

/* One pixel. */
QCC_INLINE void qcc_dsp_one_s16(int32_t depth, const int16_t *x, const int8_t *w, int32_t acc[4]) {
  int32_t s0 = acc[0], s1 = acc[1];
  for (const int16_t *end = x + depth; x != end; x += 4, w += 8) {
    uint32_t a = qcc_dsp_load(x), b = qcc_dsp_load(x + 2);
    uint32_t u = qcc_dsp_load(w), v = qcc_dsp_load(w + 4);
    s0 = qcc_dsp_smlad(b, qcc_dsp_odd(u), qcc_dsp_smlad(a, qcc_dsp_even(u), s0));
    s1 = qcc_dsp_smlad(b, qcc_dsp_odd(v), qcc_dsp_smlad(a, qcc_dsp_even(v), s1));
  }
  acc[0] = s0;
  acc[1] = s1;
}

QCC_INLINE void qcc_dsp_tile_s16(int32_t two, int32_t depth, const int16_t *x0, const int16_t *x1,
                                 const int8_t *w, int32_t acc[4]) {
  if (two)
    qcc_dsp_two_s16(depth, x0, x1, w, acc);
  else
    qcc_dsp_one_s16(depth, x0, w, acc);
}

QCC_KERNEL void qcc_conv_dsp_s16(const struct qcc_conv *p, const int16_t *x, const uint32_t *w,
                                 const int32_t *b, const int32_t *m, void *scratch, int16_t *y) {
  int32_t row = (p->g.kernel_h * p->g.kernel_w * p->g.in_c + 3) & ~3;
  qcc_tiles_conv_s16(qcc_dsp_tile_s16, p, row, x, (const int8_t *)w, b, m, (int16_t *)scratch, y);
}

/* p->depth: a multiple of 4. */
QCC_KERNEL void qcc_gemm_dsp_s16(const struct qcc_gemm *p, const int16_t *x, const uint32_t *w,
                                 const int32_t *b, const int32_t *m, int16_t *y) {
  qcc_tiles_gemm_s16(qcc_dsp_tile_s16, p, p->depth, x, (const int8_t *)w, b, m, y);
}

#endif
