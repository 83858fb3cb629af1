/* fp8.h - activations as floats of eight bits (E4M3), and sums of their products with weight codes.
 *
 * In units of 2^-9, the smallest such number, each of them is an integer of 19 bits; so are weights of
 * E4M3, other weights are integers as they stand.  Products of these, and their sums, are exact in 64 bits in any
 * order (the compiler sees to it that no sum needs more than 53), and are rounded to a float32 once. */
#ifndef QCC_FP8_H
#define QCC_FP8_H

#include "activation_f32.h"
#include "packed.h"

/* Of the input, and what becomes of sums. */
struct qcc_fp8 {
  int32_t run, runs, rows; /* scales of x as in dynamic.h */
  float unit;              /* of sums: 2^-18, or 2^-9 where weights are integers */
  float y_scale;           /* of the codes that outputs become; 0: they are float32 */
};

/* In units of 2^-9. */
QCC_INLINE int32_t qcc_fp8_units(uint8_t code) {
  int32_t exponent = code >> 3 & 15, digits = code & 7;
  int32_t size = exponent > 0 ? (digits | 8) << (exponent - 1) : digits;
  return code & 128 ? -size : size;
}

/* The nearest number, ties to the even code; 448 for all that is larger, 0 for NaN. */
QCC_INLINE uint8_t qcc_fp8_near(float v) {
  uint32_t bits, sign;
  memcpy(&bits, &v, 4);
  sign = bits >> 24 & 128u;
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u)
    return 0;
  if (bits >= 0x43e00000u) /* 448 */
    return (uint8_t)(sign | 126u);
  if (bits < 0x3c800000u) { /* 2^-6: counts of 2^-9, left in the low bits by 2^14 */
    memcpy(&v, &bits, 4);
    v += 16384.0f;
    memcpy(&bits, &v, 4);
    return (uint8_t)(sign | (bits - 0x46800000u));
  }
  bits += 0x7ffffu + (bits >> 20 & 1u);
  return (uint8_t)(sign | ((bits >> 20) - (120u << 3)));
}

/* A row of weights in their units, times the multiples of their groups; int32 out[n]. */
QCC_INLINE const int32_t *qcc_fp8_weights(const struct qcc_groups *q, const void *w,
                                          const uint8_t *multiple, int32_t o, int32_t n,
                                          void *scratch) {
  const uint8_t *row = (const uint8_t *)w + o * qcc_packed_bytes(q->w.packing, n);
  int32_t *out = (int32_t *)scratch;
  int8_t *codes = (int8_t *)scratch + 3 * n; /* read before an integer takes their place */
  if (QCC_HAS_PACKING(17) && q->w.packing == 17) {
    for (int32_t i = 0; i < n; i++)
      out[i] = qcc_fp8_units(row[i]);
  } else {
    qcc_unpack(q->w.packing, qcc_book(&q->w, o), row, n, codes);
    for (int32_t i = 0; i < n; i++)
      out[i] = codes[i];
  }
  for (int32_t i = 0; multiple && i < n; i++)
    out[i] *= qcc_multiple(q->bits, qcc_multiples(q->bits, multiple, o, q->n_groups), i / q->size);
  return out;
}

QCC_KERNEL int64_t qcc_dot_fp8(const uint8_t *x, const int32_t *w, int32_t n) {
  int64_t sum = 0;
  for (int32_t i = 0; i < n; i++)
    sum += (int64_t)qcc_fp8_units(x[i]) * w[i];
  return sum;
}

/* Output `at`: activation(real * scale + b), as codes where y has a scale.  Apart from what made `real`, so that no
 * compiler fuses a product and a sum. */
QCC_INLINE void qcc_put_fp8(const struct qcc_act *act, float y_scale, float real, float scale, float b,
                            void *y, int32_t at) {
  float product = real * scale, sum = product + b, v = qcc_activate(act, sum);
  if (y_scale > 0.0f)
    ((uint8_t *)y)[at] = qcc_fp8_near(v / y_scale);
  else
    ((float *)y)[at] = v;
}

#endif
