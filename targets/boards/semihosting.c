/* semihosting.c - files, log and exit of the bare machines: requests that the emulator answers.
 * machine.h has the instruction sequence that makes one (Arm: "Semihosting for AArch32 and
 * AArch64"; RISC-V took over the same requests). */
#include "board.h"
#include "machine.h"

enum {
  SYS_OPEN = 1,
  SYS_CLOSE = 2,
  SYS_WRITE0 = 4,
  SYS_WRITE = 5,
  SYS_READ = 6,
  SYS_EXIT_EXTENDED = 0x20
};
enum { MODE_READ = 1, MODE_WRITE = 5, APPLICATION_EXIT = 0x20026 };

static struct {
  int input, output; /* handles */
} files;

static int open_file(const char *name, uint32_t mode) {
  uint32_t n = 0;
  while (name[n]) n++;
  uint32_t request[3] = {(uint32_t)(uintptr_t)name, mode, n};
  return semihost(SYS_OPEN, request);
}

void board_open(void) {
  files.input = open_file("input.bin", MODE_READ);
  files.output = open_file("output.bin", MODE_WRITE);
  if (files.input < 0 || files.output < 0) board_exit(EXIT_FILES);
}

/* Both requests answer with the number of bytes that were not moved. */
void board_read(void *to, size_t bytes) {
  uint32_t request[3] = {(uint32_t)files.input, (uint32_t)(uintptr_t)to, (uint32_t)bytes};
  if (semihost(SYS_READ, request) != 0) board_exit(EXIT_INPUT);
}

void board_write(const void *from, size_t bytes) {
  uint32_t request[3] = {(uint32_t)files.output, (uint32_t)(uintptr_t)from, (uint32_t)bytes};
  if (semihost(SYS_WRITE, request) != 0) board_exit(EXIT_FILES);
}

void board_say(const char *text) { semihost(SYS_WRITE0, text); }

void board_rewind(void) {}
void board_mark(int index) { (void)index; }
void board_flush(void) {}
uint64_t board_clock(void) { return 0; }

void board_exit(int status) {
  uint32_t request[2] = {APPLICATION_EXIT, (uint32_t)status};
  uint32_t handle = (uint32_t)files.output;
  semihost(SYS_CLOSE, &handle);
  semihost(SYS_EXIT_EXTENDED, request);
  for (;;) {}
}
