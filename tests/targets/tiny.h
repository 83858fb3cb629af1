/* tiny.h - a model written by hand in the form of generated code: y = clamp(2 x + 1) over 16
 * codes, in two layers, with weights in a section of their own and a constant pulled in by the
 * assembler. */
#ifndef TINY_H
#define TINY_H

#define TINY_ARENA_BYTES 48
#define TINY_INPUT_0_OFFSET 0
#define TINY_INPUT_0_BYTES 16
#define TINY_OUTPUT_0_OFFSET 32
#define TINY_OUTPUT_0_BYTES 16

void tiny_run(void *arena);

#ifdef TINY_PROFILE
void tiny_profile(int layer);
#endif

#endif
