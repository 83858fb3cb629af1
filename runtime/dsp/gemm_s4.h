/* gemm_s4.h - fully connected layer for one row with int4 weights: four output channels at a time,
 * see pair_s4.h for the weights.  x is widened first, so y may be x. */
#ifndef QCC_DSP_GEMM_S4_H
#define QCC_DSP_GEMM_S4_H

#include "conv_params.h"
#include "dsp/pair_s4.h"

/* The products of two codes, in x, with two weights of four channels each, in w. */
#define QCC_DSP_PRODUCTS(x, w)           \
  "smlad %[a], " x ", " w ", %[a]\n\t"   \
  "bic " w ", " w ", #0xf000f000\n\t"    \
  "smlad %[b], " x ", " w ", %[b]\n\t"   \
  "bic " w ", " w ", #0x0f000f00\n\t"    \
  "smlad %[c], " x ", " w ", %[c]\n\t"   \
  "bic " w ", " w ", #0x00f000f0\n\t"    \
  "smlad %[d], " x ", " w ", %[d]\n\t"
#define QCC_DSP_TWO_STEPS                \
  "ldm %[x]!, {r3, r4, r5, r6}\n\t"      \
  "ldm %[w]!, {r7, r9, r10, lr}\n\t"     \
  QCC_DSP_PRODUCTS("r3", "r7")           \
  QCC_DSP_PRODUCTS("r4", "r9")           \
  QCC_DSP_PRODUCTS("r5", "r10")          \
  QCC_DSP_PRODUCTS("r6", "lr")

/* C99 strings end at 4095 characters, hence .rept.  gcc knows the length of assembly from its number
 * of statements, hence 120 empty ones. */
#define QCC_DSP_SIXTEEN_STEPS                                                \
  ".rept 2\n\t"                                                              \
  QCC_DSP_TWO_STEPS QCC_DSP_TWO_STEPS QCC_DSP_TWO_STEPS QCC_DSP_TWO_STEPS    \
  ".endr\n\t"                                                                \
  ";;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;"               \
  ";;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;\n\t"

/* Sums of the next four channels and their constants. */
struct qcc_dsp_four {
  int32_t f[4], m2[4];
};

/* Advances w and k.  Loads of four words take every register, r7 too, which may be a frame pointer:
 * so operands have registers of their own, and where x ends lies on the stack. */
QCC_INLINE struct qcc_dsp_four qcc_dsp_multiply_row_s4(const uint32_t *wide, int32_t steps,
                                                       const uint32_t **w_at,
                                                       const int32_t **k_at) {
  register const uint32_t *x __asm__("r11") = wide, *end __asm__("r3"), *w __asm__("r12") = *w_at;
  register const int32_t *k __asm__("lr") = *k_at;
  register int32_t a __asm__("r0"), b __asm__("r1"), c __asm__("r2"), d __asm__("r8");
  register int32_t m_a __asm__("r4"), m_b __asm__("r5"), m_c __asm__("r6"), m_d __asm__("r9");
  __asm__ volatile("ldm %[k]!, {r0, r1, r2, r8}"
                   : "=r"(a), "=r"(b), "=r"(c), "=r"(d), [k] "+r"(k)
                   :
                   : "memory");
  end = wide + 2 * (steps & ~15);
  if (steps > 15)
    __asm__ volatile("push {r3, r7, r11, lr}\n"
                     "1:\n\t"
                     QCC_DSP_SIXTEEN_STEPS
                     "ldr r3, [sp]\n\t"
                     "cmp %[x], r3\n\t"
                     "bne 1b\n\t"
                     "pop {r3, r7, r11, lr}"
                     : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [w] "+r"(w)
                     : [x] "r"(x), "r"(end), "r"(k)
                     : "r4", "r5", "r6", "r9", "r10", "cc", "memory");
  if (steps & 15)
    x = end;
  for (int32_t n = steps & 15; n > 0; n--)
    __asm__ volatile("ldrd r3, r4, [%[w]], #8\n\t"
                     "ldrd r5, r6, [%[x]], #8\n\t"
                     QCC_DSP_PRODUCTS("r5", "r3")
                     QCC_DSP_PRODUCTS("r6", "r4")
                     : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x),
                       [w] "+r"(w)
                     :
                     : "r3", "r4", "r5", "r6", "memory");
  __asm__ volatile("ldm %[k]!, {r4, r5, r6, r9}"
                   : "=r"(m_a), "=r"(m_b), "=r"(m_c), "=r"(m_d), [k] "+r"(k)
                   :
                   : "memory");
  *w_at = w;
  *k_at = k;
  return (struct qcc_dsp_four){{a, b, c, d}, {m_a, m_b, m_c, m_d}};
}

#undef QCC_DSP_SIXTEEN_STEPS
#undef QCC_DSP_TWO_STEPS
#undef QCC_DSP_PRODUCTS

/* Widens n codes; returns 8 times their sum. */
QCC_INLINE int32_t qcc_dsp_widen_sum8(const int8_t *x, int32_t n, uint32_t *out) {
  const int8_t *end = x + (n & ~3);
  const uint32_t eights = 0x00080008;
  int32_t sum = 0;
  uint32_t u, v;
  while (x != end)
    __asm__ volatile("ldr %[v], [%[x]], #4\n\t"
                     "sxtb16 %[u], %[v]\n\t"
                     "sxtb16 %[v], %[v], ror #8\n\t"
                     "smlad %[sum], %[u], %[eights], %[sum]\n\t"
                     "smlad %[sum], %[v], %[eights], %[sum]\n\t"
                     "strd %[u], %[v], [%[out]], #8"
                     : [x] "+r"(x), [out] "+r"(out), [u] "=&r"(u), [v] "=&r"(v), [sum] "+r"(sum)
                     : [eights] "r"(eights)
                     : "memory");
  if (n & 3) {
    qcc_dsp_widen(x, n & 3, 1, out);
    sum = qcc_dsp_smlad(out[1], eights, qcc_dsp_smlad(out[0], eights, sum));
  }
  return sum;
}

/* scratch[2 * ((depth + 3) / 4)] words; k as in pair_s4.h. */
QCC_KERNEL void qcc_gemm_dsp_s4(const struct qcc_gemm *p, const int8_t *x, const uint32_t *w,
                                const int32_t *k, const int8_t *table, void *scratch, int8_t *y) {
  int32_t steps = (p->depth + 3) >> 2, last = ((p->cols - 1) & 3) + 1;
  const int32_t *end = k + 8 * ((p->cols + 3) >> 2);
  uint32_t *wide = scratch;
  __asm__("" : "+r"(end)); /* to keep, not to compute anew */
  int32_t excess = qcc_dsp_excess_s4(&p->out, qcc_dsp_widen_sum8(x, p->depth, wide));
  for (; k != end; y += 4) {
    struct qcc_dsp_four s = qcc_dsp_multiply_row_s4(wide, steps, &w, &k);
    qcc_dsp_finish_s4(&p->out, k == end ? last : 4, excess, s.f, 1, s.m2, table, y);
  }
}

#endif
