/* gemm_fours.h - fully connected layer for one row with int4 or int2 weights: four output channels
 * at a time, see pair_fours.h for the weights, pair_groups.h for those with multiples.  x is widened
 * first, so y may be x. */
#ifndef QCC_DSP_GEMM_FOURS_H
#define QCC_DSP_GEMM_FOURS_H

#include "dsp/pair_groups.h"

/* The products of two codes, in x, with two weights of four channels each, in w. */
#define QCC_DSP_PRODUCTS(x, w, clear1, clear2, clear3) \
  "smlad %[a], " x ", " w ", %[a]\n\t"                 \
  clear1                                               \
  "smlad %[b], " x ", " w ", %[b]\n\t"                 \
  clear2                                               \
  "smlad %[c], " x ", " w ", %[c]\n\t"                 \
  clear3                                               \
  "smlad %[d], " x ", " w ", %[d]\n\t"
#define QCC_DSP_PRODUCTS_S4(x, w)                                                        \
  QCC_DSP_PRODUCTS(x, w, "bic " w ", #0xf000f000\n\t", "bic " w ", #0x0f000f00\n\t",     \
                   "bic " w ", #0x00f000f0\n\t")
#define QCC_DSP_PRODUCTS_S2(x, w)                                                        \
  QCC_DSP_PRODUCTS(x, w, "and " w ", #0x003f003f\n\t", "and " w ", #0x000f000f\n\t",     \
                   "and " w ", #0x00030003\n\t")
#define QCC_DSP_TWO_STEPS_S4             \
  "ldm %[x]!, {r3, r4, r5, r6}\n\t"      \
  "ldm %[w]!, {r7, r9, r10, lr}\n\t"     \
  QCC_DSP_PRODUCTS_S4("r3", "r7")        \
  QCC_DSP_PRODUCTS_S4("r4", "r9")        \
  QCC_DSP_PRODUCTS_S4("r5", "r10")       \
  QCC_DSP_PRODUCTS_S4("r6", "lr")
#define QCC_DSP_TWO_STEPS_S2             \
  "ldm %[x]!, {r3, r4, r5, r6}\n\t"      \
  "ldrd r9, lr, [%[w]], #8\n\t"          \
  "sxtb16 r7, r9\n\t"                    \
  "sxtb16 r9, r9, ror #8\n\t"            \
  "sxtb16 r10, lr\n\t"                   \
  "sxtb16 lr, lr, ror #8\n\t"            \
  QCC_DSP_PRODUCTS_S2("r3", "r7")        \
  QCC_DSP_PRODUCTS_S2("r4", "r9")        \
  QCC_DSP_PRODUCTS_S2("r5", "r10")       \
  QCC_DSP_PRODUCTS_S2("r6", "lr")

/* Sixteen steps at a time, up to end.  C99 strings end at 4095 characters, hence .rept.  gcc knows
 * the length of assembly from its number of statements, hence 120 empty ones. */
#define QCC_DSP_LOOP(two_steps)                                                               \
  __asm__ volatile("push {r3, r7, r11, lr}\n"                                                 \
                   "1:\n\t"                                                                   \
                   ".rept 2\n\t"                                                              \
                   two_steps two_steps two_steps two_steps                                    \
                   ".endr\n\t"                                                                \
                   ";;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;"               \
                   ";;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;\n\t"           \
                   "ldr r3, [sp]\n\t"                                                         \
                   "cmp %[x], r3\n\t"                                                         \
                   "bne 1b\n\t"                                                               \
                   "pop {r3, r7, r11, lr}"                                                    \
                   : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [w] "+r"(w)          \
                   : [x] "r"(x), "r"(end), "r"(k)                                             \
                   : "r4", "r5", "r6", "r9", "r10", "cc", "memory")
