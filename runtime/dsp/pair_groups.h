/* pair_groups.h - int4 weights whose runs of q->size have a multiple each, on the loops of
 * pair_fours.h: the four channels of a block are told apart behind every run, and their sums go
 * with its multiples into the accumulators.  Sums of a run begin with what takes the 8s back.
 *
 * multiple[blocks of four channels][n_groups][4].  k per four channels: four biases, four 2 m.
 * A run is a multiple of 4 weights and has at most 256: 4096 times a sum then fits 31 bits. */
#ifndef QCC_DSP_PAIR_GROUPS_H
#define QCC_DSP_PAIR_GROUPS_H

#include "conv_params.h"
#include "dsp/pair_fours.h"

/* Runs of weights, and a place for the sums of the codes that meet them. */
struct qcc_dsp_groups {
  const struct qcc_groups *q;
  const uint8_t *multiple;
  int32_t *less; /* [n_groups][pixels]: -8 times the sum */
};

/* Steps of run g. */
QCC_INLINE int32_t qcc_dsp_group_steps(const struct qcc_groups *q, int32_t steps, int32_t g) {
  return g + 1 < q->n_groups ? q->size >> 2 : steps - g * (q->size >> 2);
}

/* less[g][pixels] from the columns of one pixel or two. */
QCC_INLINE void qcc_dsp_sum_groups(const struct qcc_dsp_groups *v, int32_t pixels, int32_t steps,
                                   const uint32_t *x) {
  int32_t *less = v->less;
  for (int32_t g = 0; g < v->q->n_groups; g++, less += pixels)
    x = qcc_dsp_sum_codes(0xfff8fff8, pixels, qcc_dsp_group_steps(v->q, steps, g), x, less);
}

/* What the sums f[4][pixels] of a run begin with. */
QCC_INLINE void qcc_dsp_begin_group(int32_t pixels, const int32_t *less, int32_t *f) {
  for (int32_t i = 0; i < pixels; i++) {
    int32_t c = less[i] + less[i] * 16;
    f[3 * pixels + i] = less[i];
    f[2 * pixels + i] = c;
    f[pixels + i] = f[i] = c + less[i] * 256;
  }
}

/* acc[4][pixels] += multiple[4] * the sums of the channels. */
QCC_INLINE void qcc_dsp_end_group(int32_t pixels, const uint8_t *multiple, const int32_t *f,
                                  int32_t *acc) {
  for (int32_t i = 0; i < pixels; i++, f++, acc++) {
    acc[0] += multiple[0] * ((f[0] - f[pixels]) >> 12);
    acc[pixels] += multiple[1] * ((f[pixels] - f[2 * pixels]) >> 8);
    acc[2 * pixels] += multiple[2] * ((f[2 * pixels] - f[3 * pixels]) >> 4);
    acc[3 * pixels] += multiple[3] * f[3 * pixels];
  }
}

/* n of four output codes of one pixel. */
QCC_INLINE void qcc_dsp_finish_group(const struct qcc_rescale *r, int32_t n, int32_t pixels,
                                     const int32_t *acc, const int32_t *m2, const int8_t *table,
                                     int8_t *y) {
  for (int32_t i = 0; i < 4 && i < n; i++)
    y[i] = qcc_dsp_output(r, qcc_dsp_shift(r, acc[i * pixels], 0), m2[i], table);
}

/* As qcc_dsp_pair. */
QCC_INLINE void qcc_dsp_pair_groups(const struct qcc_rescale *r, const struct qcc_dsp_groups *v,
                                    int32_t steps, int32_t channels, const uint32_t *x,
                                    const uint32_t *w, const int32_t *k, const int8_t *table,
                                    int8_t *y0, int8_t *y1) {
  const uint8_t *multiple = v->multiple;
  qcc_dsp_sum_groups(v, 2, steps, x);
  for (; channels > 0; channels -= 4, k += 8, y0 += 4, y1 += 4) {
    int32_t acc[8] = {k[0], k[0], k[1], k[1], k[2], k[2], k[3], k[3]}, f[8];
    const uint32_t *at = x;
    for (int32_t g = 0; g < v->q->n_groups; g++, multiple += 4) {
      int32_t n = qcc_dsp_group_steps(v->q, steps, g);
      qcc_dsp_begin_group(2, v->less + 2 * g, f);
      w = qcc_dsp_multiply_fours(4, at, w, n, f);
      qcc_dsp_end_group(2, multiple, f, acc);
      at += 4 * n;
    }
    qcc_dsp_finish_group(r, channels, 2, acc + 1, k + 4, table, y1);
    qcc_dsp_finish_group(r, channels, 2, acc, k + 4, table, y0);
  }
}

#endif
