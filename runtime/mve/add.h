/* mve/add.h - sum of two tensors in int8 codes on Helium, four codes at a time in lanes of 32 bits: the
 * product with one factor takes the constant along, the other is accumulated.  y may be a or b where
 * that one has y's shape. */
#ifndef QCC_MVE_ADD_H
#define QCC_MVE_ADD_H

#include <arm_mve.h>

#include "add_s8.h"
#include "rows_s8.h"

#define QCC_MVE_ADD4                                                                               \
  "vldrb.s32 q0, [%[a]], #4\n"                                                                     \
  "vldrb.s32 q1, [%[b]], #4\n"                                                                     \
  "vmlas.s32 q0, %q[a_mul], %[c]\n"                                                                \
  "vmla.s32 q0, q1, %[b_mul]\n"                                                                    \
  "vshl.s32 q0, %[shift]\n"                                                                        \
  "vmax.s32 q0, q0, %q[lo]\n"                                                                      \
  "vmin.s32 q0, q0, %q[hi]\n"                                                                      \
  "vstrb.32 q0, [%[y]], #4\n"

/* Loads that widen and stores that narrow take their address from a low register. */
#define QCC_MVE_ADD(BEGIN, TURN, END, TURNS)                                                       \
  __asm__ volatile(BEGIN " lr, %[turns], 2f\n"                                                     \
                         "1:\n" TURN END " lr, 1b\n"                                               \
                         "2:"                                                                      \
                   : [a] "+l"(a), [b] "+l"(b), [y] "+l"(y)                                         \
                   : [turns] "r"(TURNS), [c] "r"(c), [b_mul] "r"(b_factor),                        \
                     [shift] "r"(-p->shift), [a_mul] "w"(a_mul), [lo] "w"(lo), [hi] "w"(hi)        \
                   : "lr", "q0", "q1", "memory")

/* With factors and constant of its own. */
QCC_INLINE void qcc_mve_add_codes(const struct qcc_add *p, int32_t n, int32_t a_factor,
                                  const int8_t *a, int32_t b_factor, const int8_t *b, int32_t c,
                                  int8_t *y) {
  int32x4_t a_mul = vdupq_n_s32(a_factor), lo = vdupq_n_s32(p->lo), hi = vdupq_n_s32(p->hi);
  if (__builtin_constant_p(n) && (n & 7) == 0)
    QCC_MVE_ADD("wls", QCC_MVE_ADD4 QCC_MVE_ADD4, "le", n >> 3);
  else
    QCC_MVE_ADD("wlstp.32", QCC_MVE_ADD4, "letp", n);
}

#undef QCC_MVE_ADD
#undef QCC_MVE_ADD4

QCC_KERNEL void qcc_mve_add_s8(const struct qcc_add *p, int32_t n, const int8_t *a, const int8_t *b,
                               int8_t *y) {
  qcc_mve_add_codes(p, n, p->a_mul, a, p->b_mul, b, p->c, y);
}

/* A code that is repeated is part of the constant. */
QCC_KERNEL void qcc_mve_add_row(const void *params, int32_t n, const int8_t *a, int32_t a_step,
                                const int8_t *b, int32_t b_step, int8_t *y) {
  const struct qcc_add *p = (const struct qcc_add *)params;
  int32_t c = p->c + (a_step ? 0 : *a * p->a_mul) + (b_step ? 0 : *b * p->b_mul);
  qcc_mve_add_codes(p, n, a_step ? p->a_mul : 0, a_step ? a : b, b_step ? p->b_mul : 0,
                    b_step ? b : a, c, y);
}

QCC_KERNEL void qcc_mve_add_broadcast_s8(const struct qcc_add *p, const struct qcc_broadcast *s,
                                         const int8_t *a, const int8_t *b, int8_t *y) {
  qcc_each_row_s8(qcc_mve_add_row, p, s, a, b, y);
}

#endif
