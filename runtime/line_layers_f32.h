/* line_layers_f32.h - float layers around a function that computes one line of pixels (lines.h),
 * for NEON and RISC-V vectors.  They take what those of line_layers.h take. */
#ifndef QCC_LINE_LAYERS_F32_H
#define QCC_LINE_LAYERS_F32_H

#include "lines.h"
#include "params_f32.h"

/* A layer's constants. */
struct qcc_float_layer {
  struct qcc_act act;
  const float *w, *b;         /* b may be NULL */
  int32_t cols;               /* channels of the output */
  int32_t next;               /* floats from one row of w to the next; 0: packed in blocks */
  const struct qcc_window *g; /* of a convolution */
};

QCC_INLINE void qcc_float_conv(qcc_line_kernel *line, const struct qcc_conv_f32 *p, int32_t next,
                               const float *x, const float *w, const float *b, void *scratch,
                               float *y) {
  struct qcc_line_image im = qcc_line_group(&p->g, p->group, 4, 0);
  struct qcc_window seen = qcc_seen_window(&im.g);
  struct qcc_float_layer layer = {p->act, w, b, im.g.out_c, next / p->group, &seen};
  for (int32_t i = 0; i < p->group; i++) {
    qcc_each_line(line, &layer, &im, seen.kernel_h, x + i * im.g.in_c, scratch, y + i * layer.cols);
    layer.w += p->w_next;
    layer.b = b ? layer.b + layer.cols : NULL;
  }
}

QCC_INLINE void qcc_float_depthwise(qcc_line_kernel *line, const struct qcc_conv_f32 *p,
                                    int32_t next, const float *x, const float *w, const float *b,
                                    void *scratch, float *y) {
  struct qcc_line_image im = qcc_line_group(&p->g, 1, 4, 0);
  struct qcc_float_layer layer = {p->act, w, b, p->g.out_c, next, &im.g};
  qcc_each_line(line, &layer, &im, p->g.kernel_h, x, scratch, y);
}

QCC_INLINE void qcc_float_gemm(qcc_line_kernel *line, const struct qcc_gemm_f32 *p, int32_t next,
                               const float *x, const float *w, const float *b, void *scratch,
                               float *y) {
  struct qcc_float_layer layer = {p->act, w, b, p->cols, next, NULL};
  qcc_each_row(line, &layer, p->rows, p->depth, p->cols, 1, 4, 4, x, scratch, y);
}

/* The product of two activations: b[depth][cols] takes the place of weights. */
QCC_INLINE void qcc_float_matmul(qcc_line_kernel *line, const struct qcc_matmul_f32 *p,
                                 const float *a, const float *b, float *y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  do {
    struct qcc_float_layer layer = {{QCC_ACT_NONE, 0.0f, 0.0f}, b + b_at, NULL, p->cols, p->cols,
                                    NULL};
    qcc_each_row(line, &layer, p->rows, p->depth, p->cols, 1, 4, 4, a + a_at, NULL, y);
    y += (ptrdiff_t)p->rows * p->cols;
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

#endif
