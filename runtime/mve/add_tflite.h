/* mve/add_tflite.h - TAdd of two tensors of one shape in int8 codes on Helium (docs/numerics.md, rule
 * tflite), four codes at a time.  The operand of the larger scale is multiplied by a half, which is exact;
 * the other by two products, as in targets/products.c.  The sum is rounded by VRSHL, which rounds halves
 * up: those of negative numbers are taken 1 lower before.  y may be a or b. */
#ifndef QCC_MVE_ADD_TFLITE_H
#define QCC_MVE_ADD_TFLITE_H

#include <arm_mve.h>

#include "binary_tflite.h"

/* Is a number times f half of it? */
QCC_INLINE int32_t qcc_mve_is_half(const struct qcc_factor *f) {
  return f->exponent == 0 && f->m == 1 << 30;
}

/* a: of the larger scale. */
QCC_INLINE void qcc_mve_tflite_sums(const struct qcc_tflite_add *p, int32_t n, const int8_t *a,
                                    int32_t a_zero, const int8_t *b, int32_t b_zero,
                                    const struct qcc_factor *f, int8_t *y) {
  int32_t half = qcc_mve_is_half(f), bits = half ? 22 : 20;
  int32_t second = half ? 1 << 29 : (1 << (31 + f->exponent)) + 1;
  int32x4_t a_mul = vdupq_n_s32(1 << 19), b_mul = vdupq_n_s32(1 << bits), m = vdupq_n_s32(p->y.m);
  int32x4_t lo = vdupq_n_s32(p->lo), hi = vdupq_n_s32(p->hi);
  __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                   "1: vldrb.s32 q0, [%[a]], #4\n"
                   "vldrb.s32 q1, [%[b]], #4\n"
                   "vmlas.s32 q0, %q[a_mul], %[a_c]\n"
                   "vmlas.s32 q1, %q[b_mul], %[b_c]\n"
                   "vqrdmulh.s32 q1, q1, %[first]\n"
                   "vqrdmulh.s32 q1, q1, %[second]\n"
                   "vadd.i32 q0, q0, q1\n"
                   "vshr.s32 q1, q0, #31\n"
                   "vqrdmlash.s32 q0, %q[m], %[zero]\n"
                   "vadd.i32 q0, q0, q1\n"
                   "vrshl.s32 q0, %[right]\n"
                   "vmax.s32 q0, q0, %q[lo]\n"
                   "vmin.s32 q0, q0, %q[hi]\n"
                   "vstrb.32 q0, [%[y]], #4\n"
                   "letp lr, 1b\n"
                   "2:"
                   : [a] "+l"(a), [b] "+l"(b), [y] "+l"(y)
                   : [n] "r"(n), [a_c] "r"(-a_zero * (1 << 19)), [b_c] "r"(-b_zero * (1 << bits)),
                     [first] "r"(f->m), [second] "r"(second),
                     [zero] "r"(p->y_zero * (1 << -p->y.exponent)), [right] "r"(p->y.exponent),
                     [a_mul] "w"(a_mul), [b_mul] "w"(b_mul), [m] "w"(m), [lo] "w"(lo), [hi] "w"(hi)
                   : "lr", "q0", "q1", "memory");
}

QCC_KERNEL void qcc_mve_tflite_add_s8(const struct qcc_tflite_add *p, int32_t n, const int8_t *a,
                                      const int8_t *b, int8_t *y) {
  if (qcc_mve_is_half(&p->a))
    qcc_mve_tflite_sums(p, n, a, p->a_zero, b, p->b_zero, &p->b, y);
  else
    qcc_mve_tflite_sums(p, n, b, p->b_zero, a, p->a_zero, &p->a, y);
}

#endif
