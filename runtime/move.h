/* move.h - elements of any size from one place to another: strided views (Transpose, Slice, Expand,
 * Tile, and with dimensions split or merged DepthToSpace and the like) and runs of bytes (Concat,
 * Split, copies).  y must not overlap x. */
#ifndef QCC_MOVE_H
#define QCC_MOVE_H

#include "copy.h"

/* y is contiguous with dimensions dim; y[i0][i1].. = x[start + i0 * step[0] + i1 * step[1] ..]. */
struct qcc_view {
  int32_t rank;            /* 1 to 8 */
  int32_t elem;            /* bytes of an element */
  int32_t start;           /* elements of x */
  int32_t dim[8], step[8]; /* of y; elements of x, may be 0 or negative */
};

/* Elements of four bytes lie at multiples of four, which processors want to know that load nothing
 * else in one piece. */
#if defined(__riscv) || (defined(__arm__) && !defined(__ARM_FEATURE_UNALIGNED))
#define QCC_ALIGNED_4(p) __builtin_assume_aligned(p, 4)
#else
#define QCC_ALIGNED_4(p) (p)
#endif

/* n elements that are `step` bytes apart. */
QCC_KERNEL void qcc_copy_line(int32_t n, int32_t elem, int32_t step, const uint8_t *x, uint8_t *y) {
  if (step == elem) {
    qcc_copy(y, x, n * elem);
  } else if (elem == 1) {
    for (; n >= 4; n -= 4, x += 4 * step, y += 4) {
      y[0] = x[0];
      y[1] = x[step];
      y[2] = x[2 * step];
      y[3] = x[3 * step];
    }
    for (int32_t i = 0; i < n; i++)
      y[i] = x[i * step];
  } else if (elem == 4) {
    for (int32_t i = 0; i < n; i++)
      memcpy(QCC_ALIGNED_4(y + 4 * i), QCC_ALIGNED_4(x + i * step), 4);
  } else {
    for (int32_t i = 0; i < n; i++)
      memcpy(y + i * elem, x + i * step, (size_t)elem);
  }
}

/* Steps dimensions d to 0 of y; 0 after the last element.  index starts as zeros. */
QCC_INLINE int qcc_next_line(const struct qcc_view *v, int32_t d, int32_t *index, int32_t *at) {
  for (; d >= 0; d--) {
    *at += v->step[d];
    if (++index[d] < v->dim[d])
      return 1;
    *at -= v->step[d] * v->dim[d];
    index[d] = 0;
  }
  return 0;
}

QCC_KERNEL void qcc_copy_view(const struct qcc_view *v, const void *x, void *y) {
  int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, at = v->start, last = v->rank - 1;
  uint8_t *to = (uint8_t *)y;
  do {
    qcc_copy_line(v->dim[last], v->elem, v->step[last] * v->elem,
                  (const uint8_t *)x + at * v->elem, to);
    to += v->dim[last] * v->elem;
  } while (qcc_next_line(v, last - 1, index, &at));
}

/* `rows` runs of `bytes` bytes; both steps in bytes. */
QCC_KERNEL void qcc_copy_rows(int32_t rows, int32_t bytes, int32_t x_step, int32_t y_step,
                              const void *x, void *y) {
  for (int32_t i = 0; i < rows; i++)
    qcc_copy((uint8_t *)y + i * y_step, (const uint8_t *)x + i * x_step, bytes);
}

#endif
