/* dsp/matmul.h - product of two activations in int8 codes.  Four columns of b at a time are widened
 * into scratch, zero point taken away, as the pairs that SMLAD wants: for four rows of b the words
 * (0, 2) and (1, 3) of each column.  Each row of a meets them in 15 instructions for 16 products.
 * Scratch: 2 * 4 * depth bytes, depth rounded up to four.  y must not overlap a or b. */
#ifndef QCC_DSP_MATMUL_H
#define QCC_DSP_MATMUL_H

#include "dsp/dsp.h"
#include "matmul_s8.h"

/* Codes 0 to n - 1 of row k of b, of which there are depth; codes that are zero where there is none. */
QCC_INLINE uint32_t qcc_dsp_matmul_row(const struct qcc_matmul_s8 *p, int32_t k, int32_t n,
                                       const int8_t *b) {
  if (k >= p->depth)
    return ((uint32_t)p->b_zero & 255) * 0x01010101u;
  b += k * p->cols;
  return n >= 4 ? qcc_dsp_load(b) : qcc_dsp_load_tail(b, n);
}

/* Rows u and v, two apart, of four columns: a word of each column, two words from one to the next. */
QCC_INLINE void qcc_dsp_matmul_pair(uint32_t zero, uint32_t u, uint32_t v, uint32_t *w) {
  uint32_t u_even = qcc_dsp_add_even(zero, u), v_even = qcc_dsp_add_even(zero, v);
  uint32_t u_odd = qcc_dsp_add_odd(zero, u), v_odd = qcc_dsp_add_odd(zero, v);
  w[0] = qcc_dsp_low(u_even, v_even);
  w[2] = qcc_dsp_low(u_odd, v_odd);
  w[4] = qcc_dsp_high(u_even, v_even);
  w[6] = qcc_dsp_high(u_odd, v_odd);
}

/* n columns, up to four, at b. */
QCC_INLINE void qcc_dsp_matmul_pack(const struct qcc_matmul_s8 *p, int32_t n, const int8_t *b,
                                    uint32_t *w) {
  uint32_t zero = qcc_dsp_splat(-p->b_zero);
  for (int32_t k = 0; k < p->depth; k += 4, w += 8) {
    qcc_dsp_matmul_pair(zero, qcc_dsp_matmul_row(p, k, n, b), qcc_dsp_matmul_row(p, k + 2, n, b),
                        w);
    qcc_dsp_matmul_pair(zero, qcc_dsp_matmul_row(p, k + 1, n, b),
                        qcc_dsp_matmul_row(p, k + 3, n, b), w + 1);
  }
}

#define QCC_DSP_COLUMN(sum)                                                                        \
  "ldrd r5, r6, [%[w]], #8\n\t"                                                                    \
  "smlad " sum ", r4, r5, " sum "\n\t"                                                             \
  "smlad " sum ", r3, r6, " sum "\n\t"
#define QCC_DSP_COLUMNS                                                                            \
  "sxtab16 r4, %[zero], r3\n\t"                                                                   \
  "sxtab16 r3, %[zero], r3, ror #8\n\t" QCC_DSP_COLUMN("%[s0]") QCC_DSP_COLUMN("%[s1]")           \
      QCC_DSP_COLUMN("%[s2]") QCC_DSP_COLUMN("%[s3]")
#define QCC_DSP_REGISTERS                                                                          \
  : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [x] "+r"(x), [w] "+r"(w),          \
    [n] "+r"(n)                                                                                    \
  : [zero] "r"(zero)                                                                               \
  : "r3", "r4", "r5", "r6", "cc", "memory"

/* A row of a against four columns; zero: - a_zero twice. */
QCC_INLINE void qcc_dsp_matmul_sums(int32_t depth, const int8_t *a, const uint32_t *columns,
                                    uint32_t zeros, int32_t sum[4]) {
  register int32_t s0 __asm__("r0") = 0, s1 __asm__("r1") = 0, s2 __asm__("r2") = 0,
                   s3 __asm__("r8") = 0, n __asm__("r11") = depth >> 2;
  register const int8_t *x __asm__("r9") = a;
  register const uint32_t *w __asm__("r10") = columns;
  register uint32_t zero __asm__("r12") = zeros;
  if (n > 0)
    __asm__ volatile("1:\n\tldr r3, [%[x]], #4\n\t" QCC_DSP_COLUMNS "subs %[n], %[n], #1\n\t"
                     "bne 1b" QCC_DSP_REGISTERS);
  if (depth & 3) {
    n = (int32_t)qcc_dsp_load_tail(x, depth & 3);
    __asm__ volatile("mov r3, %[n]\n\t" QCC_DSP_COLUMNS QCC_DSP_REGISTERS);
  }
  sum[0] = s0;
  sum[1] = s1;
  sum[2] = s2;
  sum[3] = s3;
}

#undef QCC_DSP_COLUMN
#undef QCC_DSP_COLUMNS
#undef QCC_DSP_REGISTERS

QCC_INLINE int8_t qcc_dsp_matmul_code(const struct qcc_matmul_s8 *p, int32_t sum) {
  return (int8_t)qcc_dsp_code(&p->out, qcc_dsp_shift(&p->out, sum, 0), 2 * p->m);
}

QCC_INLINE void qcc_dsp_matmul_dots(const struct qcc_matmul_s8 *p, int32_t n, const int8_t *a,
                                    const uint32_t *w, int8_t *y) {
  int32_t sum[4];
  qcc_dsp_matmul_sums(p->depth, a, w, qcc_dsp_splat(-p->a_zero), sum);
  y[0] = qcc_dsp_matmul_code(p, sum[0]);
  if (n > 1)
    y[1] = qcc_dsp_matmul_code(p, sum[1]);
  if (n > 2)
    y[2] = qcc_dsp_matmul_code(p, sum[2]);
  if (n > 3)
    y[3] = qcc_dsp_matmul_code(p, sum[3]);
}

QCC_KERNEL void qcc_matmul_dsp_s8(const struct qcc_matmul_s8 *p, const int8_t *a, const int8_t *b,
                                  void *scratch, int8_t *y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  uint32_t *w = (uint32_t *)scratch;
  do {
    for (int32_t j = 0; j < p->cols; j += 4) {
      int32_t n = p->cols - j;
      qcc_dsp_matmul_pack(p, n, b + b_at + j, w);
      for (int32_t i = 0; i < p->rows; i++)
        qcc_dsp_matmul_dots(p, n, a + a_at + i * p->depth, w, y + i * p->cols + j);
    }
    y += p->rows * p->cols;
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

#endif
