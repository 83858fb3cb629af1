/* wasm.c - reads what a WebAssembly object file says of its sizes: the code section, the data
 * segments, and from the custom section "linking" the names of the segments and the data symbols.
 * Numbers are LEB128.  Every read is checked against the end of what is read, so that a damaged
 * file is refused.  Format: WebAssembly core specification, "Binary Format", and the tool
 * conventions' "Linking". */
#include "targets/wasm.h"

#include <string.h>

enum { CUSTOM = 0, CODE = 10, DATA = 11 };                   /* sections */
enum { SEGMENT_INFO = 5, SYMBOL_TABLE = 8 };                 /* parts of "linking" */
enum { SYMBOL_DATA = 1, UNDEFINED = 0x10, NAMED = 0x40 };    /* kind and flags of symbols */
enum { SEGMENT_PASSIVE = 1, SEGMENT_MEMORY = 2 };            /* flags of data segments */
enum { END = 0x0b, LINKING_VERSION = 2 };

/* Bytes still to be read; `bad` once something reached behind their end. */
typedef struct Reader {
  const uint8_t *p, *end;
  bool bad;
} Reader;

static uint8_t get_byte(Reader *r) {
  if (r->p == r->end) {
    r->bad = true;
    return 0;
  }
  return *r->p++;
}

static uint32_t get_u32(Reader *r) {
  uint32_t v = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    uint8_t b = get_byte(r);
    v |= (uint32_t)(b & 0x7f) << shift;
    if (!(b & 0x80)) return v;
  }
  r->bad = true;
  return 0;
}

/* The next `n` bytes as a reader of their own. */
static Reader get_part(Reader *r, uint32_t n) {
  if (n > (size_t)(r->end - r->p)) {
    r->bad = true;
    n = 0;
  }
  Reader part = {r->p, r->p + n, r->bad};
  r->p += n;
  return part;
}

static const char *get_name(Arena *a, Reader *r) {
  Reader s = get_part(r, get_u32(r));
  return arena_strndup(a, (const char *)s.p, (size_t)(s.end - s.p));
}

/* A count of things that take at least one byte each. */
static uint32_t get_count(Reader *r) {
  uint32_t n = get_u32(r);
  if (n > (size_t)(r->end - r->p)) {
    r->bad = true;
    return 0;
  }
  return n;
}

static ElfSection *add_section(Arena *a, Elf *elf, const char *name, uint64_t flags,
                               uint64_t bytes) {
  elf->section = arena_grow(a, elf->section, elf->n_section, sizeof *elf->section);
  ElfSection *s = &elf->section[elf->n_section++];
  *s = (ElfSection){.name = name, .flags = flags, .bytes = bytes};
  return s;
}

static void read_data(Arena *a, Reader *r, Elf *elf) {
  uint32_t n = get_count(r);
  for (uint32_t i = 0; i < n && !r->bad; i++) {
    uint32_t flags = get_u32(r);
    if (flags & SEGMENT_MEMORY) get_u32(r);
    if (!(flags & SEGMENT_PASSIVE))
      while (get_byte(r) != END && !r->bad) get_u32(r); /* i32.const and its number */
    uint32_t bytes = get_u32(r);
    get_part(r, bytes);
    add_section(a, elf, "", ELF_ALLOC, bytes);
  }
}

/* Names say what segments are: zeros are written out in object files only. */
static void name_segment(ElfSection *s, const char *name) {
  bool bss = strncmp(name, ".bss", 4) == 0;
  s->name = name;
  if (bss) s->type = ELF_NOBITS;
  if (bss || strncmp(name, ".data", 5) == 0) s->flags |= ELF_WRITE;
}

static void read_segment_names(Arena *a, Reader *r, int first, Elf *elf) {
  uint32_t n = get_count(r);
  for (uint32_t i = 0; i < n && !r->bad; i++) {
    const char *name = get_name(a, r);
    get_u32(r); /* alignment */
    get_u32(r); /* flags */
    if (first + (int)i < elf->n_section) name_segment(&elf->section[first + (int)i], name);
    else r->bad = true;
  }
}

static void read_data_symbol(Arena *a, Reader *r, uint32_t flags, int first, Elf *elf) {
  ElfSymbol s = {.name = get_name(a, r), .type = 1};
  if (flags & UNDEFINED) return;
  uint32_t segment = get_u32(r);
  s.value = get_u32(r);
  get_u32(r); /* its size modulo 2^16 (clang 19); it reaches to the next symbol or the end */
  if (r->bad || segment >= (uint32_t)(elf->n_section - first)) {
    r->bad = true;
    return;
  }
  s.section = first + (int)segment;
  elf->symbol = arena_grow(a, elf->symbol, elf->n_symbol, sizeof *elf->symbol);
  elf->symbol[elf->n_symbol++] = s;
}

static void read_symbols(Arena *a, Reader *r, int first, Elf *elf) {
  uint32_t n = get_count(r);
  for (uint32_t i = 0; i < n && !r->bad; i++) {
    uint8_t kind = get_byte(r);
    uint32_t flags = get_u32(r);
    if (kind == SYMBOL_DATA) {
      read_data_symbol(a, r, flags, first, elf);
      continue;
    }
    get_u32(r); /* index of a function, global, section ... */
    if (kind != 3 && (!(flags & UNDEFINED) || (flags & NAMED))) get_name(a, r);
  }
}

/* `first` is the section of data segment 0. */
static void read_linking(Arena *a, Reader *r, int first, Elf *elf) {
  if (get_u32(r) != LINKING_VERSION) r->bad = true;
  while (r->p < r->end && !r->bad) {
    uint8_t kind = get_byte(r);
    Reader part = get_part(r, get_u32(r));
    if (kind == SEGMENT_INFO) read_segment_names(a, &part, first, elf);
    if (kind == SYMBOL_TABLE) read_symbols(a, &part, first, elf);
    if (part.bad) r->bad = true;
  }
}

bool read_wasm(Arena *a, const uint8_t *bytes, size_t n, Elf *elf) {
  static const uint8_t magic[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  *elf = (Elf){.bits = 32};
  if (n < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0) return false;
  Reader file = {bytes + sizeof magic, bytes + n, false};
  int first = 1;
  add_section(a, elf, "", 0, 0);
  while (file.p < file.end && !file.bad) {
    uint8_t id = get_byte(&file);
    Reader part = get_part(&file, get_u32(&file));
    if (id == CODE)
      add_section(a, elf, ".text", ELF_ALLOC | ELF_EXEC, (uint64_t)(part.end - part.p));
    if (id == DATA) {
      first = elf->n_section;
      read_data(a, &part, elf);
    }
    if (id == CUSTOM && strcmp(get_name(a, &part), "linking") == 0)
      read_linking(a, &part, first, elf);
    if (part.bad) return false;
  }
  return !file.bad;
}
