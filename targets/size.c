/* size.c - what a compiled object costs on the target: bytes of code, constants, weights and RAM
 * from its ELF sections (or what WebAssembly has of the kind), and a bound of its stack
 * (stack.c). */
#include "targets/elf.h"
#include "targets/stack.h"
#include "targets/targets.h"
#include "targets/wasm.h"

#include <stdlib.h>
#include <string.h>

static bool starts_with(const char *s, const char *start) {
  return strncmp(s, start, strlen(start)) == 0;
}

static bool is_listed(const char *name, const char *const *list) {
  for (; list && *list; list++)
    if (strcmp(*list, name) == 0) return true;
  return false;
}

/* Unwind tables and notes are allocated on hosted systems, but they are neither code nor constants.
 */
static bool is_constants(const ElfSection *s) {
  static const char *const prefix[] = {".rodata", ".srodata", ".data.rel.ro", ".sdata2",
                                       ".weights"};
  for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
    if (starts_with(s->name, prefix[i])) return true;
  return false;
}

/* Bytes of a symbol; one that the assembler made has no size and reaches to the next or to the end.
 */
static uint64_t symbol_bytes(const Elf *elf, const ElfSymbol *symbol) {
  if (symbol->bytes) return symbol->bytes;
  uint64_t end = elf->section[symbol->section].bytes;
  for (int i = 0; i < elf->n_symbol; i++) {
    const ElfSymbol *s = &elf->symbol[i];
    if (s->section == symbol->section && s->name[0] && s->name[0] != '$' &&
        s->value > symbol->value && s->value < end)
      end = s->value;
  }
  return end > symbol->value ? end - symbol->value : 0;
}

static void add_section(const ElfSection *s, ObjectSize *size) {
  int64_t bytes = (int64_t)s->bytes;
  if (!(s->flags & ELF_ALLOC)) return;
  if (s->flags & ELF_EXEC) size->code += bytes;
  else if (is_constants(s)) size->constants += bytes;
  else if (s->type == ELF_NOBITS) size->bss += bytes;
  else if (s->flags & ELF_WRITE) size->data += bytes;
}

/* Moves the symbol's bytes from the constants to the weights, the scales, or half to each. */
static void move_symbol(const Elf *elf, const ElfSymbol *s, const SizeSymbols *symbols,
                        ObjectSize *size) {
  bool weights = is_listed(s->name, symbols->weights), scales = is_listed(s->name, symbols->scales);
  if (!(weights || scales) || s->section <= 0 || s->section >= elf->n_section) return;
  const ElfSection *section = &elf->section[s->section];
  if (!(section->flags & ELF_ALLOC) || !is_constants(section)) return;
  int64_t bytes = (int64_t)symbol_bytes(elf, s);
  if (bytes > (int64_t)section->bytes) bytes = (int64_t)section->bytes;
  size->weights += !scales ? bytes : weights ? bytes / 2 : 0;
  size->scales += !weights ? bytes : scales ? bytes - bytes / 2 : 0;
  size->constants -= bytes;
}

/* The compiler leaves model.su beside model.o. */
static int64_t read_stack(Arena *a, const char *o_file, const Elf *elf) {
  size_t n = strlen(o_file), len;
  if (!ends_with(o_file, ".o")) return -1;
  const char *su = arena_printf(a, "%.*s.su", (int)(n - 2), o_file);
  FILE *f = fopen(su, "r");
  if (!f) return -1;
  fclose(f);
  return stack_bound(a, elf, read_file(a, su, &len));
}

bool read_object_size(Arena *a, const char *o_file, const SizeSymbols *symbols, ObjectSize *size) {
  size_t n;
  Elf elf;
  const char *bytes = read_file(a, o_file, &n);
  *size = (ObjectSize){.stack = -1};
  if (!read_elf(a, (const uint8_t *)bytes, n, &elf) &&
      !read_wasm(a, (const uint8_t *)bytes, n, &elf))
    return false;
  for (int i = 0; i < elf.n_section; i++) add_section(&elf.section[i], size);
  for (int i = 0; i < elf.n_symbol; i++) {
    const ElfSymbol *s = &elf.symbol[i];
    if (s->section == ELF_COMMON) size->bss += (int64_t)s->bytes;
    move_symbol(&elf, s, symbols, size);
  }
  size->stack = read_stack(a, o_file, &elf);
  return true;
}
