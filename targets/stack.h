/* stack.h - how much stack a compiled object takes at most. */
#ifndef QCC_STACK_H
#define QCC_STACK_H

#include "targets/elf.h"

/* Bytes below any of the object's global functions, from the frames in the text of a .su file
 * (-fstack-usage); -1 when a function calls itself through others, a frame has no fixed size, or a
 * function has none.  Calls show where each function has a section of its own
 * (-ffunction-sections); else, and under WebAssembly, it is all frames together. */
int64_t stack_bound(Arena *a, const Elf *elf, const char *frames);

#endif
