/* start.c - from reset to main() on the RV32 machine.  The emulator puts the whole image in RAM,
 * so that only .bss must be cleared; any trap ends the run with a message. */
#include "board.h"
#include "machine.h"

extern uint32_t bss_start[], bss_end[];
int main(void);
void start(void);
void report_trap(void);

__attribute__((used)) void start(void) {
  for (volatile uint32_t *p = bss_start; p < bss_end;) *p++ = 0;
  board_exit(main());
}

/* A stack that ran out took the canary with it. */
__attribute__((used)) void report_trap(void) {
  if (*BOARD_STACK_CANARY != CANARY) board_exit(EXIT_STACK);
  board_say("processor trap\n");
  board_exit(EXIT_FAULT);
}

/* Physical memory protection lets nothing write from address 0 to the start of RAM (a locked
 * top-of-range entry, read and execute), so that a stack that runs out traps.  The trap itself
 * begins with a fresh stack and lies in memory that the stack can't reach. */
__asm__(".section .init, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        ".option push\n"
        ".option arch, +zicsr\n"
        "  la sp, stack_top\n"
        "  la t0, trap\n"
        "  csrw mtvec, t0\n"
        "  la t0, ram_start\n"
        "  srli t0, t0, 2\n"
        "  csrw pmpaddr0, t0\n"
        "  li t0, 0x8d\n"
        "  csrw pmpcfg0, t0\n"
        ".option pop\n"
        "  la t0, start\n"
        "  jr t0\n"
        ".text\n"
        ".balign 4\n"
        "trap:\n"
        "  la sp, stack_top\n"
        "  j report_trap\n");
