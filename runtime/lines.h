/* lines.h - the input of a convolution as lines: for one row of the output, every kernel row has a
 * line of input elements with its padding around it, in which the taps of one output pixel are one
 * run of kernel_w * in_c elements, and those of the next pixel begin stride_w * in_c elements
 * later.  So inner loops know no borders, and each element is copied once, not once per tap.
 *
 * The lines lie in a ring in scratch: slot r % slots holds input row r; one more line is all
 * padding.  A matrix product is the same with one line per row, read where it lies, or in scratch.
 * A kernel is a function that computes the pixels of one row of the output from its lines; elements
 * are codes (elem 1) or floats (elem 4).
 *
 *   x rows 3 4 5, pad_left 1        slot 0 | x_zero row 3 x_zero |
 *                                   slot 1 | x_zero row 4 x_zero |  ... */
#ifndef QCC_LINES_H
#define QCC_LINES_H

#include "conv_params.h"

enum { QCC_MAX_LINES = 16 }; /* kernel rows */

/* Runs of elements that the pixels of one output row read. */
struct qcc_lines {
  const void *const *line; /* of each kernel row, at pixel 0 */
  int32_t n;               /* lines */
  int32_t run;             /* elements of each that one pixel reads */
  int32_t step;            /* elements from one pixel to the next */
  int32_t slack;           /* pixels past the last one may be read too */
};

/* All channels of n pixels to y[n][channels], from the lines. */
typedef void qcc_line_kernel(const void *layer, const struct qcc_lines *l, int32_t n, void *y);

struct qcc_ring {
  int32_t elem, zero;              /* bytes of an element; every byte of the padding */
  int32_t slots, bytes;            /* lines, without the one that is all padding; of each */
  int32_t next;                    /* first input row that is not in the ring yet */
  int8_t *at;
};

/* Elements of a line that are read. */
QCC_INLINE int32_t qcc_line_length(const struct qcc_window *g) {
  return ((g->out_w - 1) * g->stride_w + (g->kernel_w - 1) * g->dilation_w + 1) * g->in_c;
}

/* A line has room for what vectors read past its end: three pixels and 16 elements. */
QCC_INLINE struct qcc_ring qcc_open_ring(const struct qcc_window *g, int32_t elem, int32_t zero,
                                         void *scratch) {
  struct qcc_ring r = {elem, zero, (g->kernel_h - 1) * g->dilation_h + 1, 0, 0, scratch};
  r.bytes = (qcc_line_length(g) + 3 * g->stride_w * g->in_c + 31) / 16 * 16 * elem;
  memset(r.at + r.slots * r.bytes, zero, (size_t)r.bytes);
  return r;
}

/* Input row x[in_w][in_c] as a line. */
QCC_INLINE void qcc_write_line(const struct qcc_window *g, const struct qcc_ring *r,
                               const int8_t *x, int8_t *line) {
  int32_t all = qcc_line_length(g), left = qcc_min(g->pad_left * g->in_c, all);
  int32_t copied = qcc_min(all - left, g->in_w * g->in_c), right = all - left - copied;
  if (left > 0)
    memset(line, r->zero, (size_t)(left * r->elem));
  if (copied > 0)
    memcpy(line + left * r->elem, x, (size_t)(copied * r->elem));
  if (right > 0)
    memset(line + (left + copied) * r->elem, r->zero, (size_t)(right * r->elem));
}

/* Fetches the rows of image x that row oy of the output reads, and finds their lines. */
QCC_KERNEL void qcc_move_ring(const struct qcc_window *g, struct qcc_ring *r, int32_t oy,
                              const int8_t *x, const void **line) {
  int32_t first = oy * g->stride_h - g->pad_top, end = qcc_min(first + r->slots, g->in_h);
  for (r->next = r->next > first ? r->next : first; r->next < end; r->next++)
    qcc_write_line(g, r, x + (ptrdiff_t)r->next * g->in_w * g->in_c * r->elem,
                   r->at + r->next % r->slots * r->bytes);
  for (int32_t k = 0; k < g->kernel_h; k++) {
    int32_t row = first + k * g->dilation_h;
    int32_t slot = row < 0 || row >= g->in_h ? r->slots : row % r->slots;
    line[k] = r->at + slot * r->bytes;
  }
}

/* A convolution: a line kernel for each row of the output. */
QCC_INLINE void qcc_each_line(qcc_line_kernel *line, const void *layer, const struct qcc_window *g,
                              int32_t elem, int32_t zero, const void *x, void *scratch, void *y) {
  struct qcc_ring ring = qcc_open_ring(g, elem, zero, scratch);
  const void *rows[QCC_MAX_LINES];
  struct qcc_lines l = {rows, g->kernel_h, g->kernel_w * g->in_c, g->stride_w * g->in_c, 1};
  const int8_t *from = (const int8_t *)x;
  int8_t *to = (int8_t *)y;
  for (int32_t n = 0; n < g->batch; n++, from += (ptrdiff_t)g->in_h * g->in_w * g->in_c * elem) {
    ring.next = 0;
    for (int32_t oy = 0; oy < g->out_h; oy++, to += (ptrdiff_t)g->out_w * g->out_c * elem) {
      qcc_move_ring(g, &ring, oy, from, rows);
      line(layer, &l, g->out_w, to);
    }
  }
}

/* A matrix product, y[rows][cols] of x[rows][depth]: a line kernel for each four rows, which lie in
 * scratch where the depth is no multiple of `step` elements, or where y is x.  It may be x: where y
 * is the larger one, rows come from the end. */
QCC_INLINE void qcc_each_row(qcc_line_kernel *line, const void *layer, int32_t rows, int32_t depth,
                             int32_t cols, int32_t step, int32_t elem, const void *x, void *scratch,
                             void *y) {
  int32_t padded = (depth + step - 1) / step * step, copy = x == y || padded != depth;
  const void *tile;
  struct qcc_lines l = {&tile, 1, depth, copy ? padded : depth, 0};
  int32_t tiles = (rows + 3) / 4;
  for (int32_t t = 0; t < tiles; t++) {
    int32_t row = 4 * (cols > depth ? tiles - 1 - t : t), n = qcc_min(rows - row, 4);
    const int8_t *from = (const int8_t *)x + (ptrdiff_t)row * depth * elem;
    for (int32_t i = 0; copy && i < n; i++)
      memcpy((int8_t *)scratch + i * padded * elem, from + i * depth * elem,
             (size_t)(depth * elem));
    tile = copy ? scratch : from;
    line(layer, &l, n, (int8_t *)y + (ptrdiff_t)row * cols * elem);
  }
}

#endif
