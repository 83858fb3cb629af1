/* pair_s8.h - the inner loops of the matrix products with int8 weights: two pixels by two output
 * channels, in assembly because compilers neither keep these eleven values in registers nor use
 * LDM.  Twelve instructions make sixteen products.
 *
 * x holds a pair of pixels, widened: per step of four codes the words (p0: k0 k2) (p1: k0 k2) (p0:
 * k1 k3) (p1: k1 k3).  w holds a pair of channels, per step the words (k0, k2) and (k1, k3) of
 * halfwords 256 * a + b, zeros beyond the depth.  Raised weights (dsp.h): UXTB16 for SXTB16. */
#ifndef QCC_DSP_PAIR_S8_H
#define QCC_DSP_PAIR_S8_H

#include "dsp/dsp.h"

/* Sums of both channels: s 256 * a + b, t b alone. */
struct qcc_dsp_sums {
  int32_t s0, s1, t0, t1; /* of pixel 0 and pixel 1 */
};

#define QCC_DSP_STEP(xtb16)           \
  "ldm %[x]!, {r3, r4, r5, r6}\n\t"   \
  "ldrd r12, lr, [%[w]], #8\n\t"      \
  "smlad %[s0], r3, r12, %[s0]\n\t"   \
  "smlad %[s1], r4, r12, %[s1]\n\t"   \
  xtb16 " r12, r12\n\t"               \
  "smlad %[s0], r5, lr, %[s0]\n\t"    \
  "smlad %[s1], r6, lr, %[s1]\n\t"    \
  xtb16 " lr, lr\n\t"                 \
  "smlad %[t0], r3, r12, %[t0]\n\t"   \
  "smlad %[t1], r4, r12, %[t1]\n\t"   \
  "smlad %[t0], r5, lr, %[t0]\n\t"    \
  "smlad %[t1], r6, lr, %[t1]\n\t"

/* `steps` steps; returns the end of the weights. */
QCC_INLINE const uint32_t *qcc_dsp_multiply(int32_t raised, const uint32_t *columns,
                                            const uint32_t *weights, int32_t steps,
                                            struct qcc_dsp_sums *sums) {
  register int32_t s0 __asm__("r0") = sums->s0, s1 __asm__("r1") = sums->s1,
                   t0 __asm__("r2") = sums->t0, t1 __asm__("r8") = sums->t1,
                   n __asm__("r11") = steps >> 2;
  register const uint32_t *x __asm__("r9") = columns, *w __asm__("r10") = weights;
  if (raised)
    QCC_DSP_STEPS_S8("uxtb16");
  else
    QCC_DSP_STEPS_S8("sxtb16");
  sums->s0 = s0;
  sums->s1 = s1;
  sums->t0 = t0;
  sums->t1 = t1;
  return w;
}

#undef QCC_DSP_STEP

/* All output channels of a pair of pixels. k: per pair of channels a and b the words bias of a,
 * bias of b, 2 m of a, 2 m of b, or with rule tflite their m and second factors.  y1 may be y0: then
 * only pixel 0 remains. */
QCC_INLINE void qcc_dsp_pair(const struct qcc_rescale *r, int32_t raised, int32_t steps,
                             int32_t channels, const uint32_t *x, const uint32_t *w,
                             const int32_t *k, const int8_t *table, int8_t *y0, int8_t *y1) {
  int32_t excess[2] = {0, 0};
  if (raised)
    qcc_dsp_sum_raised(2, steps, x, excess);
  for (int32_t o = 0; o < channels; o += 2, k += 2 * qcc_dsp_words(r), y0 += 2, y1 += 2) {
    int32_t b = k[1], both = (int32_t)((uint32_t)k[0] << 8) + b;
    struct qcc_dsp_sums sums = {both, both, b, b};
    w = qcc_dsp_multiply(raised, x, w, steps, &sums);
    struct qcc_dsp_factors f = qcc_dsp_load_factors(r, k + 2), g = qcc_dsp_load_factors(r, k + 3);
    y1[0] = qcc_dsp_finish(r, qcc_dsp_shift(r, sums.s1 - sums.t1, 8), f, table);
    y0[0] = qcc_dsp_finish(r, qcc_dsp_shift(r, sums.s0 - sums.t0, 8), f, table);
    if (o + 1 < channels) {
      y1[1] = qcc_dsp_finish(r, qcc_dsp_shift(r, sums.t1 - excess[1], 0), g, table);
      y0[1] = qcc_dsp_finish(r, qcc_dsp_shift(r, sums.t0 - excess[0], 0), g, table);
    }
  }
}

#endif
