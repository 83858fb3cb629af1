/* gemm_s8.h - fully connected layer for one row: four output channels at a time share the widened
 * codes, and the weights are read once.  Per step of four codes w holds the words (a b: k0 k2)
 * (c d: k0 k2) (a b: k1 k3) (c d: k1 k3); see dsp.h.  x is widened first, so y may be x. */
#ifndef QCC_DSP_GEMM_S8_H
#define QCC_DSP_GEMM_S8_H

#include "conv_params.h"
#include "dsp/dsp.h"

#define QCC_DSP_STEP(xtb16)           \
  "ldm %[w]!, {r3, r4, r5, r6}\n\t"   \
  "ldrd r12, lr, [%[x]], #8\n\t"      \
  "smlad %[s0], r12, r3, %[s0]\n\t"   \
  "smlad %[s1], r12, r4, %[s1]\n\t"   \
  xtb16 " r3, r3\n\t"                 \
  xtb16 " r4, r4\n\t"                 \
  "smlad %[s0], lr, r5, %[s0]\n\t"    \
  "smlad %[s1], lr, r6, %[s1]\n\t"    \
  xtb16 " r5, r5\n\t"                 \
  xtb16 " r6, r6\n\t"                 \
  "smlad %[t0], r12, r3, %[t0]\n\t"   \
  "smlad %[t1], r12, r4, %[t1]\n\t"   \
  "smlad %[t0], lr, r5, %[t0]\n\t"    \
  "smlad %[t1], lr, r6, %[t1]\n\t"

/* acc: 256 * a + b, b, 256 * c + d, d */
QCC_INLINE const uint32_t *qcc_dsp_multiply_row(int32_t raised, const uint32_t *wide,
                                                const uint32_t *weights, int32_t steps,
                                                int32_t acc[4]) {
  register int32_t s0 __asm__("r0") = acc[0], t0 __asm__("r1") = acc[1],
                   s1 __asm__("r2") = acc[2], t1 __asm__("r8") = acc[3],
                   n __asm__("r11") = steps >> 2;
  register const uint32_t *x __asm__("r9") = wide, *w __asm__("r10") = weights;
  if (raised)
    QCC_DSP_STEPS_S8("uxtb16");
  else
    QCC_DSP_STEPS_S8("sxtb16");
  acc[0] = s0;
  acc[1] = t0;
  acc[2] = s1;
  acc[3] = t1;
  return w;
}

#undef QCC_DSP_STEP

QCC_INLINE void qcc_dsp_gemm_s8(const struct qcc_gemm *p, int32_t raised, const int8_t *x,
                                const uint32_t *w, const int32_t *k, const int8_t *table,
                                uint32_t *wide, int8_t *y) {
  int32_t steps = (p->depth + 3) >> 2, excess = 0;
  qcc_dsp_widen(x, p->depth, 1, wide);
  if (raised)
    qcc_dsp_sum_raised(1, steps, wide, &excess);
  const struct qcc_rescale *r = &p->out;
  for (int32_t o = 0; o < p->cols; o += 4, k += 4 * qcc_dsp_words(r), y += 4) {
    int32_t acc[4] = {(int32_t)((uint32_t)k[0] << 8) + k[1], k[1],
                      (int32_t)((uint32_t)k[2] << 8) + k[3], k[3]};
    w = qcc_dsp_multiply_row(raised, wide, w, steps, acc);
    struct qcc_dsp_factors f[4];
    for (int32_t i = 0; i < 4; i++)
      f[i] = qcc_dsp_load_factors(r, k + 4 + i);
    y[0] = qcc_dsp_finish(r, qcc_dsp_shift(r, acc[0] - acc[1], 8), f[0], table);
    if (o + 1 < p->cols)
      y[1] = qcc_dsp_finish(r, qcc_dsp_shift(r, acc[1] - excess, 0), f[1], table);
    if (o + 2 < p->cols)
      y[2] = qcc_dsp_finish(r, qcc_dsp_shift(r, acc[2] - acc[3], 8), f[2], table);
    if (o + 3 < p->cols)
      y[3] = qcc_dsp_finish(r, qcc_dsp_shift(r, acc[3] - excess, 0), f[3], table);
  }
}

/* scratch[2 * ((depth + 3) / 4)] words; k per four channels: four biases, four 2 m, or with rule
 * tflite four m and four second factors. */
QCC_KERNEL void qcc_gemm_dsp_s8(const struct qcc_gemm *p, const int8_t *x, const uint32_t *w,
                                const int32_t *k, const int8_t *table, void *scratch,
                                int8_t *y) {
  qcc_dsp_gemm_s8(p, 0, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_raised_dsp_s8(const struct qcc_gemm *p, const int8_t *x,
                                       const uint32_t *w, const int32_t *k, const int8_t *table,
                                       void *scratch, int8_t *y) {
  qcc_dsp_gemm_s8(p, 1, x, w, k, table, scratch, y);
}

#endif
