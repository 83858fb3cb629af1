/* window3.h - the geometry of convolutions and pools of one to three dimensions, channels first or last, for
 * kernels that take any of them; missing dimensions are 1 and come first.  A transposed convolution is
 * the same seen from its output: place o is reached from the inputs i with o = i * stride - pad +
 * k * dilation. */
#ifndef QCC_WINDOW3_H
#define QCC_WINDOW3_H

#include "common.h"

struct qcc_window3 {
  int32_t batch, in_c, out_c;
  int32_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
  int32_t in_step[3], in_channel, in_batch;    /* elements of x between neighbours */
  int32_t out_step[3], out_channel, out_batch; /* of y */
  int32_t transposed;                          /* 1: of a transposed convolution */
};

/* The place along dimension d that tap k of output place o reads; -1 where there is none. */
QCC_INLINE int32_t qcc_tap3(const struct qcc_window3 *g, int d, int32_t o, int32_t k) {
  int32_t i = o * g->stride[d] - g->pad[d] + k * g->dilation[d];
  if (g->transposed) {
    i = o + g->pad[d] - k * g->dilation[d];
    if (i < 0 || i % g->stride[d] != 0)
      return -1;
    i /= g->stride[d];
  }
  return i >= 0 && i < g->in[d] ? i : -1;
}

/* The next output place; 0 after the last. `at` starts as zeros. */
QCC_INLINE int qcc_next3(const int32_t *size, int32_t *at) {
  for (int d = 2; d >= 0; d--) {
    if (++at[d] < size[d])
      return 1;
    at[d] = 0;
  }
  return 0;
}

/* Element of y, channel 0. */
QCC_INLINE int32_t qcc_out3(const struct qcc_window3 *g, int32_t n, const int32_t *at) {
  return n * g->out_batch + at[0] * g->out_step[0] + at[1] * g->out_step[1] + at[2] * g->out_step[2];
}

/* Element of x that tap k reads of output place `at`, channel 0 of its image; -1 in the padding. */
QCC_INLINE int32_t qcc_in3(const struct qcc_window3 *g, const int32_t *at, const int32_t *k) {
  int32_t place = 0;
  for (int d = 0; d < 3; d++) {
    int32_t i = qcc_tap3(g, d, at[d], k[d]);
    if (i < 0)
      return -1;
    place += i * g->in_step[d];
  }
  return place;
}

#endif
