/* start.c - from reset to main() on any Cortex-M.
 *
 * The processor itself loads the stack pointer from the first word of the vector table, so that
 * reset is an ordinary function.  The coprocessor register is written only in code that was
 * compiled for an FPU or for vectors: on smaller cores it does not exist.  Every fault ends the
 * run with a message. */
#include "board.h"
#include "machine.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CCR REGISTER(0xE000ED14)   /* configuration and control */
#define CFSR REGISTER(0xE000ED28)  /* cause of a configurable fault, ARMv7-M and later */
#define HFSR REGISTER(0xE000ED2C)  /* cause of a hard fault */
#define CPACR REGISTER(0xE000ED88) /* coprocessor access */

extern uint32_t stack_top[], data_load[], data_start[], data_end[], bss_start[], bss_end[];
int main(void);
void reset(void);

static void enable_coprocessors(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  CPACR |= 0xFu << 20;
  __asm__ volatile("dsb\n isb" ::: "memory");
#endif
}

/* ARMv6-M cores fault on unaligned words; where its code runs on a larger core, so shall that. */
static void trap_unaligned(void) {
#if __ARM_ARCH == 6
  CCR |= 1u << 3;
#endif
}

__attribute__((noreturn, used)) void reset(void) {
  enable_coprocessors();
  trap_unaligned();
  for (volatile uint32_t *from = data_load, *to = data_start; to < data_end;) *to++ = *from++;
  for (volatile uint32_t *p = bss_start; p < bss_end;) *p++ = 0;
  board_exit(main());
  for (;;) {}
}

static void say_hex(const char *what, uint32_t v) {
  char text[10] = {0};
  for (int i = 7; i >= 0; i--, v >>= 4) text[i] = "0123456789abcdef"[v & 15];
  board_say(what);
  board_say(text);
}

void report_fault(const uint32_t *frame);

/* `frame` is where the stack pointer was; a stack that ran out took the canary with it. */
__attribute__((used)) void report_fault(const uint32_t *frame) {
  if (frame < stack_limit || *BOARD_STACK_CANARY != CANARY) board_exit(EXIT_STACK);
  board_say("processor fault");
#if __ARM_ARCH > 6
  say_hex(" cfsr=", CFSR);
  say_hex(" hfsr=", HFSR);
#else
  say_hex(" sp=", (uint32_t)(uintptr_t)frame);
#endif
  board_say("\n");
  board_exit(EXIT_FAULT);
}

/* The stack may be the culprit, so that reporting begins with a fresh one. */
__attribute__((naked)) static void fault(void) {
  __asm__ volatile("mov r0, sp\n"
                   "ldr r1, =stack_top\n"
                   "mov sp, r1\n"
                   "bl report_fault\n");
}

typedef void Vector(void);

__attribute__((section(".vectors"), used)) Vector *const vectors[16] = {
    (Vector *)(uintptr_t)stack_top,
    reset,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
};
