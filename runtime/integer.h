/* integer.h - products of 8-bit codes less their zero points, to int32: ONNX's MatMulInteger and ConvInteger, the
 * general case, plainly summed, modulo 2^32.  Codes and zero points are int8 or uint8, zero points one or several,
 * found at run time perhaps; NULL: 0.  y must not overlap the others. */
#ifndef QCC_INTEGER_H
#define QCC_INTEGER_H

#include "batches.h"
#include "window3.h"

/* How the codes of an operand are read. */
struct qcc_codes8 {
  int32_t is_unsigned;
  int32_t zero_step; /* of its zero points, from row, column or channel to the next; 0: one for all */
};

QCC_INLINE int32_t qcc_code8(int32_t is_unsigned, const void *x, int32_t i) {
  return is_unsigned ? ((const uint8_t *)x)[i] : ((const int8_t *)x)[i];
}

QCC_INLINE int32_t qcc_zero8(const struct qcc_codes8 *p, const void *zero, int32_t i) {
  return zero ? qcc_code8(p->is_unsigned, zero, i * p->zero_step) : 0;
}

struct qcc_matmul_integer {
  struct qcc_codes8 a, b;
  int32_t rows, cols, depth;
  struct qcc_batches batches;
};

/* y[cols] += v * (b[cols] - zeros of its columns) */
QCC_INLINE void qcc_add_row_integer(int32_t is_unsigned, int32_t v, const struct qcc_codes8 *p, int32_t cols,
                                    const void *b, int32_t at, const void *b_zero, uint32_t *QCC_RESTRICT y) {
  if (!b_zero || p->zero_step == 0) {
    int32_t zero = qcc_zero8(p, b_zero, 0);
    for (int32_t j = 0; j < cols; j++)
      y[j] += (uint32_t)(v * (qcc_code8(is_unsigned, b, at + j) - zero));
  } else {
    for (int32_t j = 0; j < cols; j++)
      y[j] += (uint32_t)(v * (qcc_code8(is_unsigned, b, at + j) - qcc_code8(is_unsigned, b_zero, j)));
  }
}

/* y[..][rows][cols] of a[..][rows][depth] and b[..][depth][cols]; zero points of the rows of a, the columns of b */
QCC_KERNEL void qcc_matmul_integer(const struct qcc_matmul_integer *p, const void *a, const void *b,
                                   const void *a_zero, const void *b_zero, int32_t *QCC_RESTRICT out) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  uint32_t *y = (uint32_t *)(void *)out;
  do {
    for (int32_t i = 0; i < p->rows; i++, y += p->cols) {
      int32_t zero = qcc_zero8(&p->a, a_zero, i), at = a_at + i * p->depth;
      memset(y, 0, (size_t)p->cols * sizeof *y);
      for (int32_t k = 0; k < p->depth; k++) {
        int32_t v = qcc_code8(p->a.is_unsigned, a, at + k) - zero;
        if (p->b.is_unsigned)
          qcc_add_row_integer(1, v, &p->b, p->cols, b, b_at + k * p->cols, b_zero, y);
        else
          qcc_add_row_integer(0, v, &p->b, p->cols, b, b_at + k * p->cols, b_zero, y);
      }
    }
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

struct qcc_conv_integer {
  struct qcc_window3 g;
  int32_t group;
  struct qcc_codes8 x, w;
};

/* The taps of output place `at`; x from the first channel of the group on, w from the output channel's. */
QCC_INLINE uint32_t qcc_conv_sum_integer(const struct qcc_conv_integer *p, const int32_t *at, const void *x,
                                         int32_t x_at, const void *w, int32_t w_at, int32_t x_zero, int32_t w_zero) {
  const struct qcc_window3 *g = &p->g;
  int32_t k[3] = {0, 0, 0}, tap = 0, taps = g->kernel[0] * g->kernel[1] * g->kernel[2];
  uint32_t sum = 0;
  do {
    int32_t from = qcc_in3(g, at, k);
    for (int32_t c = 0; from >= 0 && c < g->in_c / p->group; c++)
      sum += (uint32_t)((qcc_code8(p->x.is_unsigned, x, x_at + from + c * g->in_channel) - x_zero) *
                        (qcc_code8(p->w.is_unsigned, w, w_at + c * taps + tap) - w_zero));
    tap++;
  } while (qcc_next3(g->kernel, k));
  return sum;
}

/* Weights [out_c][in_c / group][taps]; zero points of x: one, of w: one, or one per output channel. */
QCC_KERNEL void qcc_conv_integer(const struct qcc_conv_integer *p, const void *x, const void *w, const void *x_zero,
                                 const void *w_zero, int32_t *QCC_RESTRICT y) {
  const struct qcc_window3 *g = &p->g;
  int32_t inputs = g->in_c / p->group, outputs = g->out_c / p->group;
  int32_t row = inputs * g->kernel[0] * g->kernel[1] * g->kernel[2], zero = qcc_zero8(&p->x, x_zero, 0);
  for (int32_t n = 0; n < g->batch; n++) {
    int32_t at[3] = {0, 0, 0};
    do
      for (int32_t o = 0; o < g->out_c; o++) {
        int32_t first = n * g->in_batch + o / outputs * inputs * g->in_channel;
        uint32_t sum = qcc_conv_sum_integer(p, at, x, first, w, o * row, zero, qcc_zero8(&p->w, w_zero, o));
        y[qcc_out3(g, n, at) + o * g->out_channel] = (int32_t)sum;
      }
    while (qcc_next3(g->out, at));
  }
}

#endif
