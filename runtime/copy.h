/* copy.h - memcpy for the short runs of kernels.  The C libraries of microcontrollers copy byte by
 * byte, so on Cortex-M these are words, or vectors.  y may also begin before x. */
#ifndef QCC_COPY_H
#define QCC_COPY_H

#include "common.h"

QCC_INLINE void qcc_copy(void *y, const void *x, int32_t n) {
#if defined(__ARM_FEATURE_MVE)
  if (__builtin_constant_p(n) && n <= 16)
    memcpy(y, x, (size_t)n);
  else
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                   "1: vldrb.8 q0, [%[x]], #16\n"
                   "vstrb.8 q0, [%[y]], #16\n"
                   "letp lr, 1b\n"
                   "2:"
                   : [x] "+r"(x), [y] "+r"(y)
                   : [n] "r"(n)
                   : "lr", "q0", "memory");
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && defined(__ARM_FEATURE_UNALIGNED)
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  if (__builtin_constant_p(n) && n <= 16) {
    memcpy(y, x, (size_t)n);
    return;
  }
  for (; n >= 4; n -= 4, from += 4, to += 4) {
    uint32_t v;
    memcpy(&v, from, 4);
    __asm__("" : "+r"(v)); /* or the loop becomes a call of memcpy */
    memcpy(to, &v, 4);
  }
  for (; n > 0; n--)
    *to++ = *from++;
#else
  memcpy(y, x, (size_t)n);
#endif
}

#endif
