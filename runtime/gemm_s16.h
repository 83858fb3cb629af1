/* gemm_s16.h - fully connected layer, or pointwise convolution of stride 1, on int16 codes with
 * int8 weights: y[rows][cols] from x[rows][depth] and w[cols][depth].  Two rows by two output
 * channels at a time, or four channels of one row.  y must not overlap x. */
#ifndef QCC_GEMM_S16_H
#define QCC_GEMM_S16_H

#include "conv_params.h"
#include "dot_s16.h"

/* One row: x[depth], y[cols]. */
QCC_INLINE void qcc_gemm_row_s16(int32_t wide, const struct qcc_gemm *p, const int16_t *x,
                                 const int8_t *w, const int32_t *b, const int32_t *m, int16_t *y) {
  for (int32_t o = 0, n; o < p->cols; o += n) {
    int64_t acc[4] = {0, 0, 0, 0};
    n = p->cols - o >= 4 ? 4 : 1;
    for (int32_t j = 0; b && j < n; j++)
      acc[j] = b[o + j];
    if (n == 4)
      qcc_add_run_s16(wide, 4, x, w + o * p->depth, p->depth, p->depth, acc);
    else
      qcc_add_run_s16(wide, 1, x, w + o * p->depth, p->depth, p->depth, acc);
    for (int32_t j = 0; j < n; j++)
      y[o + j] = qcc_output_s16(wide, &p->out, acc[j], m[o + j]);
  }
}

/* Two rows: x[2][depth], y[2][cols]. */
QCC_INLINE void qcc_gemm_pair_s16(const struct qcc_gemm *p, const int16_t *x, const int8_t *w,
                                  const int32_t *b, const int32_t *m, int16_t *y) {
  int32_t o = 0, depth = p->depth;
  int16_t *y1 = y + p->cols;
  for (; o + 2 <= p->cols; o += 2) {
    int32_t b0 = b ? b[o] : 0, b1 = b ? b[o + 1] : 0, acc[4];
    acc[0] = acc[2] = b0;
    acc[1] = acc[3] = b1;
    qcc_dot2x2_s16(x, w + o * depth, depth, acc);
    for (int32_t j = 0; j < 2; j++) {
      y[o + j] = qcc_output_s16(0, &p->out, acc[j], m[o + j]);
      y1[o + j] = qcc_output_s16(0, &p->out, acc[2 + j], m[o + j]);
    }
  }
  if (o < p->cols) {
    int32_t b0 = b ? b[o] : 0;
    y[o] = qcc_output_s16(0, &p->out, b0 + qcc_dot_s16(x, w + o * depth, depth), m[o]);
    y1[o] = qcc_output_s16(0, &p->out, b0 + qcc_dot_s16(x + depth, w + o * depth, depth), m[o]);
  }
}

QCC_KERNEL void qcc_gemm_s16(const struct qcc_gemm *p, const int16_t *QCC_RESTRICT x,
                             const int8_t *QCC_RESTRICT w, const int32_t *b, const int32_t *m,
                             int16_t *QCC_RESTRICT y) {
  int32_t row = 0;
  for (; row + 2 <= p->rows; row += 2, x += 2 * p->depth, y += 2 * p->cols)
    qcc_gemm_pair_s16(p, x, w, b, m, y);
  if (row < p->rows)
    qcc_gemm_row_s16(0, p, x, w, b, m, y);
}

QCC_KERNEL void qcc_gemm_s16_wide(const struct qcc_gemm *p, const int16_t *QCC_RESTRICT x,
                                  const int8_t *QCC_RESTRICT w, const int32_t *b, const int32_t *m,
                                  int16_t *QCC_RESTRICT y) {
  for (int32_t row = 0; row < p->rows; row++, x += p->depth, y += p->cols)
    qcc_gemm_row_s16(1, p, x, w, b, m, y);
}

#endif
