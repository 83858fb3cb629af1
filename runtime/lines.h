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
 * A kernel that is dilated along its width has a line for every tap, further on in that of its row.
 * Groups are convolutions of some of the channels, one after the other: lines hold these only.
 *
 *   x rows 3 4 5, pad_left 1        slot 0 | x_zero row 3 x_zero |
 *                                   slot 1 | x_zero row 4 x_zero |  ... */
#ifndef QCC_LINES_H
#define QCC_LINES_H

#include "conv_params.h"

enum { QCC_MAX_LINES = 64 }; /* kernel rows; taps where these are lines */

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

/* A convolution, or one group of it. */
struct qcc_line_image {
  struct qcc_window g;     /* in_c and out_c of the group */
  int32_t in_next, out_next; /* elements from pixel to pixel of the images */
  int32_t elem, zero;      /* bytes of an element; every byte of the padding */
};

struct qcc_ring {
  int32_t slots, bytes;            /* lines, without the one that is all padding; of each */
  int32_t next;                    /* first input row that is not in the ring yet */
  int8_t *at;
};

/* Elements of a line that are read. */
QCC_INLINE int32_t qcc_line_length(const struct qcc_window *g) {
  return ((g->out_w - 1) * g->stride_w + (g->kernel_w - 1) * g->dilation_w + 1) * g->in_c;
}

/* A line has room for what vectors read past its end: three pixels and 16 elements. */
QCC_INLINE struct qcc_ring qcc_open_ring(const struct qcc_line_image *im, void *scratch) {
  const struct qcc_window *g = &im->g;
  struct qcc_ring r = {(g->kernel_h - 1) * g->dilation_h + 1, 0, 0, scratch};
  r.bytes = (qcc_line_length(g) + 3 * g->stride_w * g->in_c + 31) / 16 * 16 * im->elem;
  memset(r.at + r.slots * r.bytes, im->zero, (size_t)r.bytes);
  return r;
}

/* n pixels of `bytes` bytes each, some bytes apart. */
QCC_INLINE void qcc_copy_pixels(int32_t n, int32_t bytes, int32_t x_next, const int8_t *x,
                                int32_t y_next, int8_t *y) {
  if (x_next == bytes && y_next == bytes)
    memcpy(y, x, (size_t)(n * bytes));
  else
    for (int32_t i = 0; i < n; i++)
      memcpy(y + i * y_next, x + i * x_next, (size_t)bytes);
}

/* Input row x[in_w][in_next] as a line. */
QCC_INLINE void qcc_write_line(const struct qcc_line_image *im, const int8_t *x, int8_t *line) {
  const struct qcc_window *g = &im->g;
  int32_t pixel = g->in_c * im->elem, all = qcc_line_length(g) / g->in_c;
  int32_t left = qcc_min(g->pad_left, all), copied = qcc_min(all - left, g->in_w);
  int32_t right = all - left - copied;
  if (left > 0)
    memset(line, im->zero, (size_t)(left * pixel));
  if (copied > 0)
    qcc_copy_pixels(copied, pixel, im->in_next * im->elem, x, pixel, line + left * pixel);
  if (right > 0)
    memset(line + (left + copied) * pixel, im->zero, (size_t)(right * pixel));
}

/* Fetches the rows of image x that row oy of the output reads, and finds their lines. */
QCC_KERNEL void qcc_move_ring(const struct qcc_line_image *im, struct qcc_ring *r, int32_t oy,
                              const int8_t *x, const void **line) {
  const struct qcc_window *g = &im->g;
  int32_t first = oy * g->stride_h - g->pad_top, end = qcc_min(first + r->slots, g->in_h);
  for (r->next = r->next > first ? r->next : first; r->next < end; r->next++)
    qcc_write_line(im, x + (ptrdiff_t)r->next * g->in_w * im->in_next * im->elem,
                   r->at + r->next % r->slots * r->bytes);
  for (int32_t k = 0; k < g->kernel_h; k++) {
    int32_t row = first + k * g->dilation_h;
    int32_t slot = row < 0 || row >= g->in_h ? r->slots : row % r->slots;
    line[k] = r->at + slot * r->bytes;
  }
}

/* Group i of a convolution. */
QCC_INLINE struct qcc_line_image qcc_line_group(const struct qcc_window *g, int32_t group,
                                                int32_t elem, int32_t zero) {
  struct qcc_line_image im = {*g, g->in_c, g->out_c, elem, zero};
  im.g.in_c /= group;
  im.g.out_c /= group;
  return im;
}

/* The window as a line kernel sees it: with one line per tap where these lie apart. */
QCC_INLINE struct qcc_window qcc_seen_window(const struct qcc_window *g) {
  struct qcc_window seen = *g;
  if (g->dilation_w > 1) {
    seen.kernel_h *= g->kernel_w;
    seen.kernel_w = 1;
  }
  return seen;
}

/* A convolution: a line kernel for each row of the output, with `lines` lines. Where x and y have
 * more channels, rows of y are made in scratch, behind the ring. */
QCC_INLINE void qcc_each_line(qcc_line_kernel *line, const void *layer,
                              const struct qcc_line_image *im, int32_t lines, const void *x,
                              void *scratch, void *y) {
  const struct qcc_window *g = &im->g;
  struct qcc_ring ring = qcc_open_ring(im, scratch);
  const void *rows[QCC_MAX_LINES];
  int32_t apart = lines > g->kernel_h, pixel = g->out_c * im->elem, next = im->out_next * im->elem;
  struct qcc_lines l = {rows, lines, (apart ? 1 : g->kernel_w) * g->in_c, g->stride_w * g->in_c, 1};
  const int8_t *from = (const int8_t *)x;
  int8_t *to = (int8_t *)y, *made = ring.at + (ring.slots + 1) * ring.bytes;
  for (int32_t n = 0; n < g->batch; n++) {
    ring.next = 0;
    for (int32_t oy = 0; oy < g->out_h; oy++, to += (ptrdiff_t)g->out_w * next) {
      qcc_move_ring(im, &ring, oy, from, rows);
      for (int32_t k = lines - 1; apart && k >= 0; k--)
        rows[k] = (const int8_t *)rows[k / g->kernel_w] +
                  k % g->kernel_w * g->dilation_w * g->in_c * im->elem;
      line(layer, &l, g->out_w, pixel == next ? to : made);
      if (pixel != next)
        qcc_copy_pixels(g->out_w, pixel, pixel, made, next, to);
    }
    from += (ptrdiff_t)g->in_h * g->in_w * im->in_next * im->elem;
  }
}

/* A matrix product, y[rows][cols] of x[rows][depth], elements of elem and out_elem bytes: a line kernel for
 * each four rows, which lie in scratch where the depth is no multiple of `step` elements, or where y is x.  It may be x: where y
 * is the larger one, rows come from the end. */
QCC_INLINE void qcc_each_row(qcc_line_kernel *line, const void *layer, int32_t rows, int32_t depth,
                             int32_t cols, int32_t step, int32_t elem, int32_t out_elem, const void *x,
                             void *scratch, void *y) {
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
    line(layer, &l, n, (int8_t *)y + (ptrdiff_t)row * cols * out_elem);
  }
}

#endif
