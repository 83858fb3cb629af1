/* gather.h - the window of one output pixel, widened into a column for the matrix products of
 * pair_s8.h and pair_fours.h.  Rows of the image come from the image itself, or from a ring in
 * scratch that holds the rows of one window.  Runs of codes are widened where they lie when they
 * fill whole words; any other window is first put together as codes.
 *
 * scratch: group * 4 * steps words of columns, steps words for codes, the ring of rows. */
#ifndef QCC_DSP_GATHER_H
#define QCC_DSP_GATHER_H

#include "conv_params.h"
#include "dsp/dsp.h"

/* Where the rows of the current window are. */
struct qcc_dsp_image {
  const int8_t *x;         /* the image */
  const int8_t *rows;      /* slot 0: the image's first row, or the ring */
  int8_t *line;            /* [4 * steps] codes of one group's window */
  int8_t *ring;            /* [slots][row_bytes] */
  int32_t row_bytes;       /* from slot to slot */
  int32_t slots;           /* of the ring */
  int32_t next, next_slot; /* row that is copied into the ring next, and where to */
  int32_t ky0, ky1, slot;  /* kernel rows within the image; slot of the first of them */
  int32_t steps;           /* of four codes: the depth of a column */
};

QCC_INLINE struct qcc_dsp_image qcc_dsp_open_image(const struct qcc_conv *p, int32_t ring,
                                                   uint32_t *scratch) {
  const struct qcc_window *g = &p->g;
  int32_t depth = g->kernel_h * g->kernel_w * (g->in_c / p->group);
  int32_t reach = (g->kernel_h - 1) * g->dilation_h + 1;
  struct qcc_dsp_image im = {0};
  im.steps = (depth + 3) >> 2;
  im.line = (int8_t *)(scratch + 4 * im.steps * p->group);
  im.ring = im.line + 4 * im.steps;
  im.row_bytes = ring ? (g->in_w * g->in_c + 3) & ~3 : g->in_w * g->in_c;
  im.slots = qcc_min(reach, g->in_h);
  return im;
}

QCC_INLINE void qcc_dsp_first_rows(int32_t ring, struct qcc_dsp_image *im, const int8_t *x) {
  im->x = x;
  im->rows = ring ? im->ring : x;
  im->next = im->next_slot = 0;
}

/* Finds the rows of the windows of output row oy. */
QCC_INLINE void qcc_dsp_next_rows(const struct qcc_conv *p, int32_t ring, struct qcc_dsp_image *im,
                                  int32_t oy) {
  const struct qcc_window *g = &p->g;
  int32_t top = oy * g->stride_h - g->pad_top, bytes = g->in_w * g->in_c;
  int32_t end = qcc_min(top + (g->kernel_h - 1) * g->dilation_h + 1, g->in_h);
  qcc_clip_taps(top, g->dilation_h, g->kernel_h, g->in_h, &im->ky0, &im->ky1);
  im->slot = im->ky1 > 0 ? top + im->ky0 * g->dilation_h : 0;
  if (!ring)
    return;
  im->slot %= im->slots;
  for (; im->next < end; im->next++) {
    qcc_copy(im->ring + im->next_slot * im->row_bytes, im->x + im->next * bytes, bytes);
    im->next_slot = im->next_slot + 1 < im->slots ? im->next_slot + 1 : 0;
  }
}

/* n words of codes x_zero. */
QCC_INLINE uint32_t *qcc_dsp_fill(const struct qcc_conv *p, int32_t n, uint32_t *out) {
  uint32_t zero = qcc_dsp_splat(p->x_zero);
  for (; n > 0; n--, out += 4)
    out[0] = out[2] = zero;
  return out;
}

/* The valid taps of a kernel row, which lie at x, as runs of `len` codes. */
struct qcc_dsp_runs {
  int32_t kx0, kx1;
  int32_t runs, len, step; /* step: codes of the image from run to run */
};

