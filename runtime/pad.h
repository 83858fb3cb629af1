/* pad.h - ONNX's Pad for elements of any size: a constant, or the input reflected, repeated at its
 * edge, or wrapped around.  Negative padding crops.  y must not overlap x. */
#ifndef QCC_PAD_H
#define QCC_PAD_H

#include "copy.h"

enum { QCC_PAD_CONSTANT, QCC_PAD_REFLECT, QCC_PAD_EDGE, QCC_PAD_WRAP };

struct qcc_pad {
  int32_t rank;              /* 1 to 8 */
  int32_t elem;              /* bytes of an element */
  int32_t mode;              /* QCC_PAD_ */
  int32_t in[8], out[8];     /* dimensions of x and y */
  int32_t before[8];         /* elements before x; negative: cropped */
};

/* Which element of a dimension of size n stands at place i; -1: the constant. */
QCC_KERNEL int32_t qcc_pad_source(int32_t mode, int32_t i, int32_t n) {
  if (i >= 0 && i < n)
    return i;
  if (mode == QCC_PAD_CONSTANT)
    return -1;
  if (mode == QCC_PAD_EDGE || n == 1)
    return i < 0 ? 0 : n - 1;
  if (mode == QCC_PAD_WRAP)
    return i % n < 0 ? i % n + n : i % n;
  i = (i < 0 ? -i : i) % (2 * n - 2);
  return i < n ? i : 2 * n - 2 - i;
}

/* Elements from..end-1 of a line of y, none of which lies in x: copies of one value, or of elements
 * of the line x. */
QCC_KERNEL void qcc_pad_border(const struct qcc_pad *p, const void *value, int32_t from,
                               int32_t end, const uint8_t *x, uint8_t *y) {
  int32_t last = p->rank - 1, elem = p->elem;
  if (!x || p->mode == QCC_PAD_CONSTANT) {
    int32_t n = (end - from) * elem, done = elem;
    if (n == 0)
      return;
    y += from * elem;
    qcc_copy(y, value, elem);
    for (int32_t more; done < n; done += more) {
      more = qcc_min(done, n - done);
      qcc_copy(y + done, y, more);
    }
  } else {
    for (; from < end; from++) {
      int32_t k = qcc_pad_source(p->mode, from - p->before[last], p->in[last]);
      qcc_copy(y + from * elem, x + k * elem, elem);
    }
  }
}

/* One line of y; x is the line it comes from, NULL where all of it is the constant. */
QCC_KERNEL void qcc_pad_line(const struct qcc_pad *p, const void *value, const uint8_t *x,
                             uint8_t *y) {
  int32_t last = p->rank - 1, out = p->out[last], before = p->before[last];
  int32_t begin = x ? qcc_clamp(before, 0, out) : out;
  int32_t end = x ? qcc_clamp(before + p->in[last], begin, out) : out;
  qcc_pad_border(p, value, 0, begin, x, y);
  if (end > begin)
    qcc_copy(y + begin * p->elem, x + (begin - before) * p->elem, (end - begin) * p->elem);
  qcc_pad_border(p, value, end, out, x, y);
}

/* The line of x that the line `index` of y comes from, or NULL. */
QCC_KERNEL const uint8_t *qcc_pad_find_line(const struct qcc_pad *p, const int32_t *index,
                                            const uint8_t *x) {
  int32_t at = 0;
  for (int32_t d = 0; d < p->rank - 1; d++) {
    int32_t k = qcc_pad_source(p->mode, index[d] - p->before[d], p->in[d]);
    if (k < 0)
      return NULL;
    at = at * p->in[d] + k;
  }
  return x + at * p->in[p->rank - 1] * p->elem;
}

QCC_KERNEL void qcc_pad(const struct qcc_pad *p, const void *value, const void *x, void *y) {
  int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, last = p->rank - 1, d;
  uint8_t *to = (uint8_t *)y;
  do {
    qcc_pad_line(p, value, qcc_pad_find_line(p, index, (const uint8_t *)x), to);
    to += p->out[last] * p->elem;
    for (d = last - 1; d >= 0; d--) {
      if (++index[d] < p->out[d])
        break;
      index[d] = 0;
    }
  } while (d >= 0);
}

#endif
