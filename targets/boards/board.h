/* board.h - what the harness asks of the machine it runs on.  On bare machines files are reached by
 * semihosting: the emulator opens them in its own current folder. */
#ifndef QCC_BOARD_H
#define QCC_BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Exit statuses with a meaning for the compiler, besides 0. */
enum { EXIT_GUARD = 90, EXIT_STACK = 91, EXIT_INPUT = 92, EXIT_FILES = 93, EXIT_FAULT = 99 };

#define CANARY 0xA5A5A5A5u /* paints the unused stack; its lowest word keeps it */

void board_open(void);                   /* input.bin and output.bin, or exit EXIT_FILES */
void board_read(void *to, size_t bytes); /* the next bytes, or exit EXIT_INPUT */
void board_rewind(void);                 /* to the first sample, where there is a clock */
void board_write(const void *from, size_t bytes);
void board_say(const char *text); /* to the log */
void board_mark(int index);       /* notes the clock; on emulators the plugin does it */
void board_flush(void);           /* writes the noted marks, outside of what is timed */
uint64_t board_clock(void);       /* nanoseconds; 0 where there is no clock */
void board_exit(int status);

#endif
