/* dot_s16.h - sums of products of int16 codes and int8 weights.  Where the weights of a channel
 * are so large that 32 bits may not hold its sum, the `wide` kernels sum pieces that always fit in
 * 64 bits. */
#ifndef QCC_DOT_S16_H
#define QCC_DOT_S16_H

#include "dot.h"

QCC_DOTS(s16, int16_t)

enum { QCC_PIECE_S16 = 256 }; /* products, of at most 2^22 each */

/* acc[j] += sum of x[i] * w[j * step + i] for n output channels, 1 or 4. */
QCC_INLINE void qcc_add_run_s16(int32_t wide, int32_t n, const int16_t *x, const int8_t *w,
                                int32_t step, int32_t len, int64_t acc[4]) {
  int32_t piece = wide ? QCC_PIECE_S16 : len;
  for (int32_t at = 0; at < len; at += piece) {
    int32_t sum[4] = {0, 0, 0, 0}, count = wide ? qcc_min(piece, len - at) : len;
    if (n == 4)
      qcc_dot4_s16(x + at, w + at, step, count, sum);
    else
      sum[0] = qcc_dot_s16(x + at, w + at, count);
    for (int32_t j = 0; j < n; j++)
      acc[j] += sum[j];
  }
}

/* The last step of a layer: rule q31, for wide sums behind the shift that makes them fit. */
QCC_INLINE int16_t qcc_output_s16(int32_t wide, const struct qcc_rescale *r, int64_t acc,
                                  int32_t m) {
  struct qcc_rescale narrow = *r;
  if (wide)
    narrow.shift = 0;
  return (int16_t)qcc_requantize(&narrow, (int32_t)(wide ? acc >> -r->shift : acc), m);
}

#endif
