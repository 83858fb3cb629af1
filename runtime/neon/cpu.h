/* cpu.h - what this 64-bit Arm processor can do, for code with several variants.  Linux says so in
 * the auxiliary vector (arch/arm64 elf_hwcaps documents the bits); elsewhere nothing is known, and
 * the variant that needs nothing runs. */
#ifndef QCC_NEON_CPU_H
#define QCC_NEON_CPU_H

#if defined(__linux__)
#include <sys/auxv.h>
#endif

#include "common.h"

enum { QCC_CPU_ASIMDDP = 1 << 0, QCC_CPU_I8MM = 1 << 1 };

/* The set of features. */
QCC_KERNEL int qcc_cpu(void) {
#if defined(__linux__)
  enum { HWCAP = 16, HWCAP2 = 26, ASIMDDP = 20, I8MM = 13 }; /* keys, and bits of their values */
  unsigned long first = getauxval(HWCAP), second = getauxval(HWCAP2);
  return ((first >> ASIMDDP & 1) ? QCC_CPU_ASIMDDP : 0) |
         ((second >> I8MM & 1) ? QCC_CPU_I8MM : 0);
#else
  return 0;
#endif
}

#endif
