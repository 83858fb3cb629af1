/* machine.h - the semihosting request and the stack of RV32 machines. */
#ifndef QCC_MACHINE_H
#define QCC_MACHINE_H

#include <stdint.h>

/* The three instructions must be uncompressed and lie on one page. */
static inline int semihost(int request, const void *argument) {
  register int a0 __asm__("a0") = request;
  register const void *a1 __asm__("a1") = argument;
  __asm__ volatile(".balign 16\n"
                   ".option push\n"
                   ".option norvc\n"
                   "slli x0, x0, 0x1f\n"
                   "ebreak\n"
                   "srai x0, x0, 7\n"
                   ".option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
  return a0;
}

extern uint32_t stack_limit[];
#define BOARD_STACK (stack_limit + 1)
#define BOARD_STACK_CANARY ((volatile uint32_t *)stack_limit)
#define READ_STACK_POINTER(p) __asm__ volatile("mv %0, sp" : "=r"(p))

#endif
