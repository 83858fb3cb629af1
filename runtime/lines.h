/* lines.h - the input of a dense convolution as lines: for one row of the output, every kernel row
 * has a line of input codes with its padding around it, in which the taps of one output pixel are
 * one run of kernel_w * in_c codes, and those of the next pixel begin stride_w * in_c codes later.
 * So inner loops know no borders, and each input code is copied once, not once per tap.
 *
 * The lines lie in a ring in scratch: slot r % slots holds input row r; one more line is all
 * padding.  A matrix product is the same with one line per row, read where it lies.
 *
 *   x rows 3 4 5, pad_left 1        slot 0 | x_zero row 3 x_zero |
 *                                   slot 1 | x_zero row 4 x_zero |  ... */
#ifndef QCC_LINES_H
#define QCC_LINES_H

#include "conv_params.h"

enum { QCC_MAX_LINES = 16 }; /* kernel rows */

/* Runs of codes that the pixels of one output row read. */
struct qcc_lines {
  const int8_t *line[QCC_MAX_LINES]; /* of each kernel row, at pixel 0 */
  int32_t n;                         /* lines */
  int32_t run;                       /* codes of each that one pixel reads */
  int32_t step;                      /* codes from one pixel to the next */
  int32_t slack;                     /* pixels past the last one may be read too */
};

struct qcc_ring {
  int32_t slots, bytes;              /* lines, without the one that is all padding; of each */
  int32_t next;                      /* first input row that is not in the ring yet */
};

/* Codes of a line that are read, and the bytes that it takes with room for what vectors read past
 * its end: three pixels and 16 codes. */
QCC_INLINE int32_t qcc_line_codes(const struct qcc_window *g) {
  return ((g->out_w - 1) * g->stride_w + (g->kernel_w - 1) * g->dilation_w + 1) * g->in_c;
}

QCC_INLINE int32_t qcc_line_bytes(const struct qcc_window *g) {
  return (qcc_line_codes(g) + 3 * g->stride_w * g->in_c + 31) / 16 * 16;
}

QCC_INLINE struct qcc_ring qcc_open_ring(const struct qcc_conv *p, int8_t *scratch) {
  const struct qcc_window *g = &p->g;
  struct qcc_ring r;
  r.slots = (g->kernel_h - 1) * g->dilation_h + 1;
  r.bytes = qcc_line_bytes(g);
  r.next = 0;
  memset(scratch + r.slots * r.bytes, p->x_zero, (size_t)r.bytes);
  return r;
}

/* Input row x[in_w][in_c] as a line. */
QCC_INLINE void qcc_write_line(const struct qcc_conv *p, const int8_t *x, int8_t *line) {
  const struct qcc_window *g = &p->g;
  int32_t codes = qcc_line_codes(g), left = qcc_min(g->pad_left * g->in_c, codes);
  int32_t copied = qcc_min(codes - left, g->in_w * g->in_c), right = codes - left - copied;
  if (left > 0)
    memset(line, p->x_zero, (size_t)left);
  if (copied > 0)
    memcpy(line + left, x, (size_t)copied);
  if (right > 0)
    memset(line + left + copied, p->x_zero, (size_t)right);
}

/* Fetches the rows that row oy of the output reads, and finds their lines. */
QCC_KERNEL void qcc_move_ring(const struct qcc_conv *p, struct qcc_ring *r, int32_t oy,
                              const int8_t *x, int8_t *scratch, struct qcc_lines *l) {
  const struct qcc_window *g = &p->g;
  int32_t first = oy * g->stride_h - g->pad_top, end = qcc_min(first + r->slots, g->in_h);
  for (r->next = r->next > first ? r->next : first; r->next < end; r->next++)
    qcc_write_line(p, x + r->next * g->in_w * g->in_c,
                   scratch + r->next % r->slots * r->bytes);
  for (int32_t k = 0; k < g->kernel_h; k++) {
    int32_t row = first + k * g->dilation_h;
    int32_t slot = row < 0 || row >= g->in_h ? r->slots : row % r->slots;
    l->line[k] = scratch + slot * r->bytes;
  }
  l->n = g->kernel_h;
  l->run = g->kernel_w * g->in_c;
  l->step = g->stride_w * g->in_c;
  l->slack = 1;
}

#endif
