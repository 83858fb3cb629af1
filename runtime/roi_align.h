/* roi_align.h - regions of images, each cut in out_h times out_w bins, in which samples between four elements
 * are averaged (He et al. 2017), or the greatest of all
 * elements taken, each times its weight.  Regions may be any numbers, and image numbers that do
 * not exist are those of the nearest. */
#ifndef QCC_ROI_ALIGN_H
#define QCC_ROI_ALIGN_H

#include <math.h>

#include "common.h"

struct qcc_roi_align {
  int32_t batch, channels, in_h, in_w;  /* x[batch][channels][in_h][in_w] */
  int32_t rois, out_h, out_w;           /* roi[rois][4]: x and y of two corners; y[rois][channels][out_h][out_w] */
  int32_t samples;                      /* along each side of a bin; 0: one per element */
  int32_t half_pixel, max;
  float scale;                          /* elements of x for 1 in a region */
};

/* Along one side: where bins begin, their size, and samples in each. */
struct qcc_roi_side {
  float start, bin;
  int32_t samples;
};

QCC_KERNEL struct qcc_roi_side qcc_find_side(const struct qcc_roi_align *p, float from, float to, int32_t bins,
                                             int32_t size) {
  float offset = p->half_pixel ? 0.5f : 0.0f, length = (to - from) * p->scale, most = (float)(2 * size + 2);
  struct qcc_roi_side s = {from * p->scale - offset, 0.0f, p->samples};
  if (!p->half_pixel && !(length >= 1.0f))
    length = 1.0f;
  s.bin = length / (float)bins;
  if (s.samples == 0) {
    float wanted = ceilf(s.bin);
    s.samples = !(wanted >= 0.0f) ? 0 : wanted > most ? (int32_t)most : (int32_t)wanted;
  }
  return s;
}

/* The two elements around v and the second one's share; 0 outside, where there is nothing. */
QCC_KERNEL int qcc_roi_pair(float v, int32_t size, int32_t *low, int32_t *high, float *share) {
  if (!(v >= -1.0f && v <= (float)size))
    return 0;
  v = v < 0.0f ? 0.0f : v;
  *low = (int32_t)v;
  if (*low >= size - 1) {
    *low = *high = size - 1;
    *share = 0.0f;
  } else {
    *high = *low + 1;
    *share = v - (float)*low;
  }
  return 1;
}

/* One bin of one channel. */
QCC_KERNEL float qcc_roi_bin(const struct qcc_roi_align *p, const struct qcc_roi_side *v,
                             const struct qcc_roi_side *h, int32_t i, int32_t j, const float *x) {
  float sum = 0.0f, most = 0.0f;
  int32_t count = v->samples * h->samples;
  for (int32_t a = 0; a < v->samples; a++)
    for (int32_t b = 0; b < h->samples; b++) {
      float y = v->start + v->bin * ((float)i + ((float)a + 0.5f) / (float)v->samples), sy, sx, value = 0.0f;
      float w = h->start + h->bin * ((float)j + ((float)b + 0.5f) / (float)h->samples);
      int32_t y0, y1, x0, x1;
      if (qcc_roi_pair(y, p->in_h, &y0, &y1, &sy) && qcc_roi_pair(w, p->in_w, &x0, &x1, &sx)) {
        const float *r0 = x + y0 * p->in_w, *r1 = x + y1 * p->in_w;
        float part[4] = {(1.0f - sy) * (1.0f - sx) * r0[x0], (1.0f - sy) * sx * r0[x1], sy * (1.0f - sx) * r1[x0],
                         sy * sx * r1[x1]};
        value = part[0];
        for (int32_t k = 1; k < 4; k++)
          value = !p->max ? value + part[k] : part[k] > value ? part[k] : value;
      }
      most = a + b == 0 || value > most ? value : most;
      sum += value;
    }
  return p->max ? most : sum / (float)(count > 0 ? count : 1);
}

QCC_KERNEL void qcc_roi_align_f32(const struct qcc_roi_align *p, const float *QCC_RESTRICT x,
                                  const float *QCC_RESTRICT roi, const int64_t *image,
                                  float *QCC_RESTRICT y) {
  int32_t plane = p->in_h * p->in_w;
  for (int32_t r = 0; r < p->rois; r++, roi += 4) {
    int64_t own = image[r] < 0 ? 0 : image[r] < p->batch ? image[r] : p->batch - 1;
    struct qcc_roi_side v = qcc_find_side(p, roi[1], roi[3], p->out_h, p->in_h);
    struct qcc_roi_side h = qcc_find_side(p, roi[0], roi[2], p->out_w, p->in_w);
    for (int32_t c = 0; c < p->channels; c++)
      for (int32_t i = 0; i < p->out_h; i++)
        for (int32_t j = 0; j < p->out_w; j++)
          *y++ = qcc_roi_bin(p, &v, &h, i, j, x + ((int32_t)own * p->channels + c) * plane);
  }
}

#endif
