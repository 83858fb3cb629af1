/* elf.h - sections and symbols of a little-endian ELF file (32 or 64 bits, object or linked
 * image). Enough to measure what a compiler made and to find the addresses of functions; needs
 * no binutils. */
#ifndef QCC_ELF_H
#define QCC_ELF_H

#include "ir/ir.h"

enum { ELF_NOBITS = 8, ELF_WRITE = 1, ELF_ALLOC = 2, ELF_EXEC = 4, ELF_COMMON = 0xfff2 };

typedef struct ElfSection {
  const char *name;
  uint32_t type;          /* ELF_NOBITS: takes memory but no file */
  uint64_t flags;         /* ELF_WRITE, ELF_ALLOC, ELF_EXEC */
  uint64_t offset, bytes; /* in the file */
  uint32_t link;          /* of a symbol table: index of its strings */
  uint32_t info;          /* of relocations: index of the section that they are for */
} ElfSection;

typedef struct ElfSymbol {
  const char *name;
  uint64_t value, bytes; /* objects: offset in the section; images: address */
  int section;           /* index; ELF_COMMON and other reserved numbers are kept */
  int type;              /* 1: object, 2: function */
  bool is_global;
} ElfSymbol;

/* Something in section `from` refers to something in section `to`. */
typedef struct ElfReference { int from, to; } ElfReference;

typedef struct Elf {
  int bits, machine; /* 32 or 64; 40 is Arm, 62 x86-64, 183 AArch64, 243 RISC-V */
  int n_section, n_symbol;
  ElfSection *section; /* [n_section] */
  ElfSymbol *symbol;   /* [n_symbol] */
  int n_reference;
  ElfReference *reference; /* [n_reference] of an object: its relocations to symbols defined in it */
} Elf;

/* False when the bytes are no such file or refer beyond their end. Names point into `bytes`. */
bool read_elf(Arena *a, const uint8_t *bytes, size_t n, Elf *elf);
/* Address of a symbol of an image, without Arm's Thumb bit; false when there is none. */
bool find_address(const Elf *elf, const char *name, uint64_t *address);

#endif
