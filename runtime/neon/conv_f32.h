/* neon/conv_f32.h - float convolutions and matrix products by NEON: four pixels by up to sixteen
 * output channels at a time, a vector of weights times a lane of x.
 *
 * Weights are packed in blocks of 16 channels, the last one of 4, 8 or 12 where that suffices:
 * w[block][depth][channels].  The right side of a product of activations lies as it is,
 * w[depth][cols], with at least four columns: its last tiles overlap those before. */
#ifndef QCC_NEON_CONV_F32_H
#define QCC_NEON_CONV_F32_H

#include "line_layers_f32.h"
#include "neon/float.h"

/* Lane `lane` of x, a constant. */
QCC_INLINE float32x4_t qcc_fmla_lane(float32x4_t sum, float32x4_t w, float32x4_t x, int32_t lane) {
  switch (lane) {
    case 0: return vfmaq_laneq_f32(sum, w, x, 0);
    case 1: return vfmaq_laneq_f32(sum, w, x, 1);
    case 2: return vfmaq_laneq_f32(sum, w, x, 2);
    default: return vfmaq_laneq_f32(sum, w, x, 3);
  }
}

/* One row of w times lane `lane` of x. */
QCC_INLINE void qcc_fmla_step(int32_t rows, int32_t wide, int32_t lane, const float32x4_t *x,
                              const float *w, float32x4_t *sum) {
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++) {
    float32x4_t v = vld1q_f32(w + 4 * k);
#pragma GCC unroll 4
    for (int32_t r = 0; r < rows; r++)
      sum[r * wide + k] = qcc_fmla_lane(sum[r * wide + k], v, x[r], lane);
  }
}

/* n of `rows` pixels from float `at` of the lines on, and `some` channels of 4 * wide. */
QCC_INLINE void qcc_fmla_tile(int32_t rows, int32_t wide, const struct qcc_float_layer *o,
                              const struct qcc_lines *l, int32_t at, int32_t n, int32_t some,
                              const float *w, const float *b, float *y) {
  int32_t next = o->next ? o->next : 4 * wide;
  float32x4_t sum[16], x[4];
#pragma GCC unroll 4
  for (int32_t k = 0; k < wide; k++) {
    sum[k] = b ? qcc_neon_some_f32(b + 4 * k, some - 4 * k) : vdupq_n_f32(0.0f);
#pragma GCC unroll 4
    for (int32_t r = 1; r < rows; r++)
      sum[r * wide + k] = sum[k];
  }
  for (int32_t j = 0; j < l->n; j++) {
    const float *v = (const float *)l->line[j] + at;
    int32_t i = 0;
    for (; i + 4 <= l->run; i += 4) {
#pragma GCC unroll 4
      for (int32_t r = 0; r < rows; r++)
        x[r] = vld1q_f32(v + r * l->step + i);
#pragma GCC unroll 4
      for (int32_t lane = 0; lane < 4; lane++, w += next)
        qcc_fmla_step(rows, wide, lane, x, w, sum);
    }
    for (; i < l->run; i++, w += next) {
#pragma GCC unroll 4
      for (int32_t r = 0; r < rows; r++)
        x[r] = vld1q_dup_f32(v + r * l->step + i);
      qcc_fmla_step(rows, wide, 0, x, w, sum);
    }
  }
#pragma GCC unroll 4
  for (int32_t r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int32_t k = 0; k < wide; k++)
      if (r < n && some > 4 * k)
        qcc_neon_put_f32(&o->act, sum[r * wide + k], some - 4 * k, y + r * o->cols + 4 * k);
}

/* All channels of n pixels, at most `rows`. */
QCC_INLINE void qcc_fmla_channels(int32_t rows, const struct qcc_float_layer *o,
                                  const struct qcc_lines *l, int32_t at, int32_t n, float *y) {
  int32_t depth = l->n * l->run;
  for (int32_t c = 0, wide; c < o->cols; c += 4 * wide) {
    int32_t some = o->cols - c;
    wide = qcc_min((some + 3) / 4, 4);
    if (o->next && some < 16) {
      wide = some < 8 ? 1 : some / 4;
      c = some < 4 ? o->cols - 4 : c;
    }
    some = qcc_min(o->cols - c, 4 * wide);
    const float *w = o->next ? o->w + c : o->w + (ptrdiff_t)c * depth, *b = o->b ? o->b + c : NULL;
    if (wide == 4)
      qcc_fmla_tile(rows, 4, o, l, at, n, some, w, b, y + c);
    else if (wide == 3)
      qcc_fmla_tile(rows, 3, o, l, at, n, some, w, b, y + c);
    else if (wide == 2)
      qcc_fmla_tile(rows, 2, o, l, at, n, some, w, b, y + c);
    else
      qcc_fmla_tile(rows, 1, o, l, at, n, some, w, b, y + c);
  }
}

QCC_INLINE void qcc_fmla_line(const void *layer, const struct qcc_lines *l, int32_t n, void *to) {
  const struct qcc_float_layer *o = (const struct qcc_float_layer *)layer;
  float *y = (float *)to;
  int32_t i = 0;
  for (; i + (l->slack ? 2 : 4) <= n; i += 4)
    qcc_fmla_channels(4, o, l, i * l->step, qcc_min(n - i, 4), y + i * o->cols);
  for (; i < n; i++)
    qcc_fmla_channels(1, o, l, i * l->step, 1, y + i * o->cols);
}

QCC_KERNEL void qcc_conv_f32_neon(const struct qcc_conv_f32 *p, const float *x, const float *w,
                                  const float *bias, void *scratch, float *y) {
  qcc_float_conv(qcc_fmla_line, p, 0, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_gemm_f32_neon(const struct qcc_gemm_f32 *p, const float *x, const float *w,
                                  const float *bias, void *scratch, float *y) {
  qcc_float_gemm(qcc_fmla_line, p, 0, x, w, bias, scratch, y);
}

QCC_KERNEL void qcc_matmul_f32_neon(const struct qcc_matmul_f32 *p, const float *a, const float *b,
                                    float *y) {
  qcc_float_matmul(qcc_fmla_line, p, a, b, y);
}

#endif
