/* mve/gemm.h - fully connected layer on int8 codes on Helium, for few rows: eight or four output
 * channels share the loads of x.  y must not overlap x.  Weights as in mve/dot.h. */
#ifndef QCC_MVE_GEMM_H
#define QCC_MVE_GEMM_H

#include "conv_params.h"
#include "mve/dot.h"

QCC_KERNEL void qcc_mve_gemm_s8(const struct qcc_gemm *p, const int8_t *QCC_RESTRICT x,
                                const int8_t *QCC_RESTRICT w, const int32_t *b, const int32_t *m,
                                const int8_t *table, int8_t *QCC_RESTRICT y) {
  int32_t steps = (p->depth + 15) >> 4, left = p->depth - 16 * (steps - 1), size = 64 * steps;
  for (int32_t row = 0; row < p->rows; row++, x += p->depth, y += p->cols) {
    int32_t o = 0;
    const int8_t *v = w;
    if (left == 16)
      for (; o + 8 <= p->cols; o += 8, v += 2 * size) {
        int32x4_t acc[2];
        qcc_mve_dot1x8_s8(x, v + size, v, steps, acc);
        for (int32_t k = 0; k < 2; k++) {
          struct qcc_mve_quad q = qcc_mve_load_quad(b + o + 4 * k, m + o + 4 * k, 4);
          qcc_mve_store_quad(&p->out, &q, table, acc[k], 4, y + o + 4 * k);
        }
      }
    for (; o < p->cols; o += 4, v += size) {
      int32_t n = p->cols - o;
      int32x4_t acc = qcc_mve_dot1x4_s8(x, v, steps, left);
      struct qcc_mve_quad q = qcc_mve_load_quad(b + o, m + o, n);
      qcc_mve_store_quad(&p->out, &q, table, acc, n, y + o);
    }
  }
}

/* int4 weights; depth is a multiple of 16. */
QCC_KERNEL void qcc_mve_gemm_s4(const struct qcc_gemm *p, const int8_t *QCC_RESTRICT x,
                                const uint8_t *QCC_RESTRICT w, const int32_t *b, const int32_t *m,
                                const int8_t *table, int8_t *QCC_RESTRICT y) {
  int32_t steps = p->depth >> 4, size = 32 * steps;
  int32x4_t by = qcc_mve_lanes(-4, 0, -4, 0);
  for (int32_t row = 0; row < p->rows; row++, x += p->depth, y += p->cols) {
    const int8_t *v = (const int8_t *)w;
    int32x4_t bias = qcc_mve_nibble_bias(x, steps);
    for (int32_t o = 0; o < p->cols; o += 8, v += 2 * size) {
      int32x4_t acc[2];
      int32_t packs = o + 4 < p->cols ? 2 : 1;
      qcc_mve_dot1x8_s4(x, v + (packs - 1) * size, v, steps, acc);
      for (int32_t k = 0; k < packs; k++) {
        int32_t at = o + 4 * k, n = p->cols - at;
        struct qcc_mve_quad q = qcc_mve_load_quad(b + at, m + at, n);
        int32x4_t sum = vaddq_s32(vshlq_s32(acc[k], by), bias);
        qcc_mve_store_quad(&p->out, &q, table, sum, n, y + at);
      }
    }
  }
}

#endif
