/* mve/matmul.h - product of two activations in int8 codes on Helium.  Four columns of b at a time are
 * gathered into scratch, 16 codes each side by side, padded with zeros; each row of a then takes 10
 * instructions for 64 products.  What the zero points add is known of each row and each column:
 * sum (a - a_zero)(b - b_zero) = sum a b - b_zero sum a - a_zero sum b + depth a_zero b_zero.
 *
 * Scratch: 4 * depth bytes, depth rounded up to 16, and an int32 for each row.  Eight times cols fits
 * 16 bits.  y must not overlap a or b. */
#ifndef QCC_MVE_MATMUL_H
#define QCC_MVE_MATMUL_H

#include "matmul_s8.h"
#include "mve/vec.h"

/* Packs the column at b into every fourth vector of w; returns its sum. */
QCC_INLINE int32_t qcc_mve_matmul_column(const struct qcc_matmul_s8 *p, const int8_t *b,
                                         int8_t *w) {
  uint16x8_t rows = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)p->cols);
  int32_t sum = 0, padded = qcc_mve_round16(p->depth);
  for (int32_t k = 0; k < padded; k += 8, b += 8 * p->cols) {
    int32_t n = k < p->depth ? p->depth - k : 0;
    int16x8_t v = vldrbq_gather_offset_z_s16(b, rows, vctp16q((uint32_t)n));
    sum = vaddvaq_s16(sum, v);
    vstrbq_s16(w + (k >> 4) * 64 + (k & 8), v);
  }
  return sum;
}

/* A row of a against four columns. */
QCC_INLINE int32x4_t qcc_mve_matmul_dots(int32_t depth, const int8_t *a, const int8_t *w) {
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                   "1: vldrb.u8 q0, [%[a]], #16\n"
                   "vldrb.u8 q1, [%[w]], #16\n"
                   "vmladava.s8 %[s0], q0, q1\n"
                   "vldrb.u8 q1, [%[w]], #16\n"
                   "vmladava.s8 %[s1], q0, q1\n"
                   "vldrb.u8 q1, [%[w]], #16\n"
                   "vmladava.s8 %[s2], q0, q1\n"
                   "vldrb.u8 q1, [%[w]], #16\n"
                   "vmladava.s8 %[s3], q0, q1\n"
                   "letp lr, 1b\n"
                   "2:"
                   : [a] "+r"(a), [w] "+r"(w), [s0] "+Te"(s0), [s1] "+Te"(s1), [s2] "+Te"(s2),
                     [s3] "+Te"(s3)
                   : [n] "r"(depth)
                   : "lr", "q0", "q1", "memory");
  return qcc_mve_lanes(s0, s1, s2, s3);
}

QCC_INLINE int32_t qcc_mve_sum_codes(int32_t n, const int8_t *x) {
  int32_t sum = 0;
  __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                   "1: vldrb.u8 q0, [%[x]], #16\n"
                   "vaddva.s8 %[sum], q0\n"
                   "letp lr, 1b\n"
                   "2:"
                   : [x] "+r"(x), [sum] "+Te"(sum)
                   : [n] "r"(n)
                   : "lr", "q0", "memory");
  return sum;
}

/* Columns j to j + 3, or those that there are, of one product; row[i]: what row i adds to each. */
QCC_INLINE void qcc_mve_matmul_columns(const struct qcc_matmul_s8 *p, int32_t j, const int8_t *a,
                                       const int8_t *b, const int32_t *row, int8_t *w, int8_t *y) {
  int32_t n = qcc_min(4, p->cols - j), column[4];
  for (int32_t i = 0; i < 4; i++)
    column[i] = -p->a_zero * qcc_mve_matmul_column(p, b + j + qcc_min(i, n - 1), w + 16 * i);
  for (int32_t i = 0; i < p->rows; i++) {
    int32x4_t v = qcc_mve_matmul_dots(p->depth, a + i * p->depth, w);
    v = vaddq_n_s32(vaddq_s32(v, vldrwq_s32(column)), row[i]);
    v = qcc_mve_codes(&p->out, NULL, v, vdupq_n_s32(p->m));
    vstrbq_p_s32(y + i * p->cols + j, v, vctp32q((uint32_t)n));
  }
}

QCC_KERNEL void qcc_mve_matmul_s8(const struct qcc_matmul_s8 *p, const int8_t *a, const int8_t *b,
                                  void *scratch, int8_t *y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  int8_t *w = (int8_t *)scratch;
  int32_t *row = (int32_t *)(void *)(w + 4 * qcc_mve_round16(p->depth));
  do {
    for (int32_t i = 0; i < p->rows; i++)
      row[i] = p->depth * p->a_zero * p->b_zero -
               p->b_zero * qcc_mve_sum_codes(p->depth, a + a_at + i * p->depth);
    for (int32_t j = 0; j < p->cols; j += 4)
      qcc_mve_matmul_columns(p, j, a + a_at, b + b_at, row, w, y);
    y += p->rows * p->cols;
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

#endif
