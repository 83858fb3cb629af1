/* cpu.h - what this x86 processor can do, by CPUID, as far as the operating system keeps the
 * registers that it takes (XGETBV): for code with several variants. */
#ifndef QCC_X86_CPU_H
#define QCC_X86_CPU_H

#include <cpuid.h>

#include "common.h"

enum {
  QCC_CPU_POPCNT = 1 << 0,
  QCC_CPU_MOVBE = 1 << 1,
  QCC_CPU_F16C = 1 << 2,
  QCC_CPU_FMA = 1 << 3,
  QCC_CPU_AVX2 = 1 << 4,
  QCC_CPU_BMI1 = 1 << 5,
  QCC_CPU_BMI2 = 1 << 6,
  QCC_CPU_ABM = 1 << 7,
  QCC_CPU_AVX512F = 1 << 8,
  QCC_CPU_AVX512BW = 1 << 9,
  QCC_CPU_AVX512CD = 1 << 10,
  QCC_CPU_AVX512DQ = 1 << 11,
  QCC_CPU_AVX512VL = 1 << 12,
  QCC_CPU_AVX512_VNNI = 1 << 13
};

/* Register sets that the system saves: bits 1 and 2 XMM and YMM, 5 to 7 those of AVX-512. */
QCC_KERNEL uint32_t qcc_cpu_saved(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

QCC_KERNEL int qcc_cpu_bit(uint32_t word, int bit, int feature) {
  return (word >> bit & 1) ? feature : 0;
}

/* The set of features; empty without AVX. */
QCC_KERNEL int qcc_cpu(void) {
  enum { OSXSAVE = 27, AVX = 28 };
  uint32_t a = 0, b = 0, c = 0, d = 0, saved;
  int has;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  if (!(c >> OSXSAVE & 1) || !(c >> AVX & 1)) return 0;
  saved = qcc_cpu_saved();
  if ((saved & 0x6) != 0x6) return 0;
  has = qcc_cpu_bit(c, 12, QCC_CPU_FMA) | qcc_cpu_bit(c, 22, QCC_CPU_MOVBE) |
        qcc_cpu_bit(c, 23, QCC_CPU_POPCNT) | qcc_cpu_bit(c, 29, QCC_CPU_F16C);
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) has |= qcc_cpu_bit(c, 5, QCC_CPU_ABM);
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return has;
  has |= qcc_cpu_bit(b, 3, QCC_CPU_BMI1) | qcc_cpu_bit(b, 5, QCC_CPU_AVX2) |
         qcc_cpu_bit(b, 8, QCC_CPU_BMI2);
  if ((saved & 0xe6) != 0xe6) return has;
  return has | qcc_cpu_bit(b, 16, QCC_CPU_AVX512F) | qcc_cpu_bit(b, 17, QCC_CPU_AVX512DQ) |
         qcc_cpu_bit(b, 28, QCC_CPU_AVX512CD) | qcc_cpu_bit(b, 30, QCC_CPU_AVX512BW) |
         qcc_cpu_bit(b, 31, QCC_CPU_AVX512VL) | qcc_cpu_bit(c, 11, QCC_CPU_AVX512_VNNI);
}

#endif
