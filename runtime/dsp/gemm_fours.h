/* gemm_fours.h - fully connected layer for one row with int4 or int2 weights: four output channels
 * at a time, see pair_fours.h for the weights, pair_groups.h for those with multiples.  x is widened
 * first, so y may be x.  A layer of int4 weights whose shape and rescaling are constants that allow
 * it is one loop of assembly. */
#ifndef QCC_DSP_GEMM_FOURS_H
#define QCC_DSP_GEMM_FOURS_H

#include "dsp/pair_groups.h"

/* The products of two codes, in x, with two weights of four channels each, in w. */
#define QCC_DSP_PRODUCTS(x, w, clear1, clear2, clear3) \
  "smlad r0, " x ", " w ", r0\n\t"                 \
  clear1                                               \
  "smlad r1, " x ", " w ", r1\n\t"                 \
  clear2                                               \
  "smlad r2, " x ", " w ", r2\n\t"                 \
  clear3                                               \
  "smlad r8, " x ", " w ", r8\n\t"
#define QCC_DSP_PRODUCTS_S4(x, w)                                                        \
  QCC_DSP_PRODUCTS(x, w, "bic " w ", #0xf000f000\n\t", "bic " w ", #0x0f000f00\n\t",     \
                   "bic " w ", #0x00f000f0\n\t")
#define QCC_DSP_PRODUCTS_S2(x, w)                                                        \
  QCC_DSP_PRODUCTS(x, w, "and " w ", #0x003f003f\n\t", "and " w ", #0x000f000f\n\t",     \
                   "and " w ", #0x00030003\n\t")
#define QCC_DSP_TWO_STEPS_S4             \
  "ldm r11!, {r3, r4, r5, r6}\n\t"      \
  "ldm r12!, {r7, r9, r10, lr}\n\t"     \
  QCC_DSP_PRODUCTS_S4("r3", "r7")        \
  QCC_DSP_PRODUCTS_S4("r4", "r9")        \
  QCC_DSP_PRODUCTS_S4("r5", "r10")       \
  QCC_DSP_PRODUCTS_S4("r6", "lr")
#define QCC_DSP_TWO_STEPS_S2             \
  "ldm r11!, {r3, r4, r5, r6}\n\t"      \
  "ldrd r9, lr, [%[w]], #8\n\t"          \
  "sxtb16 r7, r9\n\t"                    \
  "sxtb16 r9, r9, ror #8\n\t"            \
  "sxtb16 r10, lr\n\t"                   \
  "sxtb16 lr, lr, ror #8\n\t"            \
  QCC_DSP_PRODUCTS_S2("r3", "r7")        \
  QCC_DSP_PRODUCTS_S2("r4", "r9")        \
  QCC_DSP_PRODUCTS_S2("r5", "r10")       \
  QCC_DSP_PRODUCTS_S2("r6", "lr")

/* C99 strings end at 4095 characters, hence .rept.  gcc knows the length of assembly from its number
 * of statements, hence the empty ones. */
#define QCC_DSP_EMPTY_60 ";;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;\n\t"
#define QCC_DSP_EMPTY_180 QCC_DSP_EMPTY_60 QCC_DSP_EMPTY_60 QCC_DSP_EMPTY_60
#define QCC_DSP_REPEAT(times, two_steps) \
  ".rept " times "\n\t" two_steps two_steps ".endr\n\t" QCC_DSP_EMPTY_180
#define QCC_DSP_16_STEPS(two_steps) QCC_DSP_REPEAT("4", two_steps)
#define QCC_DSP_32_STEPS(two_steps) \
  QCC_DSP_REPEAT("8", two_steps) QCC_DSP_EMPTY_60 QCC_DSP_EMPTY_180
#define QCC_DSP_40_STEPS(two_steps) \
  QCC_DSP_REPEAT("10", two_steps) QCC_DSP_EMPTY_180 QCC_DSP_EMPTY_180
/* Up to x's end, which lies on the stack. */
#define QCC_DSP_TO_END(steps, end) \
  "1:\n\t" steps "ldr r3, [sp" end "]\n\tcmp r11, r3\n\tbne 1b\n\t"
