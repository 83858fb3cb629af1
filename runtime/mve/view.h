/* mve/view.h - strided views of bytes and words on Helium: eight bytes or four words a turn, by
 * gathering loads and scattering stores.  The last two dimensions of y are a block; lines are taken
 * along the longer one.  y must not overlap x. */
#ifndef QCC_MVE_VIEW_H
#define QCC_MVE_VIEW_H

#include <arm_mve.h>

#include "move.h"

/* A line of n elements; steps in elements. */
#define QCC_MVE_LINE(LANES, LOAD, STORE)                                                           \
  __asm__ volatile("wlstp." LANES " lr, %[n], 2f\n"                                                \
                   "1: " LOAD "\n" STORE "\n"                                                      \
                   "add %[x], %[x_step]\n"                                                         \
                   "add %[y], %[y_step]\n"                                                         \
                   "letp lr, 1b\n"                                                                 \
                   "2:"                                                                            \
                   : [x] "+r"(x), [y] "+r"(y)                                                      \
                   : [n] "r"(n), [from] "w"(from), [to] "w"(to), [x_step] "r"(x_step),             \
                     [y_step] "r"(y_step)                                                          \
                   : "lr", "q0", "memory")

/* Seven steps fit 16 bits. */
QCC_INLINE void qcc_mve_line_1(int32_t n, int32_t x_step, int32_t y_step, const uint8_t *x,
                               uint8_t *y) {
  uint16x8_t from = vidupq_n_u16(0, 1), to = vmulq_n_u16(from, (uint16_t)y_step);
  from = vmulq_n_u16(from, (uint16_t)x_step);
  x_step *= 8;
  y_step *= 8;
  QCC_MVE_LINE("16", "vldrb.u16 q0, [%[x], %q[from]]", "vstrb.16 q0, [%[y], %q[to]]");
}

QCC_INLINE void qcc_mve_line_4(int32_t n, int32_t x_step, int32_t y_step, const uint8_t *x,
                               uint8_t *y) {
  uint32x4_t from = vidupq_n_u32(0, 1), to = vmulq_n_u32(from, (uint32_t)y_step);
  from = vmulq_n_u32(from, (uint32_t)x_step);
  x_step *= 16;
  y_step *= 16;
  QCC_MVE_LINE("32", "vldrw.u32 q0, [%[x], %q[from], uxtw #2]",
               "vstrw.32 q0, [%[y], %q[to], uxtw #2]");
}

#undef QCC_MVE_LINE

QCC_INLINE int qcc_mve_fits(int32_t step) {
  return step >= 0 && 7 * step <= 65535;
}

QCC_INLINE void qcc_mve_line(int32_t n, int32_t elem, int32_t x_step, int32_t y_step,
                             const uint8_t *x, uint8_t *y) {
  if (x_step == 1 && y_step == 1)
    qcc_copy(y, x, n * elem);
  else if (elem == 4)
    qcc_mve_line_4(n, x_step, y_step, x, y);
  else
    qcc_mve_line_1(n, x_step, y_step, x, y);
}

/* Elements of 1 or 4 bytes. */
QCC_KERNEL void qcc_mve_copy_view(const struct qcc_view *v, const void *x, void *y) {
  int32_t index[8] = {0, 0, 0, 0, 0, 0, 0, 0}, at = v->start, last = v->rank - 1, elem = v->elem;
  int32_t n = v->dim[last], step = v->step[last], rows = 1, row_step = 0;
  uint8_t *to = (uint8_t *)y;
  if (last > 0) {
    rows = v->dim[last - 1];
    row_step = v->step[last - 1];
  }
  int32_t across = n < 8 && n < rows && (elem == 4 || (qcc_mve_fits(row_step) && qcc_mve_fits(n)));
  int32_t along = elem == 4 || qcc_mve_fits(step);
  do {
    const uint8_t *from = (const uint8_t *)x + at * elem;
    if (across) {
      for (int32_t i = 0; i < n; i++)
        qcc_mve_line(rows, elem, row_step, n, from + i * step * elem, to + i * elem);
      to += rows * n * elem;
      continue;
    }
    for (int32_t i = 0; i < rows; i++, from += row_step * elem, to += n * elem)
      if (along)
        qcc_mve_line(n, elem, step, 1, from, to);
      else
        qcc_copy_line(n, elem, step * elem, from, to);
  } while (qcc_next_line(v, last - 2, index, &at));
}

#endif
