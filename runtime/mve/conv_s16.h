/* mve/conv_s16.h - convolutions and matrix products of int16 codes with int8 weights on Helium:
 * eight products of each of two pixels and two channels a turn, weights widened as they are
 * loaded.  Eight weights of two channels lie side by side, depth and channels padded with zeros. */
#ifndef QCC_MVE_CONV_S16_H
#define QCC_MVE_CONV_S16_H

#include <arm_mve.h>

#include "tiles_s16.h"

QCC_INLINE void qcc_mve_tile_s16(int32_t two, int32_t depth, const int16_t *x0, const int16_t *x1,
                                 const int8_t *w, int32_t acc[4]) {
  int32_t s0 = acc[0], s1 = acc[1], s2 = acc[2], s3 = acc[3];
  if (two)
    __asm__ volatile("wlstp.16 lr, %[depth], 2f\n"
                     "1:\n"
                     "vldrh.16 q0, [%[x0]], #16\n"
                     "vldrb.s16 q2, [%[w]], #8\n"
                     "vmladava.s16 %[s0], q0, q2\n"
                     "vldrh.16 q1, [%[x1]], #16\n"
                     "vmladava.s16 %[s2], q1, q2\n"
                     "vldrb.s16 q3, [%[w]], #8\n"
                     "vmladava.s16 %[s1], q0, q3\n"
                     "vmladava.s16 %[s3], q1, q3\n"
                     "letp lr, 1b\n"
                     "2:"
                     : [x0] "+r"(x0), [x1] "+r"(x1), [w] "+l"(w), [s0] "+Te"(s0), [s1] "+Te"(s1),
                       [s2] "+Te"(s2), [s3] "+Te"(s3)
                     : [depth] "r"(depth)
                     : "lr", "q0", "q1", "q2", "q3", "memory");
  else
    __asm__ volatile("wlstp.16 lr, %[depth], 2f\n"
                     "1:\n"
                     "vldrh.16 q0, [%[x0]], #16\n"
                     "vldrb.s16 q2, [%[w]], #8\n"
                     "vmladava.s16 %[s0], q0, q2\n"
                     "vldrb.s16 q3, [%[w]], #8\n"
                     "vmladava.s16 %[s1], q0, q3\n"
                     "letp lr, 1b\n"
                     "2:"
                     : [x0] "+r"(x0), [w] "+l"(w), [s0] "+Te"(s0), [s1] "+Te"(s1)
                     : [depth] "r"(depth)
                     : "lr", "q0", "q2", "q3", "memory");
  acc[0] = s0;
  acc[1] = s1;
  acc[2] = s2;
  acc[3] = s3;
}

QCC_KERNEL void qcc_mve_conv_s16(const struct qcc_conv *p, const int16_t *x, const int8_t *w,
                                 const int32_t *b, const int32_t *m, void *scratch, int16_t *y) {
  int32_t row = (p->g.kernel_h * p->g.kernel_w * p->g.in_c + 7) & ~7;
  qcc_tiles_conv_s16(qcc_mve_tile_s16, p, row, x, w, b, m, (int16_t *)scratch, y);
}

QCC_KERNEL void qcc_mve_gemm_s16(const struct qcc_gemm *p, const int16_t *x, const int8_t *w,
                                 const int32_t *b, const int32_t *m, int16_t *y) {
  qcc_tiles_gemm_s16(qcc_mve_tile_s16, p, (p->depth + 7) & ~7, x, w, b, m, y);
}

#endif
