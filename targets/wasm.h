/* wasm.h - sections and symbols of a WebAssembly object file, in the terms of ELF, so that sizes
 * are counted in one way. */
#ifndef QCC_WASM_H
#define QCC_WASM_H

#include "targets/elf.h"

/* The code section becomes ".text", each data segment a section of its own name; section 0 is
 * none, as in ELF.  Symbols are the defined data symbols.  False when the bytes are no such file or
 * are damaged.  Section bytes are sizes only: offsets are 0. */
bool read_wasm(Arena *a, const uint8_t *bytes, size_t n, Elf *elf);

#endif
