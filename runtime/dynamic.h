/* dynamic.h - what layers share whose input codes have scales that were found at run time
 * (quantize_rows.h): y = activation((sum over runs of acc * scale of the run) * scale of the output
 * channel + bias), products and sums rounded one by one; acc is the integer sum of a run of codes
 * times weights, with the multiples of their groups where there are any. */
#ifndef QCC_DYNAMIC_H
#define QCC_DYNAMIC_H

#include "activation_f32.h"
#include "dot_s8.h"
#include "folded.h"

/* Scales of x. */
struct qcc_x_scales {
  int32_t run;  /* elements of a row that share one */
  int32_t runs; /* of a row */
  int32_t rows; /* that share one, where each has one run */
};

/* Zero points of codes of x and w: sums of (x - x_zero) * (w - w_zero), which are multiplied with x_scale * s[o],
 * rounded, as ONNX has it.  x_zero, found at run time, stands beside this, both NULL where there is none. */
struct qcc_zeros {
  const int32_t *w_sum;  /* of the weights of each channel, less their zero point */
  const int32_t *w_zero; /* of each channel, or NULL: all are 0 */
};

QCC_INLINE int32_t qcc_w_zero(const struct qcc_zeros *z, int32_t o) {
  return z && z->w_zero ? z->w_zero[o] : 0;
}

/* Is a row of weights int16 where it is multiplied? */
QCC_INLINE int32_t qcc_is_folded(const uint8_t *multiple, const struct qcc_zeros *z) {
  return multiple != NULL || (z && z->w_zero);
}

/* A row of weights as kernels multiply it, less its zero point: bytes, or int16. */
QCC_INLINE const void *qcc_dynamic_weights(const struct qcc_groups *q, const void *w,
                                           const uint8_t *multiple, const struct qcc_zeros *z,
                                           int32_t o, int32_t depth, void *scratch) {
  const uint8_t *row = (const uint8_t *)w + o * qcc_packed_bytes(q->w.packing, depth);
  if (multiple) {
    qcc_fold_row(q, o, w, multiple, depth, (int16_t *)scratch);
  } else if (z && z->w_zero) {
    QCC_BY_PACKING(q->w.packing, qcc_fold_codes, qcc_book(&q->w, o), row, 0, depth, 1, (int16_t *)scratch);
    for (int32_t i = 0; i < depth; i++)
      ((int16_t *)scratch)[i] = (int16_t)(((int16_t *)scratch)[i] - z->w_zero[o]);
  } else if (q->w.packing == 1) {
    return row;
  } else {
    qcc_unpack(q->w.packing, qcc_book(&q->w, o), row, depth, (int8_t *)scratch);
  }
  return scratch;
}

/* Weights `at` to at + n of such a row. */
QCC_INLINE int32_t qcc_dynamic_dot(int32_t folded, const int8_t *x, const void *w, int32_t at,
                                   int32_t n) {
  return folded ? qcc_dot_folded(x, (const int16_t *)w + at, n)
                : qcc_dot_s8(x, (const int8_t *)w + at, n);
}

/* Apart from what made `real`, so that no compiler fuses a product and a sum. */
QCC_INLINE float qcc_dynamic_output(const struct qcc_act *act, float real, float scale, float b) {
  float product = real * scale, y = product + b;
  return qcc_activate(act, y);
}

#endif
