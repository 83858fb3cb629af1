/* elf.c - reads the section and symbol tables of ELF files.  Every offset comes from the file
 * and is checked against its length before it is used, and every name must end inside its string
 * table, so a damaged file is refused and never read beyond. Layout: System V ABI, "Object
 * Files". */
#include "targets/elf.h"

#include <string.h>

enum { SHT_SYMTAB = 2, SHT_RELA = 4, SHT_REL = 9, EM_ARM = 40, MAX_SYMBOLS = 1 << 24 };

/* Where each field is in the two classes. */
typedef struct ElfLayout {
  int bits;
  int header_bytes, shoff, shentsize, shnum, shstrndx;
  int section_bytes, sh_flags, sh_offset, sh_size, sh_link;
  int symbol_bytes, st_value, st_size, st_info, st_shndx;
} ElfLayout;

/* clang-format off */
static const ElfLayout layout32 = {
    .bits = 32, .header_bytes = 52, .shoff = 32, .shentsize = 46, .shnum = 48, .shstrndx = 50,
    .section_bytes = 40, .sh_flags = 8, .sh_offset = 16, .sh_size = 20, .sh_link = 24,
    .symbol_bytes = 16, .st_value = 4, .st_size = 8, .st_info = 12, .st_shndx = 14,
};
static const ElfLayout layout64 = {
    .bits = 64, .header_bytes = 64, .shoff = 40, .shentsize = 58, .shnum = 60, .shstrndx = 62,
    .section_bytes = 64, .sh_flags = 8, .sh_offset = 24, .sh_size = 32, .sh_link = 40,
    .symbol_bytes = 24, .st_value = 8, .st_size = 16, .st_info = 4, .st_shndx = 6,
};
/* clang-format on */

static uint64_t get_le(const uint8_t *p, int bytes) {
  uint64_t v = 0;
  for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static uint32_t get16(const uint8_t *p) { return (uint32_t)get_le(p, 2); }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get_le(p, 4); }
static uint64_t get_word(const ElfLayout *l, const uint8_t *p) { return get_le(p, l->bits / 8); }

static bool inside(uint64_t offset, uint64_t bytes, uint64_t n) {
  return offset <= n && bytes <= n - offset;
}

/* The NUL-terminated string at `at` of a string table; NULL when it is not inside. */
static const char *string_at(const uint8_t *file, const ElfSection *table, uint64_t at) {
  if (table->type == ELF_NOBITS || at >= table->bytes) return NULL;
  const char *s = (const char *)file + table->offset + at;
  return memchr(s, 0, table->bytes - at) ? s : NULL;
}

static bool read_sections(Arena *a, const ElfLayout *l, const uint8_t *file, size_t n, Elf *elf) {
  uint64_t at = get_word(l, file + l->shoff);
  uint32_t count = get16(file + l->shnum), names = get16(file + l->shstrndx);
  if (get16(file + l->shentsize) != (uint32_t)l->section_bytes || names >= count) return false;
  if (!inside(at, (uint64_t)count * (uint64_t)l->section_bytes, n)) return false;
  elf->n_section = (int)count;
  elf->section = arena_alloc(a, count * (int64_t)sizeof(ElfSection));
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *p = file + at + i * (uint64_t)l->section_bytes;
    ElfSection *s = &elf->section[i];
    s->type = get32(p + 4);
    s->flags = get_word(l, p + l->sh_flags);
    s->offset = get_word(l, p + l->sh_offset);
    s->bytes = get_word(l, p + l->sh_size);
    s->link = get32(p + l->sh_link);
    s->info = get32(p + l->sh_link + 4);
    if (s->type != ELF_NOBITS && !inside(s->offset, s->bytes, n)) return false;
    if (s->bytes > INT64_MAX / 65536) return false;
  }
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *p = file + at + i * (uint64_t)l->section_bytes;
    elf->section[i].name = string_at(file, &elf->section[names], get32(p));
    if (!elf->section[i].name) return false;
  }
  return true;
}

static bool read_symbols(Arena *a, const ElfLayout *l, const uint8_t *file, const ElfSection *table,
                         Elf *elf) {
  uint64_t count = table->bytes / (uint64_t)l->symbol_bytes;
  if (count > MAX_SYMBOLS || table->link >= (uint32_t)elf->n_section) return false;
  elf->symbol = arena_alloc(a, (int64_t)count * (int64_t)sizeof(ElfSymbol));
  elf->n_symbol = (int)count;
  for (uint64_t i = 0; i < count; i++) {
    const uint8_t *p = file + table->offset + i * (uint64_t)l->symbol_bytes;
    ElfSymbol *s = &elf->symbol[i];
    s->name = string_at(file, &elf->section[table->link], get32(p));
    s->value = get_word(l, p + l->st_value);
    s->bytes = get_word(l, p + l->st_size);
    s->type = p[l->st_info] & 15;
    s->is_global = p[l->st_info] >> 4 == 1;
    s->section = (int)get16(p + l->st_shndx);
    if (!s->name || s->bytes > INT64_MAX / 65536) return false;
  }
  return true;
}

/* An entry is an offset, symbol and kind in one word, and with RELA a number to add. */
static void read_relocations(Arena *a, const uint8_t *file, const ElfSection *s, Elf *elf) {
  int word = elf->bits / 8;
  uint64_t entry = (uint64_t)word * (s->type == SHT_RELA ? 3 : 2);
  if (s->info == 0 || s->info >= (uint32_t)elf->n_section) return;
  for (uint64_t at = 0; at + entry <= s->bytes; at += entry) {
    uint64_t info = get_le(file + s->offset + at + word, word);
    uint64_t symbol = elf->bits == 32 ? info >> 8 : info >> 32;
    if (symbol == 0 || symbol >= (uint64_t)elf->n_symbol) continue;
    int to = elf->symbol[symbol].section;
    if (to <= 0 || to >= elf->n_section) continue;
    elf->reference = arena_grow(a, elf->reference, elf->n_reference, sizeof *elf->reference);
    elf->reference[elf->n_reference++] = (ElfReference){(int)s->info, to};
  }
}

bool read_elf(Arena *a, const uint8_t *bytes, size_t n, Elf *elf) {
  static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
  *elf = (Elf){0};
  if (n < 16 || memcmp(bytes, magic, sizeof magic) != 0) return false;
  if ((bytes[4] != 1 && bytes[4] != 2) || bytes[5] != 1) return false;
  const ElfLayout *l = bytes[4] == 1 ? &layout32 : &layout64;
  if (n < (size_t)l->header_bytes) return false;
  elf->bits = l->bits;
  elf->machine = (int)get16(bytes + 18);
  if (!read_sections(a, l, bytes, n, elf)) return false;
  int table = 0;
  while (table < elf->n_section && elf->section[table].type != SHT_SYMTAB) table++;
  if (table == elf->n_section) return true;
  if (!read_symbols(a, l, bytes, &elf->section[table], elf)) return false;
  for (int i = 0; i < elf->n_section; i++) {
    const ElfSection *s = &elf->section[i];
    if ((s->type == SHT_REL || s->type == SHT_RELA) && s->link == (uint32_t)table)
      read_relocations(a, bytes, s, elf);
  }
  return true;
}

bool find_address(const Elf *elf, const char *name, uint64_t *address) {
  for (int i = 0; i < elf->n_symbol; i++) {
    const ElfSymbol *s = &elf->symbol[i];
    if (s->section == 0 || strcmp(s->name, name) != 0) continue;
    *address = elf->machine == EM_ARM ? s->value & ~(uint64_t)1 : s->value;
    return true;
  }
  return false;
}
