/* nms.h - ONNX's NonMaxSuppression with room for as many boxes as there can be, how many there are, and -1 behind
 * them. */
#ifndef QCC_NMS_H
#define QCC_NMS_H

#include "common.h"

struct qcc_nms {
  int32_t batches, classes, boxes;  /* box[batches][boxes][4], scores[batches][classes][boxes] */
  int32_t most;                     /* taken of each class of a batch */
  int32_t centered, scored;         /* boxes are middle and size; `score` is a threshold */
  double overlap, score;
};

/* The sides of a box in one direction. */
QCC_INLINE void qcc_box_sides(const struct qcc_nms *p, const float *b, int32_t d, double *side) {
  double u = (double)b[d], v = (double)b[d + 2];
  side[0] = p->centered ? u - v / 2 : u < v ? u : v;
  side[1] = p->centered ? u + v / 2 : u < v ? v : u;
}

QCC_KERNEL int qcc_overlaps(const struct qcc_nms *p, const float *a, const float *b) {
  double both = 1, area_a = 1, area_b = 1;
  for (int32_t d = 0; d < 2; d++) {
    double s[2], t[2];
    qcc_box_sides(p, a, d, s);
    qcc_box_sides(p, b, d, t);
    double low = s[0] > t[0] ? s[0] : t[0], high = s[1] < t[1] ? s[1] : t[1];
    both *= high > low ? high - low : 0;
    area_a *= s[1] - s[0];
    area_b *= t[1] - t[0];
  }
  double whole = area_a + area_b - both;
  return whole > 0 && both / whole > p->overlap;
}

/* The best box of a class that is not done; -1: there is none. */
QCC_KERNEL int32_t qcc_best_box(const struct qcc_nms *p, const float *score, const uint8_t *done) {
  int32_t best = -1;
  for (int32_t i = 0; i < p->boxes; i++)
    if (!done[i] && (!p->scored || (double)score[i] > p->score) && (best < 0 || score[i] > score[best]))
      best = i;
  return best;
}

/* Rows [batch, class, box] of one class behind the n that are in y; returns how many there are then. */
QCC_KERNEL int32_t qcc_suppress(const struct qcc_nms *p, int32_t batch, int32_t c, const float *box,
                                const float *score, uint8_t *done, int32_t n, int64_t *y) {
  int32_t first = n;
  memset(done, 0, (size_t)p->boxes);
  while (n - first < p->most) {
    int32_t best = qcc_best_box(p, score, done), keep = 1;
    if (best < 0)
      break;
    done[best] = 1;
    for (int32_t k = first; keep && k < n; k++)
      keep = !qcc_overlaps(p, box + 4 * best, box + 4 * y[3 * k + 2]);
    if (keep) {
      y[3 * n] = batch;
      y[3 * n + 1] = c;
      y[3 * n++ + 2] = best;
    }
  }
  return n;
}

/* y[batches * classes * most][3]; done: a byte for each box. */
QCC_KERNEL void qcc_nms(const struct qcc_nms *p, uint8_t *done, const float *box, const float *scores,
                        int64_t *y, int64_t *count) {
  int32_t n = 0;
  for (int32_t b = 0; b < p->batches; b++)
    for (int32_t c = 0; c < p->classes; c++)
      n = qcc_suppress(p, b, c, box + b * p->boxes * 4, scores + (b * p->classes + c) * p->boxes, done,
                       n, y);
  *count = n;
  for (int32_t i = 3 * n; i < 3 * p->batches * p->classes * p->most; i++)
    y[i] = -1;
}

#endif
