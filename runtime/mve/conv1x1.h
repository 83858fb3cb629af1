/* mve/conv1x1.h - pointwise convolution of int8 codes on Helium: two pixels at a time, copied to
 * scratch first.  So y may be x, or begin where x begins: pixels are taken from the front where the
 * output is not wider than the input and from the back where it is.  Scratch: two pixels, each
 * rounded up to 16 bytes.  Weights as in mve/dot.h. */
#ifndef QCC_MVE_CONV1X1_H
#define QCC_MVE_CONV1X1_H

#include "mve/groups.h"
#include "mve/tile.h"

/* v: runs of weights with multiples, or NULL. */
QCC_INLINE void qcc_mve_conv1x1(int32_t kind, const struct qcc_gemm *p,
                                const struct qcc_mve_groups *v, const int8_t *x, const void *w,
                                const int8_t *levels, const int32_t *b, const int32_t *m,
                                const int8_t *table, void *scratch, int8_t *y) {
  int8_t *pixels = scratch;
  int32_t padded = qcc_mve_round16(p->depth), backwards = p->cols > p->depth;
  struct qcc_mve_tile t;
  qcc_mve_set_tile(&t, &p->out, p->cols, levels, b, pixels, pixels + padded);
  for (int32_t done = 0, n; done < p->rows; done += n) {
    n = p->rows - done >= 2 ? 2 : 1;
    int32_t row = backwards ? p->rows - done - n : done;
    const int8_t *from = x + row * p->depth;
    int8_t *to = y + row * p->cols, *second = to + (n - 1) * p->cols;
    if (n == 2 && padded == p->depth) {
      qcc_copy(pixels, from, 2 * padded);
    } else {
      qcc_copy(pixels, from, p->depth);
      qcc_copy(pixels + padded, from + (n - 1) * p->depth, p->depth);
    }
    if (v)
      qcc_mve_groups_tile(kind, &p->out, v, QCC_MVE_PAIR, padded >> 4, p->cols, pixels,
                          pixels + padded, w, b, m, table, to, second);
    else
      qcc_mve_tile(kind, &p->out, padded >> 4, p->cols, &t, w, b, m, table, to, second);
  }
}

#define QCC_MVE_CONV1X1(name, kind, parameter, levels)                                             \
  QCC_KERNEL void qcc_mve_conv1x1_##name(const struct qcc_gemm *p, const int8_t *x, const void *w, \
                                         parameter const int32_t *b, const int32_t *m,             \
                                         const int8_t *table, void *scratch, int8_t *y) {          \
    qcc_mve_conv1x1(kind, p, NULL, x, w, levels, b, m, table, scratch, y);                         \
  }
/* int4: 16 bytes of scratch more for each run of weights, in front. */
#define QCC_MVE_CONV1X1_GROUPED(name, kind, parameter, levels)                                     \
  QCC_KERNEL void qcc_mve_conv1x1_grouped_##name(                                                  \
      const struct qcc_gemm *p, const struct qcc_groups *q, const int8_t *x, const void *w,        \
      parameter const uint8_t *multiple, const int32_t *b, const int32_t *m, const int8_t *table,  \
      void *scratch, int8_t *y) {                                                                  \
    struct qcc_mve_groups v = {q, multiple, NULL, levels};                                         \
    int8_t *rest = qcc_mve_begin_groups(kind, &v, scratch);                                        \
    qcc_mve_conv1x1(kind, p, &v, x, w, NULL, b, m, table, rest, y);                                \
  }
QCC_MVE_CONV1X1(s8, 8, , NULL)
QCC_MVE_CONV1X1(s4, 4, , NULL)
QCC_MVE_CONV1X1(s2, 2, , NULL)
QCC_MVE_CONV1X1(l8, QCC_LEVELS_8, QCC_WITH_LEVELS, levels)
QCC_MVE_CONV1X1_GROUPED(s8, 8, , NULL)
QCC_MVE_CONV1X1_GROUPED(s4, 4, , NULL)
QCC_MVE_CONV1X1_GROUPED(l8, QCC_LEVELS_8, QCC_WITH_LEVELS, levels)
#undef QCC_MVE_CONV1X1
#undef QCC_MVE_CONV1X1_GROUPED

#endif
