/* machine.h - the semihosting request and the stack of Cortex-M. */
#ifndef QCC_MACHINE_H
#define QCC_MACHINE_H

#include <stdint.h>

static inline int semihost(int request, const void *argument) {
  register int r0 __asm__("r0") = request;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

/* The linker script leaves the end of RAM to the stack; its lowest word is the canary. */
extern uint32_t stack_limit[];
#define BOARD_STACK (stack_limit + 1)
#define BOARD_STACK_CANARY ((volatile uint32_t *)stack_limit)
#define READ_STACK_POINTER(p) __asm__ volatile("mov %0, sp" : "=r"(p))

#endif
