/* codes_f32.h - weight codes of 8 bits and less back to floats, one output channel at a time, for layers
 * that keep float activations. real = code * scale, with a scale per channel or per group of a
 * flattened channel; `multiple`, where given, is a group's factor on the channel's scale. */
#ifndef QCC_CODES_F32_H
#define QCC_CODES_F32_H

#include "packed.h"

struct qcc_codes {
  struct qcc_packed w; /* how the codes lie; channels begin on whole units */
  int32_t size;     /* elements of a group; 0: the whole channel */
  int32_t n_groups; /* per channel; not read when size is 0 */
  int32_t bits;     /* of a multiple; 0: a byte each */
};

/* Scale of group k of channel o: scale[o] * multiple[o][k], or without multiple scale[o][k]. */
QCC_INLINE float qcc_group_scale(const struct qcc_codes *q, const float *scale,
                                 const uint8_t *multiple, int32_t o, int32_t k) {
  int32_t groups = q->size > 0 ? q->n_groups : 1;
  if (multiple)
    return scale[o] * (float)qcc_multiple(q->bits, qcc_multiples(q->bits, multiple, o, groups), k);
  return scale[o * groups + k];
}

/* out[i] = code i of a row times s, i in at..end-1. */
QCC_INLINE void qcc_decode_codes(int32_t k, const int8_t *book, const uint8_t *w, int32_t at,
                                 int32_t end, float s, float *QCC_RESTRICT out) {
  for (int32_t i = at; i < end; i++)
    out[i] = (float)(k == 1 ? (int8_t)w[i] : qcc_code_at(k, book, w, i)) * s;
}

/* A float of eight bits, `bits` of them significand, in units of the smallest one (E4M3 2^-9, E5M2 2^-16): an
 * integer that 32 bits hold, so that no number below float32's is ever made. */
QCC_INLINE float qcc_minifloat(int32_t bits, uint8_t code) {
  uint32_t exponent = (code & 127u) >> bits, digits = code & ((1u << bits) - 1);
  float size = (float)(exponent > 0 ? (digits | 1u << bits) << (exponent - 1) : digits);
  size *= bits == 3 ? 1.0f / 512 : 1.0f / 65536;
  return code & 128 ? -size : size;
}

QCC_INLINE void qcc_decode_minifloats(int32_t bits, const uint8_t *w, int32_t at, int32_t end, float s,
                                      float *QCC_RESTRICT out) {
  for (int32_t i = at; i < end; i++)
    out[i] = qcc_minifloat(bits, w[i]) * s;
}

/* out[i] = weight i of channel o, i in 0..n-1. */
QCC_KERNEL void qcc_decode_row(const struct qcc_codes *q, int32_t o, int32_t n, const void *w,
                               const float *scale, const uint8_t *multiple,
                               float *QCC_RESTRICT out) {
  int32_t size = q->size > 0 ? q->size : n;
  const uint8_t *row = (const uint8_t *)w + o * qcc_packed_bytes(q->w.packing, n);
  const int8_t *book = qcc_book(&q->w, o);
  for (int32_t k = 0, i = 0; i < n; k++, i += size) {
    float s = qcc_group_scale(q, scale, multiple, o, k);
    int32_t end = qcc_min(n, i + size);
    if (QCC_HAS_PACKING(17) && q->w.packing == 17)
      qcc_decode_minifloats(3, row, i, end, s, out);
    else if (QCC_HAS_PACKING(33) && q->w.packing == 33)
      qcc_decode_minifloats(2, row, i, end, s, out);
    else
      QCC_BY_PACKING(q->w.packing, qcc_decode_codes, book, row, i, end, s, out);
  }
}

#endif
