/* gather.h - ONNX's Gather for elements of any size: y[outer][n][inner] =
 * x[outer][index[n]][inner].  Negative indices count from the end; indices that are outside all
 * the same are clamped, because they may come from the user at run time. y must not overlap x. */
#ifndef QCC_GATHER_H
#define QCC_GATHER_H

#include "copy.h"

struct qcc_gather {
  int32_t outer, axis;  /* dimensions before the axis, multiplied; the axis of x */
  int32_t inner_bytes;  /* dimensions after the axis */
  int32_t n;            /* indices */
};

/* Entry i of all outer blocks. */
QCC_KERNEL void qcc_gather_entry(const struct qcc_gather *p, int32_t i, int32_t k, const void *x,
                                 void *y) {
  for (int32_t o = 0; o < p->outer; o++)
    qcc_copy((uint8_t *)y + (o * p->n + i) * p->inner_bytes,
             (const uint8_t *)x + (o * p->axis + k) * p->inner_bytes, p->inner_bytes);
}

QCC_KERNEL void qcc_gather_i32(const struct qcc_gather *p, const int32_t *index, const void *x,
                               void *y) {
  for (int32_t i = 0; i < p->n; i++) {
    int32_t k = index[i] < 0 && index[i] >= -p->axis ? index[i] + p->axis : index[i];
    qcc_gather_entry(p, i, qcc_clamp(k, 0, p->axis - 1), x, y);
  }
}

QCC_KERNEL void qcc_gather_i64(const struct qcc_gather *p, const int64_t *index, const void *x,
                               void *y) {
  for (int32_t i = 0; i < p->n; i++) {
    int64_t k = index[i] < 0 && index[i] >= -p->axis ? index[i] + p->axis : index[i];
    qcc_gather_entry(p, i, k < 0 ? 0 : k < p->axis ? (int32_t)k : p->axis - 1, x, y);
  }
}

#endif
