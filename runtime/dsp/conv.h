/* conv.h - convolution of int8 codes with int8, int4 or int2 weights: any kernel, stride, dilation,
 * padding and group.  The windows of two output pixels are gathered and widened into scratch
 * (padding reads x_zero), then multiplied with all output channels (pair.h).
 *
 * The ring kernels read rows of the image from a ring in scratch that holds the rows of one
 * window; each row is copied before outputs can overwrite it, so y may be x. */
#ifndef QCC_DSP_CONV_H
#define QCC_DSP_CONV_H

#include "conv_params.h"
#include "dsp/gather.h"
#include "dsp/pair.h"

/* All groups' outputs of a pair of pixels whose windows lie in `columns`.  Each group has whole
 * blocks of channels in w and k. */
QCC_INLINE void qcc_dsp_conv_pair(const struct qcc_conv *p, int32_t bits, int32_t raised,
                                  const struct qcc_dsp_groups *v, int32_t steps,
                                  const uint32_t *columns, const uint32_t *w, const int32_t *k,
                                  const int8_t *table, int8_t *y0, int8_t *y1) {
  int32_t channels = p->g.out_c / p->group, block = bits == 8 ? 2 : 4;
  int32_t padded = (channels + block - 1) / block * block;
  for (int32_t i = 0; i < p->group; i++, columns += 4 * steps, y0 += channels, y1 += channels) {
    qcc_dsp_any_pair(&p->out, bits, raised, v, steps, channels, columns, w, k, table, y0, y1);
    w += steps * padded * bits >> 3;
    k += qcc_dsp_words(&p->out) * padded;
  }
}

/* bits, raised, v: see qcc_dsp_any_pair; with runs there is one group. */
QCC_INLINE void qcc_dsp_conv(const struct qcc_conv *p, int32_t bits, int32_t raised,
                             const struct qcc_dsp_groups *v, int32_t ring, const int8_t *x,
                             const uint32_t *w, const int32_t *k, const int8_t *table,
                             uint32_t *columns, int8_t *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_dsp_image im = qcc_dsp_open_image(p, ring, columns);
  for (int32_t n = 0; n < g->batch; n++, x += g->in_h * g->in_w * g->in_c) {
    int32_t odd = 0;
    qcc_dsp_first_rows(ring, &im, x);
    for (int32_t oy = 0; oy < g->out_h; oy++) {
      qcc_dsp_next_rows(p, ring, &im, oy);
      for (int32_t ox = 0; ox < g->out_w; ox++, odd ^= 1) {
        qcc_dsp_gather(p, &im, ox, columns + odd);
        if (odd) {
          qcc_dsp_conv_pair(p, bits, raised, v, im.steps, columns, w, k, table, y, y + g->out_c);
          y += 2 * g->out_c;
        }
      }
    }
    if (odd) {
      qcc_dsp_conv_pair(p, bits, raised, v, im.steps, columns, w, k, table, y, y);
      y += g->out_c;
    }
  }
}

QCC_KERNEL void qcc_conv_dsp_s8(const struct qcc_conv *p, const int8_t *x, const uint32_t *w,
                                const int32_t *k, const int8_t *table, void *scratch,
                                int8_t *y) {
  qcc_dsp_conv(p, 8, 0, NULL, 0, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_conv_ring_dsp_s8(const struct qcc_conv *p, const int8_t *x, const uint32_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_conv(p, 8, 0, NULL, 1, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_conv_raised_dsp_s8(const struct qcc_conv *p, const int8_t *x,
                                       const uint32_t *w, const int32_t *k, const int8_t *table,
                                       void *scratch, int8_t *y) {
  qcc_dsp_conv(p, 8, 1, NULL, 0, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_conv_ring_raised_dsp_s8(const struct qcc_conv *p, const int8_t *x,
                                            const uint32_t *w, const int32_t *k,
                                            const int8_t *table, void *scratch, int8_t *y) {
  qcc_dsp_conv(p, 8, 1, NULL, 1, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_conv_dsp_s4(const struct qcc_conv *p, const int8_t *x, const uint32_t *w,
                                const int32_t *k, const int8_t *table, void *scratch,
                                int8_t *y) {
  qcc_dsp_conv(p, 4, 0, NULL, 0, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_conv_ring_dsp_s4(const struct qcc_conv *p, const int8_t *x, const uint32_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_conv(p, 4, 0, NULL, 1, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_conv_dsp_s2(const struct qcc_conv *p, const int8_t *x, const uint32_t *w,
                                const int32_t *k, const int8_t *table, void *scratch,
                                int8_t *y) {
  qcc_dsp_conv(p, 2, 0, NULL, 0, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_conv_ring_dsp_s2(const struct qcc_conv *p, const int8_t *x, const uint32_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_conv(p, 2, 0, NULL, 1, x, w, k, table, scratch, y);
}

/* scratch[2 * n_groups] words more, in front. */
QCC_INLINE void qcc_dsp_conv_grouped(const struct qcc_conv *p, const struct qcc_groups *q,
                                     int32_t ring, const int8_t *x, const uint32_t *w,
                                     const uint8_t *multiple, const int32_t *k, const int8_t *table,
                                     void *scratch, int8_t *y) {
  struct qcc_dsp_groups v = {q, multiple, scratch};
  qcc_dsp_conv(p, 4, 0, &v, ring, x, w, k, table, (uint32_t *)scratch + 2 * q->n_groups, y);
}

QCC_KERNEL void qcc_conv_grouped_dsp_s4(const struct qcc_conv *p, const struct qcc_groups *q,
                                        const int8_t *x, const uint32_t *w, const uint8_t *multiple,
                                        const int32_t *k, const int8_t *table, void *scratch,
                                        int8_t *y) {
  qcc_dsp_conv_grouped(p, q, 0, x, w, multiple, k, table, scratch, y);
}

QCC_KERNEL void qcc_conv_ring_grouped_dsp_s4(const struct qcc_conv *p, const struct qcc_groups *q,
                                             const int8_t *x, const uint32_t *w,
                                             const uint8_t *multiple, const int32_t *k,
                                             const int8_t *table, void *scratch, int8_t *y) {
  qcc_dsp_conv_grouped(p, q, 1, x, w, multiple, k, table, scratch, y);
}

#endif
