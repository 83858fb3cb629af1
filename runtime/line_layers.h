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
  int32_t bits;                /* of a weight */
  const struct qcc_rescale *r;
  const int8_t *w;
  const int32_t *b, *m;        /* b may be NULL */
  int32_t cols;                /* channels of the output */
  const struct qcc_window *g;  /* of a convolution */
  const uint8_t *multiple;     /* of each run of `size` weights and each channel; NULL: none */
  int32_t size;
};

/* y[i] = table[x[i] + 128]; y may be x. */
typedef void qcc_table_kernel(int32_t n, const int8_t *table, const int8_t *x, int8_t *y);

/* Groups of channels one after the other; or one group and weights whose runs of `size` have a
 * multiple each, which are whole steps and fill the run of a line. */
QCC_INLINE void qcc_line_conv_grouped(qcc_line_kernel *line, qcc_table_kernel *lookup, int32_t bits,
                                      const struct qcc_conv *p, int32_t size, const int8_t *x,
                                      const void *w, const uint8_t *multiple, const int32_t *b,
                                      const int32_t *m, const int8_t *table, void *scratch,
                                      int8_t *y) {
  struct qcc_line_image im = qcc_line_group(&p->g, p->group, 1, p->x_zero);
  struct qcc_window seen = qcc_seen_window(&im.g);
  struct qcc_line_layer layer = {bits, &p->out, w, b, m, im.g.out_c, &seen, multiple, size};
  for (int32_t i = 0; i < p->group; i++) {
    qcc_each_line(line, &layer, &im, seen.kernel_h, x + i * im.g.in_c, scratch, y + i * layer.cols);
    layer.w += p->w_next;
    layer.b = b ? layer.b + layer.cols : NULL;
    layer.m += layer.cols;
  }
  if (table)
    lookup(p->g.batch * p->g.out_h * p->g.out_w * p->g.out_c, table, y, y);
}

QCC_INLINE void qcc_line_conv(qcc_line_kernel *line, qcc_table_kernel *lookup, int32_t bits,
                              const struct qcc_conv *p, const int8_t *x, const void *w,
                              const int32_t *b, const int32_t *m, const int8_t *table,
                              void *scratch, int8_t *y) {
  qcc_line_conv_grouped(line, lookup, bits, p, 0, x, w, NULL, b, m, table, scratch, y);
}

QCC_INLINE void qcc_line_depthwise(qcc_line_kernel *line, qcc_table_kernel *lookup, int32_t bits,
                                   const struct qcc_conv *p, const int8_t *x, const void *w,
                                   const int32_t *b, const int32_t *m, const int8_t *table,
                                   void *scratch, int8_t *y) {
  struct qcc_line_image im = qcc_line_group(&p->g, 1, 1, p->x_zero);
  struct qcc_line_layer layer = {bits, &p->out, w, b, m, p->g.out_c, &im.g, NULL, 0};
  qcc_each_line(line, &layer, &im, p->g.kernel_h, x, scratch, y);
  if (table)
    lookup(p->g.batch * p->g.out_h * p->g.out_w * p->g.out_c, table, y, y);
}

/* Weights whose runs of q->size have a multiple each, in the order in which they are read: a whole
 * number of steps of the line kernel. */
QCC_INLINE void qcc_line_grouped(qcc_line_kernel *line, qcc_table_kernel *lookup, int32_t bits,
                                 int32_t step, const struct qcc_gemm *p, const struct qcc_groups *q,
                                 const int8_t *x, const void *w, const uint8_t *multiple,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 void *scratch, int8_t *y) {
  struct qcc_line_layer layer = {bits, &p->out, w, b, m, p->cols, NULL, multiple, q->size};
  qcc_each_row(line, &layer, p->rows, p->depth, p->cols, step, 1, x, scratch, y);
  if (table)
    lookup(p->rows * p->cols, table, y, y);
}

/* step: codes that the line kernel reads at once. */
QCC_INLINE void qcc_line_gemm(qcc_line_kernel *line, qcc_table_kernel *lookup, int32_t bits,
                              int32_t step, const struct qcc_gemm *p, const int8_t *x,
                              const void *w, const int32_t *b, const int32_t *m,
                              const int8_t *table, void *scratch, int8_t *y) {
  struct qcc_line_layer layer = {bits, &p->out, w, b, m, p->cols, NULL, NULL, 0};
  qcc_each_row(line, &layer, p->rows, p->depth, p->cols, step, 1, x, scratch, y);
  if (table)
    lookup(p->rows * p->cols, table, y, y);
}

#endif
