/* mve/softmax.h - softmax over the last dimension of int8 codes on Helium, four codes a turn, the
 * exponentials by a gathering load.  There is no division of vectors: the product with the inverse
 * of the sum, rounded down by a little more than all errors of float32, is the quotient of integers or
 * one less, and the remainder tells which.  y may be x. */
#ifndef QCC_MVE_SOFTMAX_H
#define QCC_MVE_SOFTMAX_H

#include <arm_mve.h>

#include "common.h"

QCC_INLINE int32_t qcc_mve_largest(int32_t n, const int8_t *x) {
  int32_t max = -128;
  __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                   "1: vldrb.u8 q0, [%[x]], #16\n"
                   "vmaxv.s8 %[max], q0\n"
                   "letp lr, 1b\n"
                   "2:"
                   : [x] "+r"(x), [max] "+r"(max)
                   : [n] "r"(n)
                   : "lr", "q0", "memory");
  return (int8_t)max;
}

QCC_INLINE uint32_t qcc_mve_sum_exp(int32_t n, int32x4_t max, const uint32_t *table,
                                    const int8_t *x) {
  uint32_t sum = 0;
  __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                   "1: vldrb.s32 q0, [%[x]], #4\n"
                   "vsub.i32 q0, %q[max], q0\n"
                   "vldrw.u32 q1, [%[table], q0, uxtw #2]\n"
                   "vaddva.u32 %[sum], q1\n"
                   "letp lr, 1b\n"
                   "2:"
                   : [x] "+l"(x), [sum] "+Te"(sum)
                   : [n] "r"(n), [table] "r"(table), [max] "w"(max)
                   : "lr", "q0", "q1", "memory");
  return sum;
}

/* exp_table[0] > 0 */
QCC_KERNEL void qcc_mve_softmax_s8(int32_t rows, int32_t n, const uint32_t *exp_table,
                                   const int8_t *x, int8_t *y) {
  uint32x4_t most = vdupq_n_u32(255);
  for (int32_t row = 0; row < rows; row++) {
    int32x4_t max = vdupq_n_s32(qcc_mve_largest(n, x));
    uint32_t sum = qcc_mve_sum_exp(n, max, exp_table, x), bits;
    float inverse = 1.0f / (float)sum * (1.0f - 1.0f / 2097152.0f);
    memcpy(&bits, &inverse, 4);
    __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                     "1: vldrb.s32 q0, [%[x]], #4\n"
                     "vsub.i32 q0, %q[max], q0\n"
                     "vldrw.u32 q1, [%[table], q0, uxtw #2]\n"
                     "vshl.i32 q1, q1, #8\n"
                     "vadd.i32 q1, q1, %[half]\n"
                     "vcvt.f32.u32 q0, q1\n"
                     "vmul.f32 q0, q0, %[inverse]\n"
                     "vcvt.u32.f32 q0, q0\n"
                     "vmul.i32 q2, q0, %[sum]\n"
                     "vsub.i32 q1, q1, q2\n"
                     "vpt.u32 cs, q1, %[sum]\n"
                     "vaddt.i32 q0, q0, %[one]\n"
                     "vmin.u32 q0, q0, %q[most]\n"
                     "vsub.i32 q0, q0, %[offset]\n"
                     "vstrb.32 q0, [%[y]], #4\n"
                     "letp lr, 1b\n"
                     "2:"
                     : [x] "+l"(x), [y] "+l"(y)
                     : [n] "r"(n), [table] "r"(exp_table), [half] "r"(sum / 2), [sum] "r"(sum),
                       [inverse] "r"(bits), [one] "r"(1), [offset] "r"(128), [max] "w"(max),
                       [most] "w"(most)
                     : "lr", "q0", "q1", "q2", "cc", "memory");
    x -= -n & 3; /* whole vectors were counted */
    y -= -n & 3;
  }
}

#endif
