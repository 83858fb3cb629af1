/* line_layers.h - layers of int8 codes around a function that computes one line of pixels (lines.h)
 * and one that looks codes up in a table, for NEON and RISC-V vectors.
 *
 * The convolution takes any kernel of up to 64 rows, of up to 64 taps where it is dilated along the
 * width, any stride, padding and group; depthwise ones of up to 64 rows and any dilation.  y may be
 * x where the compiler knows that output rows follow behind the input rows that are still needed;
 * for the matrix product always. */
#ifndef QCC_LINE_LAYERS_H
#define QCC_LINE_LAYERS_H

#include "lines.h"

/* A layer's constants. */
struct qcc_line_layer {
  int32_t kind;                /* of weights: common.h */
  const struct qcc_rescale *r; /* NULL: outputs are the sums as they are, int32 */
  const int8_t *w;
  const int8_t *levels;        /* of weights that are indices */
  const int32_t *b, *m;        /* b may be NULL */
  int32_t cols;                /* channels of the output */
  const struct qcc_window *g;  /* of a convolution */
  const uint8_t *multiple;     /* of each run of `size` weights and each channel; NULL: none */
  int32_t size;
};

/* Of an output. */
QCC_INLINE int32_t qcc_line_bytes(const struct qcc_line_layer *o) {
  return o->r ? 1 : 4;
}

/* y[i] = table[x[i] + 128]; y may be x. */
typedef void qcc_table_kernel(int32_t n, const int8_t *table, const int8_t *x, int8_t *y);

/* Groups of channels one after the other; or one group and weights whose runs of `size` have a
 * multiple each, which are whole steps and fill the run of a line. */
QCC_INLINE void qcc_line_conv(qcc_line_kernel *line, qcc_table_kernel *lookup, int32_t kind,
                              const struct qcc_conv *p, int32_t size, const int8_t *x, const void *w,
                              const int8_t *levels, const uint8_t *multiple, const int32_t *b,
                              const int32_t *m, const int8_t *table, void *scratch, int8_t *y) {
  struct qcc_line_image im = qcc_line_group(&p->g, p->group, 1, p->x_zero);
  struct qcc_window seen = qcc_seen_window(&im.g);
  struct qcc_line_layer layer = {kind, &p->out, w, levels, b, m, im.g.out_c, &seen, multiple, size};
  for (int32_t i = 0; i < p->group; i++) {
    qcc_each_line(line, &layer, &im, seen.kernel_h, x + i * im.g.in_c, scratch, y + i * layer.cols);
    layer.w += p->w_next;
    layer.b = b ? layer.b + layer.cols : NULL;
    layer.m += layer.cols;
  }
  if (table)
    lookup(p->g.batch * p->g.out_h * p->g.out_w * p->g.out_c, table, y, y);
}

QCC_INLINE void qcc_line_depthwise(qcc_line_kernel *line, qcc_table_kernel *lookup, int32_t bits,
                                   const struct qcc_conv *p, const int8_t *x, const void *w,
                                   const int32_t *b, const int32_t *m, const int8_t *table,
                                   void *scratch, int8_t *y) {
  struct qcc_line_image im = qcc_line_group(&p->g, 1, 1, p->x_zero);
  struct qcc_line_layer layer = {bits, &p->out, w, NULL, b, m, p->g.out_c, &im.g, NULL, 0};
  qcc_each_line(line, &layer, &im, p->g.kernel_h, x, scratch, y);
  if (table)
    lookup(p->g.batch * p->g.out_h * p->g.out_w * p->g.out_c, table, y, y);
}

/* step: codes that the line kernel reads at once.  Where runs of `size` weights have a multiple each,
 * in the order in which they are read, these are a whole number of steps. */
QCC_INLINE void qcc_line_gemm(qcc_line_kernel *line, qcc_table_kernel *lookup, int32_t kind,
                              int32_t step, const struct qcc_gemm *p, int32_t size, const int8_t *x,
                              const void *w, const int8_t *levels, const uint8_t *multiple,
                              const int32_t *b, const int32_t *m, const int8_t *table,
                              void *scratch, int8_t *y) {
  struct qcc_line_layer layer = {kind, &p->out, w, levels, b, m, p->cols, NULL, multiple, size};
  qcc_each_row(line, &layer, p->rows, p->depth, p->cols, step, 1, 1, x, scratch, y);
  if (table)
    lookup(p->rows * p->cols, table, y, y);
}

/* The functions for weights of a kind, NAME in theirs, without multiples and with them.  PARAMETER is
 * QCC_WITH_LEVELS, and `levels` their name, where weights are indices. */
#define QCC_LINE_DENSE(name, isa, line, lookup, kind, step, parameter, levels)                     \
  QCC_KERNEL void qcc_conv_##name##_##isa(                                                         \
      const struct qcc_conv *p, const int8_t *x, const void *w, parameter const int32_t *b,        \
      const int32_t *m, const int8_t *table, void *scratch, int8_t *y) {                           \
    qcc_line_conv(line, lookup, kind, p, 0, x, w, levels, NULL, b, m, table, scratch, y);          \
  }                                                                                                \
  QCC_KERNEL void qcc_gemm_##name##_##isa(                                                         \
      const struct qcc_gemm *p, const int8_t *x, const void *w, parameter const int32_t *b,        \
      const int32_t *m, const int8_t *table, void *scratch, int8_t *y) {                           \
    qcc_line_gemm(line, lookup, kind, step, p, 0, x, w, levels, NULL, b, m, table, scratch, y);    \
  }
#define QCC_LINE_GROUPED(name, isa, line, lookup, kind, step, parameter, levels)                   \
  QCC_KERNEL void qcc_conv_grouped_##name##_##isa(                                                 \
      const struct qcc_conv *p, const struct qcc_groups *q, const int8_t *x, const void *w,        \
      parameter const uint8_t *multiple, const int32_t *b, const int32_t *m, const int8_t *table,  \
      void *scratch, int8_t *y) {                                                                  \
    qcc_line_conv(line, lookup, kind, p, q->size, x, w, levels, multiple, b, m, table, scratch,    \
                  y);                                                                              \
  }                                                                                                \
  QCC_KERNEL void qcc_gemm_grouped_##name##_##isa(                                                 \
      const struct qcc_gemm *p, const struct qcc_groups *q, const int8_t *x, const void *w,        \
      parameter const uint8_t *multiple, const int32_t *b, const int32_t *m, const int8_t *table,  \
      void *scratch, int8_t *y) {                                                                  \
    qcc_line_gemm(line, lookup, kind, step, p, q->size, x, w, levels, multiple, b, m, table,       \
                  scratch, y);                                                                     \
  }

#endif
