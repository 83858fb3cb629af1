/* mve/add.h - sum of two tensors of equal shapes in int8 codes on Helium, eight codes a turn in
 * lanes of 32 bits: the product with one factor takes the constant along, the other is accumulated.
 * y may be a or b. */
#ifndef QCC_MVE_ADD_H
#define QCC_MVE_ADD_H

#include <arm_mve.h>

#include "add_s8.h"

#define QCC_MVE_ADD4                                                                               \
  "vldrb.s32 q0, [%[a]], #4\n"                                                                     \
  "vldrb.s32 q1, [%[b]], #4\n"                                                                     \
  "vmlas.s32 q0, %q[a_mul], %[c]\n"                                                                \
  "vmla.s32 q0, q1, %[b_mul]\n"                                                                    \
  "vshl.s32 q0, %[shift]\n"                                                                        \
  "vmax.s32 q0, q0, %q[lo]\n"                                                                      \
  "vmin.s32 q0, q0, %q[hi]\n"                                                                      \
  "vstrb.32 q0, [%[y]], #4\n"

QCC_KERNEL void qcc_mve_add_s8(const struct qcc_add *p, int32_t n, const int8_t *a, const int8_t *b,
                               int8_t *y) {
  int32x4_t a_mul = vdupq_n_s32(p->a_mul), lo = vdupq_n_s32(p->lo), hi = vdupq_n_s32(p->hi);
  /* Loads that widen and stores that narrow take their address from a low register. */
  __asm__ volatile("wls lr, %[turns], 2f\n"
                   "1:\n" QCC_MVE_ADD4 QCC_MVE_ADD4 "le lr, 1b\n"
                   "2:"
                   : [a] "+l"(a), [b] "+l"(b), [y] "+l"(y)
                   : [turns] "r"(n >> 3), [c] "r"(p->c), [b_mul] "r"(p->b_mul),
                     [shift] "r"(-p->shift), [a_mul] "w"(a_mul), [lo] "w"(lo), [hi] "w"(hi)
                   : "lr", "q0", "q1", "memory");
  for (int32_t i = 0; i < (n & 7); i++)
    y[i] = qcc_add_one_s8(p, a[i], b[i]);
}

#undef QCC_MVE_ADD4

#endif
