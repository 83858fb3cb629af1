/* neon/layers.h - convolutions and matrix products of int8 codes with int8 or int4 weights,
 * around a function that computes one line of pixels (neon/dot.h, neon/mmla.h, neon/rows.h).
 *
 * The convolution takes any kernel of up to 16 rows, stride and padding, not dilated along the
 * width, one group; scratch holds the lines of lines.h.  The matrix product copies rows to
 * scratch where their depth is no multiple of the function's step, or where y is x, which it may
 * be. */
#ifndef QCC_NEON_LAYERS_H
#define QCC_NEON_LAYERS_H

#include "lines.h"
#include "neon/tile.h"

/* Pixels 0 .. n - 1 of the lines; bits of a weight. */
typedef void qcc_neon_line(int32_t bits, const struct qcc_neon_out *o, const struct qcc_lines *l,
                           int32_t n, const int8_t *w, int8_t *y);

QCC_INLINE void qcc_neon_conv(qcc_neon_line *line, int32_t bits, const struct qcc_conv *p,
                              const int8_t *x, const int8_t *w, const int32_t *b,
                              const int32_t *m, const int8_t *table, int8_t *scratch, int8_t *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_neon_out o = {&p->out, b, m, g->out_c};
  struct qcc_ring ring = qcc_open_ring(p, scratch);
  struct qcc_lines l;
  int8_t *v = y;
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c) {
    ring.next = 0;
    for (int32_t oy = 0; oy < g->out_h; oy++, v += g->out_w * g->out_c) {
      qcc_move_ring(p, &ring, oy, x, scratch, &l);
      line(bits, &o, &l, g->out_w, w, v);
    }
  }
  if (table)
    qcc_neon_lookup((int32_t)(v - y), table, y, y);
}

/* Rows in tiles of four, from the end where y, which then may be x, is the larger one. */
QCC_INLINE void qcc_neon_gemm(qcc_neon_line *line, int32_t bits, int32_t step,
                              const struct qcc_gemm *p, const int8_t *x, const int8_t *w,
                              const int32_t *b, const int32_t *m, const int8_t *table,
                              int8_t *scratch, int8_t *y) {
  struct qcc_neon_out o = {&p->out, b, m, p->cols};
  int32_t padded = (p->depth + step - 1) / step * step, copy = x == y || padded != p->depth;
  struct qcc_lines l = {.n = 1, .run = p->depth, .step = copy ? padded : p->depth};
  int32_t tiles = (p->rows + 3) / 4;
  for (int32_t t = 0; t < tiles; t++) {
    int32_t row = 4 * (p->cols > p->depth ? tiles - 1 - t : t), n = qcc_min(p->rows - row, 4);
    l.line[0] = x + row * p->depth;
    for (int32_t i = 0; copy && i < n; i++)
      memcpy(scratch + i * padded, x + (row + i) * p->depth, (size_t)p->depth);
    if (copy)
      l.line[0] = scratch;
    line(bits, &o, &l, n, w, y + row * p->cols);
  }
  if (table)
    qcc_neon_lookup(p->rows * p->cols, table, y, y);
}

#endif
