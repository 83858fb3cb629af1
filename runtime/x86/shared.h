/* shared.h - what the kernels for x86 have in common: functions that are large enough to be worth
 * one copy for all layers, whatever is optimised for, and aligned working memory. */
#ifndef QCC_X86_SHARED_H
#define QCC_X86_SHARED_H

#include "common.h"

#define QCC_SHARED static __attribute__((noinline, unused))

/* From the next multiple of 64 bytes on: vectors across cache lines take twice as long to load. */
QCC_INLINE void *qcc_align64(void *p) { return (unsigned char *)p + (64 - (uintptr_t)p % 64) % 64; }

/* Codes through the activation's table. */
QCC_INLINE void qcc_table_row(const int8_t *table, int32_t n, int8_t *y) {
  for (int32_t i = 0; i < n; i++) y[i] = table[y[i] + 128];
}

#endif
