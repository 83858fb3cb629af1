/* line_layers_f32.h - float layers around a function that computes one line of pixels (lines.h),
 * for NEON and RISC-V vectors.  The convolution takes any kernel of up to 16 rows, stride and
 * padding, not dilated along the width, one group; depthwise ones of up to 16 by 16 and any
 * dilation.  y may be x as in line_layers.h. */
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
  struct qcc_float_layer layer = {p->act, w, b, p->g.out_c, next, &p->g};
  qcc_each_line(line, &layer, &p->g, 4, 0, x, scratch, y);
}

QCC_INLINE void qcc_float_gemm(qcc_line_kernel *line, const struct qcc_gemm_f32 *p, int32_t next,
                               const float *x, const float *w, const float *b, void *scratch,
                               float *y) {
  struct qcc_float_layer layer = {p->act, w, b, p->cols, next, NULL};
  qcc_each_row(line, &layer, p->rows, p->depth, p->cols, 1, 4, x, scratch, y);
}

/* The product of two activations: b[depth][cols] takes the place of weights. */
QCC_INLINE void qcc_float_matmul(qcc_line_kernel *line, const struct qcc_matmul_f32 *p,
                                 const float *a, const float *b, float *y) {
  int32_t index[6] = {0, 0, 0, 0, 0, 0}, a_at = 0, b_at = 0;
  do {
    struct qcc_float_layer layer = {{QCC_ACT_NONE, 0.0f, 0.0f}, b + b_at, NULL, p->cols, p->cols,
                                    NULL};
    qcc_each_row(line, &layer, p->rows, p->depth, p->cols, 1, 4, a + a_at, NULL, y);
    y += (ptrdiff_t)p->rows * p->cols;
  } while (qcc_next_batch(&p->batches, index, &a_at, &b_at));
}

#endif