#define QCC_DSP_STEP(products)                                                                \
  __asm__ volatile(products                                                                   \
                   : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x),         \
                     [w] "+r"(w)                                                              \
                   :                                                                          \
                   : "r3", "r4", "r5", "r6", "memory")

#define QCC_DSP_STEP_S4             \
  "ldrd r3, r4, [%[w]], #8\n\t"   \
  "ldrd r5, r6, [%[x]], #8\n\t"   \
  QCC_DSP_PRODUCTS_S4("r5", "r3") \
  QCC_DSP_PRODUCTS_S4("r6", "r4")

/* Sums of the next four channels and their constants. */
struct qcc_dsp_four {
  int32_t f[4], m2[4];
};

/* Advances w and k.  Loads of four words take every register, r7 too, which may be a frame pointer:
 * so operands have registers of their own, and where x ends lies on the stack. */
QCC_INLINE struct qcc_dsp_four qcc_dsp_multiply_row_fours(int32_t bits, const uint32_t *wide,
                                                          int32_t steps, const uint32_t **w_at,
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
  if (steps > 15 && bits == 4)
    QCC_DSP_LOOP(QCC_DSP_TWO_STEPS_S4);
  if (steps > 15 && bits == 2)
    QCC_DSP_LOOP(QCC_DSP_TWO_STEPS_S2);
  if (steps & 15)
    x = end;
  for (int32_t n = steps & 15; n > 0; n--) {
    if (bits == 4)
      QCC_DSP_STEP(QCC_DSP_STEP_S4);
    else
      QCC_DSP_STEP("ldr r4, [%[w]], #4\n\t"
                   "ldrd r5, r6, [%[x]], #8\n\t"
                   "sxtb16 r3, r4\n\t"
                   "sxtb16 r4, r4, ror #8\n\t"
                   QCC_DSP_PRODUCTS_S2("r5", "r3")
                   QCC_DSP_PRODUCTS_S2("r6", "r4"));
  }
  __asm__ volatile("ldm %[k]!, {r4, r5, r6, r9}"
                   : "=r"(m_a), "=r"(m_b), "=r"(m_c), "=r"(m_d), [k] "+r"(k)
                   :
                   : "memory");
  *w_at = w;
  *k_at = k;
  return (struct qcc_dsp_four){{a, b, c, d}, {m_a, m_b, m_c, m_d}};
}

/* The sums f[4] of a run of int4 weights; returns its end. */
QCC_INLINE const uint32_t *qcc_dsp_multiply_row_group(const uint32_t *wide, int32_t steps,
                                                      const uint32_t *weights, int32_t f[4]) {
  register const uint32_t *x __asm__("r11") = wide, *w __asm__("r12") = weights;
  register int32_t a __asm__("r0") = f[0], b __asm__("r1") = f[1], c __asm__("r2") = f[2],
                   d __asm__("r8") = f[3];
#pragma GCC unroll 4
  for (int32_t n = steps; n > 0; n--)
    QCC_DSP_STEP(QCC_DSP_STEP_S4);
  f[0] = a;
  f[1] = b;
  f[2] = c;
  f[3] = d;
  return w;
}

#undef QCC_DSP_STEP
#undef QCC_DSP_STEP_S4
#undef QCC_DSP_LOOP
#undef QCC_DSP_TWO_STEPS_S4
#undef QCC_DSP_TWO_STEPS_S2
#undef QCC_DSP_PRODUCTS_S4
#undef QCC_DSP_PRODUCTS_S2
#undef QCC_DSP_PRODUCTS