QCC_INLINE const int8_t *qcc_dsp_row(const struct qcc_conv *p, const struct qcc_dsp_image *im,
                                     int32_t *slot) {
  const int8_t *row = im->rows + *slot * im->row_bytes;
  *slot += p->g.dilation_h;
  if (im->rows == im->ring && *slot >= im->slots)
    *slot -= im->slots;
  return row;
}

/* Where every run fills whole words. `at`: first valid tap of a row, in codes. */
QCC_INLINE void qcc_dsp_gather_words(const struct qcc_conv *p, const struct qcc_dsp_image *im,
                                     const struct qcc_dsp_runs *r, int32_t at, uint32_t *out) {
  int32_t tap = p->g.in_c / p->group, slot = im->slot;
  int32_t left = r->kx0 * tap >> 2, right = (p->g.kernel_w - r->kx1) * tap >> 2;
  for (int32_t ky = 0; ky < p->g.kernel_h; ky++) {
    if (ky < im->ky0 || ky >= im->ky1) {
      out = qcc_dsp_fill(p, p->g.kernel_w * tap >> 2, out);
      continue;
    }
    const int8_t *x = qcc_dsp_row(p, im, &slot) + at;
    out = qcc_dsp_fill(p, left, out);
    for (int32_t i = 0; i < r->runs; i++, x += r->step)
      out = qcc_dsp_widen(x, r->len, 2, out);
    out = qcc_dsp_fill(p, right, out);
  }
}

QCC_INLINE void qcc_dsp_gather_codes(const struct qcc_conv *p, const struct qcc_dsp_image *im,
                                     const struct qcc_dsp_runs *r, int32_t at) {
  int32_t tap = p->g.in_c / p->group, row = p->g.kernel_w * tap, slot = im->slot;
  uint32_t zero = qcc_dsp_splat(p->x_zero) & 0x00ff00ff;
  int8_t *line = im->line;
  if (im->ky1 - im->ky0 < p->g.kernel_h || r->kx1 - r->kx0 < p->g.kernel_w)
    for (int32_t i = 0; i < im->steps; i++)
      qcc_dsp_store(line + 4 * i, zero | zero << 8);
  line += im->ky0 * row + r->kx0 * tap;
  for (int32_t ky = im->ky0; ky < im->ky1; ky++, line += row) {
    const int8_t *x = qcc_dsp_row(p, im, &slot) + at;
    for (int32_t i = 0; i < r->runs; i++)
      qcc_copy(line + i * r->len, x + i * r->step, r->len);
  }
}

/* The windows of output column ox, all groups. */
QCC_INLINE void qcc_dsp_gather(const struct qcc_conv *p, const struct qcc_dsp_image *im, int32_t ox,
                               uint32_t *out) {
  const struct qcc_window *g = &p->g;
  int32_t tap = g->in_c / p->group, ix = ox * g->stride_w - g->pad_left;
  int32_t dense = p->group == 1 && g->dilation_w == 1;
  struct qcc_dsp_runs r = {0};
  qcc_clip_taps(ix, g->dilation_w, g->kernel_w, g->in_w, &r.kx0, &r.kx1);
  r.runs = dense ? r.kx1 > 0 : r.kx1 - r.kx0;
  r.len = dense ? (r.kx1 - r.kx0) * tap : tap;
  r.step = g->dilation_w * g->in_c;
  int32_t words = (tap & 3) == 0 || (dense && r.kx1 - r.kx0 == g->kernel_w && (r.len & 3) == 0);
  int32_t at = (ix + r.kx0 * g->dilation_w) * g->in_c;
  for (int32_t i = 0; i < p->group; i++, at += tap, out += 4 * im->steps) {
    if (words) {
      qcc_dsp_gather_words(p, im, &r, at, out);
    } else {
      qcc_dsp_gather_codes(p, im, &r, at);
      qcc_dsp_widen(im->line, 4 * im->steps, 2, out);
    }
  }
}

#endif
