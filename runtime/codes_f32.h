/* codes_f32.h - int8 or int4 weight codes back to floats, one output channel at a time, for layers
 * that keep float activations. real = code * scale, with a scale per channel or per group of a
 * flattened channel; `multiple`, where given, is a group's factor on the channel's scale. */
#ifndef QCC_CODES_F32_H
#define QCC_CODES_F32_H

#include "dot_s4.h"

struct qcc_codes {
  int32_t bits;     /* 8, or 4: two per byte, low nibble first, channels begin on whole bytes */
  int32_t size;     /* elements of a group; 0: the whole channel */
  int32_t n_groups; /* per channel; not read when size is 0 */
};

/* Scale of group k of channel o: scale[o] * multiple[o][k], or without multiple scale[o][k]. */
QCC_INLINE float qcc_group_scale(const struct qcc_codes *q, const float *scale,
                                 const uint8_t *multiple, int32_t o, int32_t k) {
  int32_t groups = q->size > 0 ? q->n_groups : 1;
  if (multiple)
    return scale[o] * (float)multiple[o * groups + k];
  return scale[o * groups + k];
}

/* out[i] = weight i of channel o, i in 0..n-1. */
QCC_KERNEL void qcc_decode_row(const struct qcc_codes *q, int32_t o, int32_t n, const void *w,
                               const float *scale, const uint8_t *multiple,
                               float *QCC_RESTRICT out) {
  int32_t size = q->size > 0 ? q->size : n;
  const int8_t *w8 = (const int8_t *)w + (q->bits == 4 ? 0 : o * n);
  const uint8_t *w4 = (const uint8_t *)w + (q->bits == 4 ? o * ((n + 1) >> 1) : 0);
  for (int32_t k = 0, i = 0; i < n; k++) {
    float s = qcc_group_scale(q, scale, multiple, o, k);
    int32_t end = qcc_min(n, i + size);
    if (q->bits == 4)
      for (; i < end; i++)
        out[i] = (float)qcc_get_s4(w4, i) * s;
    else
      for (; i < end; i++)
        out[i] = (float)w8[i] * s;
  }
}

#endif
