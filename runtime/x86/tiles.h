/* tiles.h - how convolutions and matrix products walk over their output: in tiles of several
 * pixels, whose sums stay in registers.  The last tile repeats its last pixel, so there is no code
 * for a rest of pixels.  Distances in x, the image or its copy in working memory, are in bytes. */
#ifndef QCC_X86_TILES_H
#define QCC_X86_TILES_H

#include "x86/shared.h"

struct qcc_tiles {
  int32_t rows_h, rows_w; /* output pixels: batch * rows_h * rows_w */
  int32_t batch;
  int32_t image, line, pixel; /* bytes between images, output lines and output pixels in x */
  int32_t runs_h, runs_w;     /* contiguous runs of inputs that a pixel reads */
  int32_t step_h, step_w;     /* bytes between them */
  int32_t out_c;
  /* Groups of a convolution behind the first, and from group to group: bytes of x, elements of the
   * weights as they are packed, slots of channels; channels of y that belong to the others. */
  int32_t more, x_next, w_next, slots, other_c;
};

struct qcc_walk {
  int32_t left, ox, oy; /* pixels to come; place of the next one */
  const uint8_t *x, *line, *image;
  uint8_t *y;
};

QCC_INLINE struct qcc_walk qcc_begin_walk(const struct qcc_tiles *t, const void *x, void *y) {
  struct qcc_walk w = {t->batch * t->rows_h * t->rows_w, 0, 0, (const uint8_t *)x,
                       (const uint8_t *)x, (const uint8_t *)x, (uint8_t *)y};
  return w;
}

/* Windows and outputs, of `pixel` bytes each, of the next n pixels. */
QCC_INLINE void qcc_next_tile(const struct qcc_tiles *t, struct qcc_walk *w, int32_t n,
                              int32_t pixel, const uint8_t **x, uint8_t **y) {
  if (w->ox + n < t->rows_w) { /* all in one line, and the next tile begins there */
    for (int32_t p = 0; p < n; p++) {
      x[p] = w->x + p * t->pixel;
      y[p] = w->y + p * pixel;
    }
    w->x += n * t->pixel;
    w->y += n * pixel;
    w->ox += n;
    w->left -= n;
    return;
  }
  for (int32_t p = 0; p < n; p++) {
    x[p] = w->x;
    y[p] = w->y;
    if (--w->left <= 0) continue;
    w->y += pixel;
    w->x += t->pixel;
    if (++w->ox < t->rows_w) continue;
    w->ox = 0;
    w->x = w->line = w->line + t->line;
    if (++w->oy < t->rows_h) continue;
    w->oy = 0;
    w->x = w->line = w->image = w->image + t->image;
  }
}

#endif
