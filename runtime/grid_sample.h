/* grid_sample.h - elements of images of one to three dimensions at places that a grid gives, each dimension
 * from -1 to 1, the last one first: the nearest element, or 2 or 4 in each dimension with weights.
 * Places may be any numbers. */
#ifndef QCC_GRID_SAMPLE_H
#define QCC_GRID_SAMPLE_H

#include <math.h>

#include "common.h"

enum { QCC_GRID_ZEROS, QCC_GRID_BORDER, QCC_GRID_REFLECTION };

struct qcc_grid_sample {
  int32_t batch, channels, dims;
  int32_t in[3];     /* x[batch][channels][in ..] */
  int32_t points;    /* grid[batch][points][dims], y[batch][channels][points] */
  int32_t taps;      /* in each dimension: 1, 2 or 4 */
  int32_t padding, align_corners;
};

/* The place v, thrown back at both ends as often as it takes.  The remainder is exact, so that it is the same with
 * fused multiplication and addition. */
QCC_KERNEL float qcc_reflect(float v, float lo, float hi) {
  float span = hi - lo, over, rest;
  if (v >= lo && v <= hi)
    return v;
  if (span <= 0.0f)
    return lo;
  over = fmodf(v < lo ? lo - v : v - hi, 2.0f * span);
  rest = over < span ? over : over - span;
  return (v < lo) == (over < span) ? lo + rest : hi - rest;
}

/* The element that place i stands for; -1: none. */
QCC_KERNEL int32_t qcc_grid_index(const struct qcc_grid_sample *p, float i, int32_t size) {
  float last = (float)(size - 1), edge = p->align_corners ? 0.0f : 0.5f;
  if (p->padding == QCC_GRID_ZEROS && !(i >= 0.0f && i <= last))
    return -1;
  if (p->padding == QCC_GRID_REFLECTION)
    i = qcc_reflect(i, -edge, last + edge);
  i = i < 0.0f ? 0.0f : i > last ? last : i;
  return (int32_t)i;
}

/* The taps along one dimension; v is where the grid points. */
QCC_KERNEL void qcc_grid_taps(const struct qcc_grid_sample *p, float v, int32_t size, int32_t *from,
                              float *weight) {
  float last = (float)(size - 1), edge = p->align_corners ? 0.0f : 0.5f;
  v = p->align_corners ? (v + 1.0f) * 0.5f * last : ((v + 1.0f) * (float)size - 1.0f) * 0.5f;
  if (!(v > -1e8f))
    v = -1e8f;
  if (v > 1e8f)
    v = 1e8f;
  if (p->taps == 1)
    v = rintf(v);
  if (v < -edge || v > last + edge) {
    if (p->padding == QCC_GRID_BORDER)
      v = v < 0.0f ? 0.0f : last;
    else if (p->padding == QCC_GRID_REFLECTION)
      v = qcc_reflect(v, -edge, last + edge);
  }
  float base = p->taps == 1 ? v : floorf(v), t = v - base;
  for (int32_t k = 0; k < p->taps; k++) {
    float d = fabsf(t + (p->taps == 4 ? 1.0f : 0.0f) - (float)k);
    from[k] = qcc_grid_index(p, base + (float)k - (p->taps == 4 ? 1.0f : 0.0f), size);
    if (p->taps == 4)
      weight[k] = d <= 1.0f ? (1.25f * d - 2.25f) * d * d + 1.0f
                            : ((-0.75f * d + 3.75f) * d - 6.0f) * d + 3.0f;
    else
      weight[k] = p->taps == 1 ? 1.0f : 1.0f - d;
  }
}

/* The sum over all taps of one channel. */
QCC_KERNEL float qcc_grid_sum(const struct qcc_grid_sample *p, const int32_t (*from)[4],
                              const float (*weight)[4], const float *x) {
  int32_t k[3] = {0, 0, 0}, d;
  float sum = 0.0f;
  do {
    int32_t at = 0;
    float w = 1.0f;
    for (d = 0; d < p->dims && at >= 0; d++) {
      w *= weight[d][k[d]];
      at = from[d][k[d]] < 0 ? -1 : at * p->in[d] + from[d][k[d]];
    }
    if (at >= 0)
      sum += w * x[at];
    for (d = p->dims - 1; d >= 0 && ++k[d] == p->taps; d--)
      k[d] = 0;
  } while (d >= 0);
  return sum;
}

QCC_KERNEL void qcc_grid_sample_f32(const struct qcc_grid_sample *p, const float *QCC_RESTRICT x,
                                    const float *QCC_RESTRICT grid, float *QCC_RESTRICT y) {
  int32_t plane = 1;
  for (int32_t d = 0; d < p->dims; d++)
    plane *= p->in[d];
  for (int32_t n = 0; n < p->batch; n++)
    for (int32_t i = 0; i < p->points; i++, grid += p->dims) {
      int32_t from[3][4];
      float weight[3][4];
      for (int32_t d = 0; d < p->dims; d++)
        qcc_grid_taps(p, grid[p->dims - 1 - d], p->in[d], from[d], weight[d]);
      for (int32_t c = 0; c < p->channels; c++) {
        int32_t image = n * p->channels + c;
        y[image * p->points + i] = qcc_grid_sum(p, (const int32_t(*)[4])from, (const float(*)[4])weight,
                                                x + image * plane);
      }
    }
}

#endif
