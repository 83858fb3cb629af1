/* gemm_fp8.h - fully connected layer, or pointwise convolution, on activations of E4M3 (fp8.h), to
 * float32 or to such codes.  The weights of an output channel become integers once, int32
 * scratch[depth], and are used for every row.  y must not overlap x. */
#ifndef QCC_GEMM_FP8_H
#define QCC_GEMM_FP8_H

#include "fp8.h"
#include "params_f32.h"

QCC_KERNEL void qcc_gemm_fp8(const struct qcc_gemm_f32 *p, const struct qcc_groups *q,
                             const struct qcc_fp8 *t, const void *x, const void *w,
                             const uint8_t *multiple, const float *b, const float *s,
                             const float *x_scale, void *scratch, void *y) {
  for (int32_t o = 0; o < p->cols; o++) {
    const int32_t *row = qcc_fp8_weights(q, w, multiple, o, p->depth, scratch);
    const uint8_t *xr = (const uint8_t *)x;
    for (int32_t r = 0; r < p->rows; r++) {
      const float *xs = x_scale + (t->runs > 1 ? r * t->runs : r / t->rows);
      float real = 0.0f;
      for (int32_t at = 0, n; at < p->depth; at += n, xr += n) {
        n = qcc_min(t->run, p->depth - at);
        float part = (float)qcc_dot_fp8(xr, row + at, n) * t->unit;
        part *= *xs++;
        real += part;
      }
      qcc_put_fp8(&p->act, t->y_scale, real, s[o], b ? b[o] : 0.0f, y, r * p->cols + o);
    }
  }
}

#endif
