/* mve/mul.h - product of two tensors in int8 codes on Helium, four codes a turn in lanes of 32 bits.
 * y may be a or b where that one has y's shape. */
#ifndef QCC_MVE_MUL_H
#define QCC_MVE_MUL_H

#include <arm_mve.h>

#include "mul_s8.h"
#include "rows_s8.h"

#define QCC_MVE_MUL(OTHER, SHIFT)                                                                  \
  __asm__ volatile("wlstp.32 lr, %[n], 2f\n"                                                       \
                   "1: vldrb.s32 q0, [%[a]], #4\n"                                                 \
                   "vadd.i32 q0, q0, %[a_zero]\n" OTHER SHIFT                                      \
                   "vqrdmlash.s32 q0, %q[m], %[zero]\n"                                            \
                   "vmax.s32 q0, q0, %q[lo]\n"                                                     \
                   "vmin.s32 q0, q0, %q[hi]\n"                                                     \
                   "vstrb.32 q0, [%[y]], #4\n"                                                     \
                   "letp lr, 1b\n"                                                                 \
                   "2:"                                                                            \
                   : [a] "+l"(a), [b] "+l"(b), [y] "+l"(y)                                         \
                   : [n] "r"(n), [a_zero] "r"(a_zero), [b_zero] "r"(b_zero), [zero] "r"(r->zero),  \
                     [shift] "r"(r->shift), [m] "w"(m), [lo] "w"(lo), [hi] "w"(hi)                 \
                   : "lr", "q0", "q1", "memory")

#define QCC_MVE_MUL_VECTOR                                                                         \
  "vldrb.s32 q1, [%[b]], #4\n"                                                                     \
  "vadd.i32 q1, q1, %[b_zero]\n"                                                                   \
  "vmul.i32 q0, q0, q1\n"
#define QCC_MVE_MUL_SCALAR "vmul.i32 q0, q0, %[b_zero]\n"
#define QCC_MVE_MUL_SHIFT "vshl.s32 q0, %[shift]\n"

QCC_KERNEL void qcc_mve_mul_row(const void *params, int32_t n, const int8_t *a, int32_t a_step,
                                const int8_t *b, int32_t b_step, int8_t *y) {
  const struct qcc_mul *p = (const struct qcc_mul *)params;
  const struct qcc_rescale *r = &p->out;
  int32_t a_zero = -p->a_zero, b_zero = -p->b_zero;
  int32x4_t m = vdupq_n_s32(p->m), lo = vdupq_n_s32(r->lo), hi = vdupq_n_s32(r->hi);
  if (!a_step) {
    const int8_t *copies = a;
    int32_t zero = a_zero;
    a = b;
    a_zero = b_zero;
    b = copies;
    b_zero = zero;
  }
  if (!a_step || !b_step) {
    b_zero += *b; /* the factor itself */
    QCC_MVE_MUL(QCC_MVE_MUL_SCALAR, QCC_MVE_MUL_SHIFT);
  } else if (__builtin_constant_p(r->shift) && r->shift == 0) {
    QCC_MVE_MUL(QCC_MVE_MUL_VECTOR, "");
  } else {
    QCC_MVE_MUL(QCC_MVE_MUL_VECTOR, QCC_MVE_MUL_SHIFT);
  }
}

#undef QCC_MVE_MUL
#undef QCC_MVE_MUL_VECTOR
#undef QCC_MVE_MUL_SCALAR
#undef QCC_MVE_MUL_SHIFT

QCC_BY_ROWS(mul, qcc_mve_mul_row, qcc_mve_mul_s8, qcc_mve_mul_broadcast_s8)

#endif
