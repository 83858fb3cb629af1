/* rvv/conv.h - convolutions and matrix products of int8 codes by RISC-V vectors, with int8 or int4
 * weights packed as rvv/line.h wants them: any kernel of up to 16 rows, stride and padding, not
 * dilated along the width, one group; scratch holds the lines of lines.h.  The matrix product
 * copies rows to scratch where their depth is odd, or where y is x, which it may be. */
#ifndef QCC_RVV_CONV_H
#define QCC_RVV_CONV_H

#include "rvv/line.h"

QCC_INLINE void qcc_rvv_conv(int32_t bits, const struct qcc_conv *p, const int8_t *x,
                             const int8_t *w, const int32_t *b, const int32_t *m,
                             const int8_t *table, int8_t *scratch, int8_t *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_rvv_out o = {&p->out, b, m, g->out_c};
  struct qcc_ring ring = qcc_open_ring(p, scratch);
  struct qcc_lines l;
  int8_t *v = y;
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c) {
    ring.next = 0;
    for (int32_t oy = 0; oy < g->out_h; oy++, v += g->out_w * g->out_c) {
      qcc_move_ring(p, &ring, oy, x, scratch, &l);
      qcc_rvv_line(bits, &o, &l, g->out_w, w, v);
    }
  }
  if (table)
    qcc_rvv_lookup((int32_t)(v - y), table, y, y);
}

/* Rows in tiles of four, from the end where y, which then may be x, is the larger one. */
QCC_INLINE void qcc_rvv_gemm(int32_t bits, const struct qcc_gemm *p, const int8_t *x,
                             const int8_t *w, const int32_t *b, const int32_t *m,
                             const int8_t *table, int8_t *scratch, int8_t *y) {
  struct qcc_rvv_out o = {&p->out, b, m, p->cols};
  int32_t padded = (p->depth + 1) / 2 * 2, copy = x == y || padded != p->depth;
  struct qcc_lines l = {.n = 1, .run = p->depth, .step = copy ? padded : p->depth};
  int32_t tiles = (p->rows + 3) / 4;
  for (int32_t t = 0; t < tiles; t++) {
    int32_t row = 4 * (p->cols > p->depth ? tiles - 1 - t : t), n = qcc_min(p->rows - row, 4);
    l.line[0] = x + row * p->depth;
    for (int32_t i = 0; copy && i < n; i++)
      memcpy(scratch + i * padded, x + (row + i) * p->depth, (size_t)p->depth);
    if (copy)
      l.line[0] = scratch;
    qcc_rvv_line(bits, &o, &l, n, w, y + row * p->cols);
  }
  if (table)
    qcc_rvv_lookup(p->rows * p->cols, table, y, y);
}

QCC_KERNEL void qcc_conv_s8_rvv(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_rvv_conv(8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_conv_s4_rvv(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_rvv_conv(4, p, x, (const int8_t *)w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_s8_rvv(const struct qcc_gemm *p, const int8_t *x, const int8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_rvv_gemm(8, p, x, w, b, m, table, scratch, y);
}

QCC_KERNEL void qcc_gemm_s4_rvv(const struct qcc_gemm *p, const int8_t *x, const uint8_t *w,
                                const int32_t *b, const int32_t *m, const int8_t *table,
                                void *scratch, int8_t *y) {
  qcc_rvv_gemm(4, p, x, (const int8_t *)w, b, m, table, scratch, y);
}

#endif