/* Widens n codes; returns the sum of the offsets times them. */
QCC_INLINE int32_t qcc_dsp_widen_sum(int32_t bits, const int8_t *x, int32_t n, uint32_t *out) {
  const int8_t *end = x + (n & ~3);
  const uint32_t offset = qcc_dsp_offset(bits);
  int32_t sum = 0;
  uint32_t u, v;
  while (x != end)
    __asm__ volatile("ldr %[v], [%[x]], #4\n\t"
                     "sxtb16 %[u], %[v]\n\t"
                     "sxtb16 %[v], %[v], ror #8\n\t"
                     "smlad %[sum], %[u], %[offset], %[sum]\n\t"
                     "smlad %[sum], %[v], %[offset], %[sum]\n\t"
                     "strd %[u], %[v], [%[out]], #8"
                     : [x] "+r"(x), [out] "+r"(out), [u] "=&r"(u), [v] "=&r"(v), [sum] "+r"(sum)
                     : [offset] "r"(offset)
                     : "memory");
  if (n & 3) {
    qcc_dsp_widen(x, n & 3, 1, out);
    sum = qcc_dsp_smlad(out[1], offset, qcc_dsp_smlad(out[0], offset, sum));
  }
  return sum;
}

QCC_INLINE void qcc_dsp_gemm_fours(const struct qcc_gemm *p, int32_t bits, const int8_t *x,
                                   const uint32_t *w, const int32_t *k, const int8_t *table,
                                   uint32_t *wide, int8_t *y) {
  int32_t steps = (p->depth + 3) >> 2, last = ((p->cols - 1) & 3) + 1;
  const int32_t *end = k + 8 * ((p->cols + 3) >> 2);
  __asm__("" : "+r"(end)); /* to keep, not to compute anew */
  int32_t excess = qcc_dsp_excess(&p->out, qcc_dsp_widen_sum(bits, x, p->depth, wide));
  for (; k != end; y += 4) {
    struct qcc_dsp_four s = qcc_dsp_multiply_row_fours(bits, wide, steps, &w, &k);
    qcc_dsp_finish_fours(&p->out, bits, k == end ? last : 4, excess, s.f, 1, s.m2, table, y);
  }
}

/* scratch[2 * ((depth + 3) / 4)] words; k as in pair_fours.h. */
QCC_KERNEL void qcc_gemm_dsp_s4(const struct qcc_gemm *p, const int8_t *x, const uint32_t *w,
                                const int32_t *k, const int8_t *table, void *scratch, int8_t *y) {
  qcc_dsp_gemm_fours(p, 4, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_dsp_s2(const struct qcc_gemm *p, const int8_t *x, const uint32_t *w,
                                const int32_t *k, const int8_t *table, void *scratch, int8_t *y) {
  qcc_dsp_gemm_fours(p, 2, x, w, k, table, scratch, y);
}

/* scratch[2 * ((depth + 3) / 4) + n_groups] words; k as in pair_groups.h. */
QCC_KERNEL void qcc_gemm_grouped_dsp_s4(const struct qcc_gemm *p, const struct qcc_groups *q,
                                        const int8_t *x, const uint32_t *w, const uint8_t *multiple,
                                        const int32_t *k, const int8_t *table, void *scratch,
                                        int8_t *y) {
  int32_t steps = (p->depth + 3) >> 2;
  struct qcc_dsp_groups v = {q, multiple, scratch};
  uint32_t *wide = (uint32_t *)scratch + q->n_groups;
  qcc_dsp_widen(x, p->depth, 1, wide);
  qcc_dsp_sum_groups(&v, 1, steps, wide);
  for (int32_t o = 0; o < p->cols; o += 4, k += 8, y += 4) {
    int32_t acc[4] = {k[0], k[1], k[2], k[3]}, f[4];
    const uint32_t *at = wide;
    for (int32_t g = 0; g < q->n_groups; g++, multiple += 4) {
      int32_t n = qcc_dsp_group_steps(q, steps, g);
      qcc_dsp_begin_group(1, v.less + g, f);
      w = qcc_dsp_multiply_row_group(at, n, w, f);
      qcc_dsp_end_group(1, multiple, f, acc);
      at += 2 * n;
    }
    qcc_dsp_finish_group(&p->out, p->cols - o, 1, acc, k + 4, table, y);
  }
}

#endif
