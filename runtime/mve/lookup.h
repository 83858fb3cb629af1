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

QCC_KERNEL void qcc_mve_lookup_s8(int32_t n, const int8_t *table, const int8_t *x, int8_t *y) {
  qcc_mve_lookup(n, 128, table, x, y);
}

QCC_KERNEL void qcc_mve_lookup_u8(int32_t n, const int8_t *table, const uint8_t *x, int8_t *y) {
  qcc_mve_lookup(n, 0, table, (const int8_t *)x, y);
}

#endif
