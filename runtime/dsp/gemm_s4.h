/* gemm_s4.h - fully connected layer for one row with int4 weights: four output channels at a time,
 * see pair_s4.h for the weights.  x is widened first, so y may be x. */
#ifndef QCC_DSP_GEMM_S4_H
#define QCC_DSP_GEMM_S4_H

#include "conv_params.h"
#include "dsp/pair_s4.h"

#define QCC_DSP_HALF_STEP(x, w)          \
  "smlad %[a], " x ", " w ", %[a]\n\t"   \
  "bic " w ", " w ", #0xf000f000\n\t"    \
  "smlad %[b], " x ", " w ", %[b]\n\t"   \
  "bic " w ", " w ", #0x0f000f00\n\t"    \
  "smlad %[c], " x ", " w ", %[c]\n\t"   \
  "bic " w ", " w ", #0x00f000f0\n\t"    \
  "smlad %[d], " x ", " w ", %[d]\n\t"
#define QCC_DSP_STEP                     \
  "ldrd r3, r4, [%[w]], #8\n\t"          \
  "ldrd %[u], %[v], [%[x]], #8\n\t"      \
  QCC_DSP_HALF_STEP("%[u]", "r3")        \
  QCC_DSP_HALF_STEP("%[v]", "r4")

QCC_DSP_BLOCK const uint32_t *qcc_dsp_multiply_row_s4(const uint32_t *x, const uint32_t *w,
                                                   int32_t steps, int32_t f[4]) {
  int32_t a = f[0], b = f[1], c = f[2], d = f[3], n = steps >> 1;
  uint32_t u, v;
  if (n > 0)
    __asm__ volatile("1:\n\t"
                     QCC_DSP_STEP QCC_DSP_STEP
                     "subs %[n], %[n], #1\n\t"
                     "bne 1b"
                     : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x),
                       [w] "+r"(w), [n] "+r"(n), [u] "=&r"(u), [v] "=&r"(v)
                     :
                     : "r3", "r4", "cc", "memory");
  if (steps & 1)
    __asm__ volatile(QCC_DSP_STEP
                     : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x),
                       [w] "+r"(w), [u] "=&r"(u), [v] "=&r"(v)
                     :
                     : "r3", "r4", "cc", "memory");
  f[0] = a;
  f[1] = b;
  f[2] = c;
  f[3] = d;
  return w;
}

#undef QCC_DSP_STEP
#undef QCC_DSP_HALF_STEP

/* scratch[2 * ((depth + 3) / 4)] words; k per four channels: four biases, four 2 m. */
QCC_KERNEL void qcc_gemm_dsp_s4(const struct qcc_gemm *p, const int8_t *x, const uint32_t *w,
                                const int32_t *k, const int8_t *table, void *scratch, int8_t *y) {
  int32_t steps = (p->depth + 3) >> 2, cols = p->cols;
  uint32_t *wide = scratch;
  qcc_dsp_widen(x, p->depth, 1, wide);
  int32_t sum8 = qcc_dsp_sum8(wide, steps, 1);
  for (; cols > 0; cols -= 4, k += 8, y += 4) {
    int32_t f[4];
    qcc_dsp_begin_s4(k, sum8, 1, f);
    w = qcc_dsp_multiply_row_s4(wide, w, steps, f);
    qcc_dsp_finish_s4(&p->out, cols, f, 1, k + 4, table, y);
  }
}

#endif
