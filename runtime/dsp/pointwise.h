/* pointwise.h - pointwise convolution and matrix product of many rows: pixels two by two, all
 * output channels.  A pair is widened into scratch before its outputs are written, so y may be x:
 * where outputs are larger than inputs the pixels go from the last to the first. */
#ifndef QCC_DSP_POINTWISE_H
#define QCC_DSP_POINTWISE_H

#include "dsp/pair.h"

/* bits, raised, v: see qcc_dsp_any_pair. */
QCC_INLINE void qcc_dsp_pointwise(const struct qcc_gemm *p, int32_t bits, int32_t raised,
                                  const struct qcc_dsp_groups *v, const int8_t *x,
                                  const uint32_t *w, const int32_t *k, const int8_t *table,
                                  uint32_t *columns, int8_t *y) {
  int32_t depth = p->depth, cols = p->cols, steps = (depth + 3) >> 2, grows = cols > depth;
  int32_t pairs = (p->rows + 1) >> 1, move = grows ? -2 : 2;
  int32_t row = grows ? 2 * (pairs - 1) : 0;
  for (; pairs > 0; pairs--, row += move) {
    int32_t second = row + 1 < p->rows;
    const int8_t *at = x + row * depth;
    int8_t *y0 = y + row * cols, *y1 = second ? y0 + cols : y0;
    if (second)
      qcc_dsp_widen_pair(at, depth, columns);
    else
      qcc_dsp_widen(at, depth, 2, columns);
    qcc_dsp_any_pair(&p->out, bits, raised, v, steps, cols, columns, w, k, table, y0, y1);
  }
}

/* scratch[4 * ((depth + 3) / 4)] words */
QCC_KERNEL void qcc_pointwise_dsp_s8(const struct qcc_gemm *p, const int8_t *x, const uint32_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_pointwise(p, 8, 0, NULL, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_pointwise_raised_dsp_s8(const struct qcc_gemm *p, const int8_t *x,
                                            const uint32_t *w, const int32_t *k,
                                            const int8_t *table, void *scratch, int8_t *y) {
  qcc_dsp_pointwise(p, 8, 1, NULL, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_pointwise_dsp_s4(const struct qcc_gemm *p, const int8_t *x, const uint32_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_pointwise(p, 4, 0, NULL, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_pointwise_dsp_s2(const struct qcc_gemm *p, const int8_t *x, const uint32_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_pointwise(p, 2, 0, NULL, x, w, k, table, scratch, y);
}

/* scratch[2 * n_groups] words more, in front. */
QCC_KERNEL void qcc_pointwise_grouped_dsp_s4(const struct qcc_gemm *p, const struct qcc_groups *q,
                                             const int8_t *x, const uint32_t *w,
                                             const uint8_t *multiple, const int32_t *k,
                                             const int8_t *table, void *scratch, int8_t *y) {
  struct qcc_dsp_groups v = {q, multiple, scratch};
  qcc_dsp_pointwise(p, 4, 0, &v, x, w, k, table, (uint32_t *)scratch + 2 * q->n_groups, y);
}

#endif
