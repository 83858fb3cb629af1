/* line_reals.h - matrix products and pointwise convolutions of codes with scales of run time, to floats:
 * the sums by a function that computes lines of pixels (line_layers.h), then what they stand for. */
#ifndef QCC_LINE_REALS_H
#define QCC_LINE_REALS_H

#include "line_layers.h"
#include "params_f32.h"
#include "sum_reals.h"

/* step, and runs of `size` weights that have a multiple each: as for qcc_line_gemm. */
QCC_INLINE void qcc_line_reals(qcc_line_kernel *line, qcc_reals_row *row, int32_t kind, int32_t step,
                               const struct qcc_gemm_f32 *p, int32_t size,
                               const struct qcc_x_scales *t, const int8_t *x, const void *w,
                               const int8_t *levels, const uint8_t *multiple, const float *b,
                               const float *s, const float *x_scale, const struct qcc_zeros *z,
                               const int32_t *x_zero, void *scratch, float *y) {
  struct qcc_line_layer layer = {kind, NULL, w, levels, NULL, NULL, p->cols, NULL, multiple, size};
  qcc_each_row(line, &layer, p->rows, p->depth, p->cols, step, 1, 4, x, scratch, y);
  if (x_zero)
    qcc_zero_rows(p->rows, p->cols, p->depth, &p->act, z, *x_zero, x, s, b, *x_scale, y);
  else
    qcc_reals_rows(row, p->rows, p->cols, &p->act, t, s, b, x_scale, y);
}

/* The functions for weights of a kind, without multiples and with them; arguments as for
 * QCC_LINE_DENSE. */
#define QCC_LINE_REALS(name, isa, line, row, kind, step, parameter, levels)                        \
  QCC_KERNEL void qcc_reals_##name##_##isa(                                                        \
      const struct qcc_gemm_f32 *p, const struct qcc_x_scales *t, const int8_t *x, const void *w,  \
      parameter const float *b, const float *s, const float *x_scale, const struct qcc_zeros *z,   \
      const int32_t *x_zero, void *scratch, float *y) {                                            \
    qcc_line_reals(line, row, kind, step, p, 0, t, x, w, levels, NULL, b, s, x_scale, z, x_zero,   \
                   scratch, y);                                                                    \
  }
#define QCC_LINE_REALS_GROUPED(name, isa, line, row, kind, step, parameter, levels)                \
  QCC_KERNEL void qcc_reals_grouped_##name##_##isa(                                                \
      const struct qcc_gemm_f32 *p, const struct qcc_groups *q, const struct qcc_x_scales *t,      \
      const int8_t *x, const void *w, parameter const uint8_t *multiple, const float *b,           \
      const float *s, const float *x_scale, const struct qcc_zeros *z, const int32_t *x_zero,      \
      void *scratch, float *y) {                                                                   \
    qcc_line_reals(line, row, kind, step, p, q->size, t, x, w, levels, multiple, b, s, x_scale, z, \
                   x_zero, scratch, y);                                                            \
  }

#endif
