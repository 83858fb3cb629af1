/* pool3.h - pools of one to three dimensions, channels first or last: maxima, also with where they are, means
 * and p-norms.  y must not overlap x. */
#ifndef QCC_POOL3_H
#define QCC_POOL3_H

#include <math.h>

#include "real.h"
#include "window3.h"

struct qcc_pool3 {
  struct qcc_window3 g;
  int32_t count_pad;         /* means: 1: padding is counted ... */
  int32_t pad_end[3];        /* ... as far as this beyond the image */
  int32_t by_columns;        /* places of maxima: 1: the first dimension is the innermost */
  float p;                   /* of norms */
};

/* Place of input i within its plane, dimension 0 outermost or innermost. */
QCC_INLINE int32_t qcc_plane_place(const struct qcc_pool3 *p, const int32_t *i) {
  const int32_t *size = p->g.in;
  return p->by_columns ? i[0] + size[0] * (i[1] + size[1] * i[2])
                       : (i[0] * size[1] + i[1]) * size[2] + i[2];
}

/* The greatest element of a window; where the first of them is among all of x, counted as [batch][channels][..]. */
QCC_INLINE float qcc_max3(int e, const struct qcc_pool3 *p, int32_t n, int32_t c, const int32_t *at,
                          const void *x, int64_t *place) {
  const struct qcc_window3 *g = &p->g;
  int32_t k[3] = {0, 0, 0}, best = 0, found = 0;
  float most = -INFINITY;
  do {
    int32_t from = qcc_in3(g, at, k);
    if (from < 0)
      continue;
    float v = e < 0 ? (e == -1 ? (float)((const int8_t *)x)[from] : (float)((const uint8_t *)x)[from])
                    : qcc_get(e, x, from);
    if (!found || !(v <= most)) {
      int32_t i[3];
      for (int d = 0; d < 3; d++)
        i[d] = qcc_tap3(g, d, at[d], k[d]);
      best = qcc_plane_place(p, i);
      most = v;
      found = 1;
    }
  } while (qcc_next3(g->kernel, k));
  *place = (int64_t)(n * g->in_c + c) * (g->in[0] * g->in[1] * g->in[2]) + best;
  return most;
}

/* How many places of a window count for a mean: those in the image, and in its padding. */
QCC_INLINE int32_t qcc_count3(const struct qcc_pool3 *p, const int32_t *at) {
  const struct qcc_window3 *g = &p->g;
  int32_t product = 1;
  for (int d = 0; d < 3; d++) {
    int32_t lo = p->count_pad ? -g->pad[d] : 0, hi = g->in[d] + (p->count_pad ? p->pad_end[d] : 0), count = 0;
    for (int32_t k = 0; k < g->kernel[d]; k++) {
      int32_t i = at[d] * g->stride[d] - g->pad[d] + k * g->dilation[d];
      count += i >= lo && i < hi;
    }
    product *= count;
  }
  return product;
}

/* The sum of a window, or of its magnitudes to the power p where that is not 0. */
QCC_INLINE float qcc_sum3(int e, const struct qcc_pool3 *p, const int32_t *at, const void *x) {
  int32_t k[3] = {0, 0, 0};
  float sum = 0.0f;
  do {
    int32_t from = qcc_in3(&p->g, at, k);
    float v = from < 0 ? 0.0f : qcc_get(e, x, from);
    sum += p->p == 0.0f ? v : p->p == 2.0f ? v * v : powf(fabsf(v), p->p);
  } while (qcc_next3(p->g.kernel, k));
  return sum;
}

enum { QCC_POOL_MAX, QCC_POOL_MEAN, QCC_POOL_NORM };

/* e: -1 int8, -2 uint8, or as real.h has it. */
QCC_INLINE void qcc_pool3_any(int e, int what, const struct qcc_pool3 *p, const void *QCC_RESTRICT x,
                              void *QCC_RESTRICT y, int64_t *place) {
  const struct qcc_window3 *g = &p->g;
  for (int32_t n = 0; n < g->batch; n++)
    for (int32_t c = 0; c < g->in_c; c++) {
      int32_t at[3] = {0, 0, 0}, first = n * g->in_batch + c * g->in_channel;
      const void *plane = e < 0 ? (const void *)((const uint8_t *)x + first) : qcc_at(e, x, first);
      do {
        int32_t to = qcc_out3(g, n, at) + c * g->out_channel;
        int64_t best;
        float v;
        if (what == QCC_POOL_MAX) {
          v = qcc_max3(e, p, n, c, at, plane, &best);
          if (place)
            place[to] = best;
        } else {
          v = qcc_sum3(e, p, at, plane);
          if (what == QCC_POOL_MEAN) {
            int32_t count = qcc_count3(p, at);
            v /= (float)(count > 0 ? count : 1);
          } else {
            v = p->p == 2.0f ? sqrtf(v) : powf(v, 1.0f / p->p);
          }
        }
        if (e == -1)
          ((int8_t *)y)[to] = v < -128.0f ? -128 : (int8_t)v;
        else if (e == -2)
          ((uint8_t *)y)[to] = v < 0.0f ? 0 : (uint8_t)v;
        else
          qcc_put(e, y, to, v);
      } while (qcc_next3(g->out, at));
    }
}

/* place NULL: not wanted. */
QCC_KERNEL void qcc_maxpool3_f32(const struct qcc_pool3 *p, const float *x, float *y, int64_t *place) {
  qcc_pool3_any(QCC_F32, QCC_POOL_MAX, p, x, y, place);
}

QCC_KERNEL void qcc_maxpool3_f16(const struct qcc_pool3 *p, const uint16_t *x, uint16_t *y, int64_t *place) {
  qcc_pool3_any(QCC_F16, QCC_POOL_MAX, p, x, y, place);
}

QCC_KERNEL void qcc_maxpool3_s8(const struct qcc_pool3 *p, const int8_t *x, int8_t *y, int64_t *place) {
  qcc_pool3_any(-1, QCC_POOL_MAX, p, x, y, place);
}

QCC_KERNEL void qcc_maxpool3_u8(const struct qcc_pool3 *p, const uint8_t *x, uint8_t *y, int64_t *place) {
  qcc_pool3_any(-2, QCC_POOL_MAX, p, x, y, place);
}

QCC_KERNEL void qcc_avgpool3_f32(const struct qcc_pool3 *p, const float *x, float *y) {
  qcc_pool3_any(QCC_F32, QCC_POOL_MEAN, p, x, y, NULL);
}

QCC_KERNEL void qcc_avgpool3_f16(const struct qcc_pool3 *p, const uint16_t *x, uint16_t *y) {
  qcc_pool3_any(QCC_F16, QCC_POOL_MEAN, p, x, y, NULL);
}

QCC_KERNEL void qcc_lppool3_f32(const struct qcc_pool3 *p, const float *x, float *y) {
  qcc_pool3_any(QCC_F32, QCC_POOL_NORM, p, x, y, NULL);
}

QCC_KERNEL void qcc_lppool3_f16(const struct qcc_pool3 *p, const uint16_t *x, uint16_t *y) {
  qcc_pool3_any(QCC_F16, QCC_POOL_NORM, p, x, y, NULL);
}

#endif
