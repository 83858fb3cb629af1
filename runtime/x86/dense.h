/* dense.h - convolution of codes, any kernel, stride, dilation, padding and group, by way of a staged
 * copy of the image; and matrix products and pointwise convolutions, by way of a copy of
 * some rows at a time.  Outputs are written behind the copies of their inputs, therefore y may be
 * x, where rows grow only for convolutions.  Included behind lanes.h of an instruction set. */
#ifndef QCC_X86_DENSE_H
#define QCC_X86_DENSE_H

#include "x86/dots.h"

enum { QCC_GEMM_ROWS = 48 }; /* rows of a copy: several tiles */

/* raw: y gets the sums as they are, int32; m and table are not read. */
QCC_INLINE void qcc_dots_any(int32_t kind, int32_t raw, const struct qcc_dots *v, const void *x,
                             const void *w, const uint8_t *multiple, const int32_t *b,
                             const int32_t *m, const int8_t *table, int8_t *y) {
#define QCC_DOTS_TO(name)                                                \
  do {                                                                \
    if (raw) qcc_dots_##name##_raw(v, x, w, multiple, b, m, table, y); \
    else qcc_dots_##name(v, x, w, multiple, b, m, table, y);          \
  } while (0)
  if (kind == 8) QCC_DOTS_TO(s8);
  else if (kind == 4) QCC_DOTS_TO(s4);
  else if (kind == 2) QCC_DOTS_TO(s2);
  else if (kind == QCC_LEVELS_8) QCC_DOTS_TO(l8);
  else QCC_DOTS_TO(l5);
#undef QCC_DOTS_TO
}

QCC_INLINE void qcc_dense_conv(int32_t kind, const struct qcc_dots *v, const struct qcc_stage *t,
                               const int8_t *x, const void *w, const uint8_t *multiple,
                               const int32_t *b, const int32_t *m, const int8_t *table,
                               void *scratch, int8_t *y) {
  if (qcc_input_bytes(kind) == QCC_STAGE_S16) qcc_stage_s16(t, x, scratch);
  else qcc_stage_u8(t, x, scratch);
  for (int32_t i = 0; i <= v->g.more; i++)
    qcc_dots_any(kind, 0, v, (const uint8_t *)scratch + i * v->g.x_next,
                 (const uint8_t *)w + (int64_t)i * v->g.w_next, multiple, b + i * v->g.slots,
                 m + i * v->g.slots, table, y + i * v->g.out_c);
}

QCC_INLINE void qcc_dense_gemm(int32_t kind, int32_t raw, const struct qcc_dots *v, const int8_t *x,
                               const void *w, const uint8_t *multiple, const int32_t *b,
                               const int32_t *m, const int8_t *table, void *scratch, int8_t *y) {
  struct qcc_dots block = *v;
  int32_t bytes = qcc_input_bytes(kind), depth = v->g.pixel / bytes;
  int64_t step = (int64_t)v->g.out_c * (raw ? 4 : 1);
  for (int32_t row = 0; row < v->g.rows_w; row += block.g.rows_w) {
    block.g.rows_w = qcc_min(QCC_GEMM_ROWS, v->g.rows_w - row);
    qcc_stage_row(bytes, (int64_t)block.g.rows_w * depth, x + (int64_t)row * depth, scratch);
    qcc_dots_any(kind, raw, &block, scratch, w, multiple, b, m, table, y + row * step);
  }
}

/* The kernels by name, for each kind of weights. */
#define QCC_DENSE(name, kind)                                                                     \
  QCC_KERNEL void QCC_ISA(conv_##name)(                                                           \
      const struct qcc_dots *v, const struct qcc_stage *t, const int8_t *x, const void *w,        \
      const uint8_t *multiple, const int32_t *b, const int32_t *m, const int8_t *table,           \
      void *scratch, int8_t *y) {                                                                 \
    qcc_dense_conv(kind, v, t, x, w, multiple, b, m, table, scratch, y);                          \
  }                                                                                               \
  QCC_KERNEL void QCC_ISA(gemm_##name)(                                                           \
      const struct qcc_dots *v, const int8_t *x, const void *w, const uint8_t *multiple,          \
      const int32_t *b, const int32_t *m, const int8_t *table, void *scratch, int8_t *y) {        \
    qcc_dense_gemm(kind, 0, v, x, w, multiple, b, m, table, scratch, y);                             \
  }
QCC_DENSE(s8, 8)
QCC_DENSE(s4, 4)
QCC_DENSE(s2, 2)
QCC_DENSE(l8, QCC_LEVELS_8)
QCC_DENSE(l5, QCC_LEVELS_5)
#undef QCC_DENSE

#endif