#define QCC_DSP_LOOP(two_steps)                                                               \
  __asm__ volatile("push {r3, r7, r11, lr}\n"                                                 \
                   QCC_DSP_TO_END(QCC_DSP_16_STEPS(two_steps), "")                            \
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

/* Fours of channels of a layer whose shape and rescaling are constants, in one piece of assembly.
 * The first of the four sums is 2^12 too large, the others are made 2^8 too large; SSAT shifts the
 * codes right instead, so that their zero comes as large, with the half that rounds them.  What
 * the loop reloads lies on the stack, in the order of the registers. */
#define QCC_DSP_CODE(sum, m, zero, bits, y)               \
  "smmla " sum ", " sum ", " m ", " zero "\n\t"           \
  "ssat " sum ", #8, " sum ", asr #(" bits ")\n\t"        \
  "strb " sum ", " y "\n\t"
#define QCC_DSP_ROW(steps, shift)                                                             \
  __asm__ volatile("push {r7}\n\t"                                                            \
                   "push {r3, r4, r5, r6, r9, r10, r11, lr}\n"                                \
                   "2: ldm r3!, {r0, r1, r2, r8}\n\t"                                         \
                   "strd r3, r4, [sp]\n\t" steps                                              \
                   "ldm sp, {r3, r4, r5, r6, r7}\n\t"                                         \
                   "ldm r3!, {r9, r10, r11, lr}\n\t"                                          \
                   "sub r0, r0, r1\n\t"                                                       \
                   "sub r1, r1, r2\n\t"                                                       \
                   "sub r2, r2, r8\n\t"                                                       \
                   "sub r1, r1, r5\n\t"                                                       \
                   "rsb r2, r5, r2, lsl #4\n\t"                                               \
                   "rsb r8, r5, r8, lsl #8\n\t"                                               \
                   QCC_DSP_CODE("r8", "lr", "r6", "8 - " shift, "[r4, #3]")                    \
                   QCC_DSP_CODE("r2", "r11", "r6", "8 - " shift, "[r4, #2]")                   \
                   QCC_DSP_CODE("r1", "r10", "r6", "8 - " shift, "[r4, #1]")                   \
                   QCC_DSP_CODE("r0", "r9", "r7", "12 - " shift, "[r4], #4")                   \
                   "ldrd r10, r11, [sp, #20]\n\t"                                             \
                   "cmp r3, r10\n\t"                                                          \
                   "bne 2b\n\t"                                                               \
                   "add sp, sp, #32\n\t"                                                      \
                   "pop {r7}"                                                                 \
                   : "+r"(k), "+r"(to), "+r"(e), "+r"(low), "+r"(high), "+r"(k_end), "+r"(x),  \
                     "+r"(x_end), "+r"(w)                                                     \
                   :                                                                          \
                   : "r0", "r1", "r2", "r8", "cc", "memory")
#define QCC_DSP_ROW_BY_STEPS(shift)                                                           \
  do {                                                                                        \
    if (steps == 2)                                                                           \
      QCC_DSP_ROW(QCC_DSP_TWO_STEPS_S4, shift);                                               \
    else if (steps == 32)                                                                     \
      QCC_DSP_ROW(QCC_DSP_32_STEPS(QCC_DSP_TWO_STEPS_S4), shift);                             \
    else if (steps % 40 == 0)                                                                 \
      QCC_DSP_ROW(QCC_DSP_TO_END(QCC_DSP_40_STEPS(QCC_DSP_TWO_STEPS_S4), ", #28"), shift);    \
    else if (steps % 32 == 0)                                                                 \
      QCC_DSP_ROW(QCC_DSP_TO_END(QCC_DSP_32_STEPS(QCC_DSP_TWO_STEPS_S4), ", #28"), shift);    \
    else if (steps % 16 == 0)                                                                 \
      QCC_DSP_ROW(QCC_DSP_TO_END(QCC_DSP_16_STEPS(QCC_DSP_TWO_STEPS_S4), ", #28"), shift);    \
    else                                                                                      \
      QCC_DSP_ROW(QCC_DSP_TO_END(QCC_DSP_TWO_STEPS_S4, ", #28"), shift);                      \
  } while (0)

QCC_INLINE int32_t qcc_dsp_is_whole_row(const struct qcc_gemm *p, const int8_t *table) {
  return __builtin_constant_p(p->depth) && ((p->depth + 3) >> 2) % 2 == 0 &&
         __builtin_constant_p(p->cols) && p->cols % 4 == 0 && !table &&
         __builtin_constant_p(p->out.shift) && p->out.shift >= 0 && p->out.shift <= 3 &&
         __builtin_constant_p(p->out.lo) && p->out.lo <= -128 && __builtin_constant_p(p->out.hi) &&
         p->out.hi >= 127;
}

/* The zero of codes that are 2^bits times too large. */
QCC_INLINE int32_t qcc_dsp_large_zero(int32_t zero, int32_t bits) {
  return zero * (1 << bits) + (1 << (bits - 1));
}

/* sum: of the offsets times x. */
QCC_INLINE void qcc_dsp_whole_row(const struct qcc_gemm *p, int32_t sum, const uint32_t *weights,
                                  const int32_t *constants, const uint32_t *wide, int8_t *y) {
  const struct qcc_rescale *r = &p->out;
  int32_t steps = (p->depth + 3) >> 2;
  register const int32_t *k __asm__("r3") = constants,
                         *k_end __asm__("r10") = constants + 2 * p->cols;
  register int8_t *to __asm__("r4") = y;
  register int32_t e __asm__("r5") = (int32_t)((uint32_t)sum << 8);
  register int32_t low __asm__("r6") = qcc_dsp_large_zero(r->zero, 8 - r->shift);
  register int32_t high __asm__("r9") = qcc_dsp_large_zero(r->zero, 12 - r->shift);
  register const uint32_t *x __asm__("r11") = wide, *x_end __asm__("lr") = wide + 2 * steps,
                          *w __asm__("r12") = weights;
  if (r->shift == 0)
    QCC_DSP_ROW_BY_STEPS("0");
  else if (r->shift == 1)
    QCC_DSP_ROW_BY_STEPS("1");
  else if (r->shift == 2)
    QCC_DSP_ROW_BY_STEPS("2");
  else
    QCC_DSP_ROW_BY_STEPS("3");
}

#undef QCC_DSP_ROW_BY_STEPS
#undef QCC_DSP_ROW
#undef QCC_DSP_CODE

#undef QCC_DSP_STEP
#undef QCC_DSP_STEP_S4
#undef QCC_DSP_LOOP
#undef QCC_DSP_TO_END
#undef QCC_DSP_40_STEPS
#undef QCC_DSP_32_STEPS
#undef QCC_DSP_16_STEPS
#undef QCC_DSP_REPEAT
#undef QCC_DSP_EMPTY_180
#undef QCC_DSP_EMPTY_60
#undef QCC_DSP_TWO_STEPS_S4
#undef QCC_DSP_TWO_STEPS_S2
#undef QCC_DSP_PRODUCTS_S4
#undef QCC_DSP_PRODUCTS_S2
#undef QCC_DSP_PRODUCTS

#define QCC_DSP_WIDEN(even, odd)             \
  "ldr " odd ", [%[x]], #4\n\t"              \
  "sxtb16 " even ", " odd "\n\t"             \
  "sxtb16 " odd ", " odd ", ror #8\n\t"      \
  "smlad %[s], " even ", %[c], %[s]\n\t"     \
  "smlad %[s], " odd ", %[c], %[s]\n\t"

/* Widens n codes, a multiple of 16; returns the sum of the offsets times them. */
QCC_INLINE int32_t qcc_dsp_widen_16(int32_t bits, const int8_t *codes, int32_t n, uint32_t *out) {
  register const int8_t *x __asm__("r9") = codes, *end __asm__("lr") = codes + n;
  register uint32_t *to __asm__("r10") = out, offset __asm__("r12") = qcc_dsp_offset(bits);
  register int32_t sum __asm__("r11") = 0;
  __asm__ volatile("1:\n\t"
                   QCC_DSP_WIDEN("r0", "r1") QCC_DSP_WIDEN("r2", "r3")
                   QCC_DSP_WIDEN("r4", "r5") QCC_DSP_WIDEN("r6", "r8")
                   "stm %[to]!, {r0, r1, r2, r3, r4, r5, r6, r8}\n\t"
                   "cmp %[x], %[end]\n\t"
                   "bne 1b"
                   : [x] "+r"(x), [to] "+r"(to), [s] "+r"(sum)
                   : [c] "r"(offset), [end] "r"(end)
                   : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "cc", "memory");
  return sum;
}

#undef QCC_DSP_WIDEN

/* Widens n codes; returns the sum of the offsets times them. */
QCC_INLINE int32_t qcc_dsp_widen_sum(int32_t bits, const int8_t *x, int32_t n, uint32_t *out) {
  if (__builtin_constant_p(n) && n % 16 == 0)
    return qcc_dsp_widen_16(bits, x, n, out);
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
  int32_t sum = qcc_dsp_widen_sum(bits, x, p->depth, wide);
  if (bits == 4 && qcc_dsp_is_whole_row(p, table)) {
    qcc_dsp_whole_row(p, sum, w, k, wide, y);
    return;
  }
  __asm__("" : "+r"(end)); /* to keep, not to compute anew */
  int32_t excess = qcc_dsp_excess(&p->out, sum);
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
