/* gemm_dynamic.h - fully connected layer, or pointwise convolution, on int8 codes with scales of run
 * time, to floats (dynamic.h).  The weights of an output channel are unpacked into scratch once,
 * where they are not bytes already, and used for every row: int8 scratch[depth], with multiples or zero points of
 * weights int16.  y must not overlap x. */
#ifndef QCC_GEMM_DYNAMIC_H
#define QCC_GEMM_DYNAMIC_H

#include "dynamic.h"
#include "dot_grouped.h"
#include "params_f32.h"

QCC_KERNEL void qcc_gemm_dynamic(const struct qcc_gemm_f32 *p, const struct qcc_groups *q,
                                 const struct qcc_x_scales *t, const int8_t *x, const void *w,
                                 const uint8_t *multiple, const float *b, const float *s,
                                 const float *x_scale, const struct qcc_zeros *z,
                                 const int32_t *x_zero, void *scratch, float *y) {
  int32_t folded = qcc_is_folded(multiple, z);
  for (int32_t o = 0; o < p->cols; o++) {
    const void *row = qcc_dynamic_weights(q, w, multiple, z, o, p->depth, scratch);
    int32_t offset = x_zero ? *x_zero * z->w_sum[o] : 0;
    for (int32_t r = 0; r < p->rows; r++) {
      const float *xs = x_scale + (t->runs > 1 ? r * t->runs : r / t->rows);
      float real = 0.0f;
      for (int32_t at = 0, n; at < p->depth; at += n) {
        n = qcc_min(t->run, p->depth - at);
        float part = (float)(qcc_dynamic_dot(folded, x + r * p->depth + at, row, at, n) - offset);
        part *= x_zero ? 1.0f : *xs++;
        real += part;
      }
      y[r * p->cols + o] = qcc_dynamic_output(&p->act, real, x_zero ? *xs * s[o] : s[o], b ? b[o] : 0.0f);
    }
  }
}

/* One row with one scale: weights are multiplied as they come out of the bytes. */
QCC_KERNEL void qcc_gemm_dynamic_row(const struct qcc_gemm_f32 *p, const struct qcc_groups *q,
                                     const int8_t *x, const void *w, const uint8_t *multiple,
                                     const float *b, const float *s, const float *x_scale,
                                     const struct qcc_zeros *z, const int32_t *x_zero, float *y) {
  int32_t bytes = qcc_packed_bytes(q->w.packing, p->depth);
  int32_t x_sum = z && z->w_zero ? qcc_sum_s8(x, p->depth) : 0;
  for (int32_t o = 0; o < p->cols; o++) {
    const uint8_t *row = (const uint8_t *)w + o * bytes;
    int32_t sum = 0;
    if (multiple)
      sum = qcc_dot_grouped(q, o, x, w, multiple, p->depth);
    else
      QCC_BY_PACKING(q->w.packing, qcc_add_group, qcc_book(&q->w, o), x, row, 0, p->depth, 1, &sum);
    if (x_zero)
      sum -= *x_zero * z->w_sum[o] + qcc_w_zero(z, o) * x_sum;
    float real = x_zero ? (float)sum : (float)sum * x_scale[0], scale = x_zero ? x_scale[0] * s[o] : s[o];
    y[o] = qcc_dynamic_output(&p->act, real, scale, b ? b[o] : 0.0f);
  }
}

#endif
