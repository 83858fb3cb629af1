/* mve/lookup.h - a table of 256 codes applied to int8 or uint8 codes on Helium, 16 at a time by a
 * gathering load.  y may be x. */
#ifndef QCC_MVE_LOOKUP_H
#define QCC_MVE_LOOKUP_H

#include <arm_mve.h>

#include "common.h"

/* table[(x ^ flip) of 8 bits]; flip makes indices of signed codes. */
QCC_KERNEL void qcc_mve_lookup(int32_t n, int32_t flip, const int8_t *table, const int8_t *x,
                               int8_t *y) {
  __asm__ volatile("vdup.8 q2, %[flip]\n"
                   "wlstp.8 lr, %[n], 2f\n"
                   "1: vldrb.8 q0, [%[x]], #16\n"
                   "veor q0, q0, q2\n"
                   "vldrb.u8 q1, [%[table], q0]\n"
                   "vstrb.8 q1, [%[y]], #16\n"
                   "letp lr, 1b\n"
                   "2:"
                   : [x] "+r"(x), [y] "+r"(y)
                   : [n] "r"(n), [flip] "r"(flip), [table] "r"(table)
                   : "lr", "q0", "q1", "q2", "memory");
}

/* A table for each channel; eight codes at a time. */
QCC_INLINE void qcc_mve_lookup_channels(int32_t rows, int32_t channels, int32_t flip,
                                        const int8_t *table, const int8_t *x, int8_t *y) {
  uint16x8_t first = vmulq_n_u16(vidupq_n_u16(0, 1), 256);
  for (int32_t row = 0; row < rows; row++) {
    const int8_t *tables = table;
    __asm__ volatile("vdup.16 q2, %[flip]\n"
                     "wlstp.16 lr, %[n], 2f\n"
                     "1: vldrb.u16 q0, [%[x]], #8\n"
                     "veor q0, q0, q2\n"
                     "vadd.i16 q0, q0, %q[first]\n"
                     "vldrb.u16 q1, [%[table], q0]\n"
                     "vstrb.16 q1, [%[y]], #8\n"
                     "add %[table], #2048\n"
                     "letp lr, 1b\n"
                     "2:"
                     : [x] "+l"(x), [y] "+l"(y), [table] "+r"(tables)
                     : [n] "r"(channels), [flip] "r"(flip), [first] "w"(first)
                     : "lr", "q0", "q1", "q2", "memory");
    x -= -channels & 7; /* whole vectors were counted */
    y -= -channels & 7;
  }
}

QCC_KERNEL void qcc_mve_lookup_channels_s8(int32_t rows, int32_t channels, const int8_t *table,
                                           const int8_t *x, int8_t *y) {
  qcc_mve_lookup_channels(rows, channels, 128, table, x, y);
}

QCC_KERNEL void qcc_mve_lookup_channels_u8(int32_t rows, int32_t channels, const int8_t *table,
                                           const uint8_t *x, int8_t *y) {
  qcc_mve_lookup_channels(rows, channels, 0, table, (const int8_t *)x, y);
}

QCC_KERNEL void qcc_mve_lookup_s8(int32_t n, const int8_t *table, const int8_t *x, int8_t *y) {
  qcc_mve_lookup(n, 128, table, x, y);
}

QCC_KERNEL void qcc_mve_lookup_u8(int32_t n, const int8_t *table, const uint8_t *x, int8_t *y) {
  qcc_mve_lookup(n, 0, table, (const int8_t *)x, y);
}

#endif
