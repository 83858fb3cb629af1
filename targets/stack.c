/* stack.c - a bound of the stack: the deepest chain of calls below a global function.
 *
 * Every function is compiled to a section of its own, so that a call of another one is a relocation:
 * the references between sections are the call graph.  Whoever only takes a function's address
 * counts as a caller, which is how calls by pointers are seen; generated code has none.  Frames of the
 * C library's functions are not known.  Under WebAssembly it is the stack in linear memory, the
 * engine's own is nobody's to know. */
#include "targets/stack.h"

#include <stdlib.h>
#include <string.h>

enum { NO_FRAME = -1, UNBOUNDED = -2 };

typedef struct Function {
  const char *name;          /* as in the section's name, without what compilers add */
  size_t length;
  int64_t frame;             /* bytes, NO_FRAME or UNBOUNDED */
  int64_t depth;             /* of the deepest chain from here on; -1: there is none */
  enum { NEW, OPEN, DONE } state;
} Function;

typedef struct CallGraph {
  const Elf *elf;
  int n;
  Function *function;        /* [n] */
  int *of_section;           /* [n_section] function that a section belongs to, or -1 */
} CallGraph;

/* "foo" of ".text.foo", ".text.unlikely.foo", ".text.foo.cold", ".text.foo.constprop.0". */
static const char *function_of(const char *section, size_t *length) {
  static const char *const prefix[] = {".text.unlikely.", ".text.startup.", ".text.hot.", ".text."};
  for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++) {
    size_t n = strlen(prefix[i]);
    if (strncmp(section, prefix[i], n) != 0 || !section[n]) continue;
    *length = strcspn(section + n, ".");
    return section + n;
  }
  return NULL;
}

static bool has_name(const Function *f, const char *name, size_t length) {
  return f->length == length && strncmp(f->name, name, length) == 0;
}

static void list_functions(Arena *a, CallGraph *c) {
  const Elf *elf = c->elf;
  c->function = arena_alloc(a, elf->n_section * (int64_t)sizeof *c->function);
  c->of_section = arena_alloc(a, elf->n_section * (int64_t)sizeof *c->of_section);
  for (int i = 0; i < elf->n_section; i++) {
    const ElfSection *s = &elf->section[i];
    size_t length = 0;
    const char *name = s->flags & ELF_EXEC ? function_of(s->name, &length) : NULL;
    c->of_section[i] = -1;
    if (!name) continue;
    int k = 0;
    while (k < c->n && !has_name(&c->function[k], name, length)) k++;
    if (k == c->n) c->function[c->n++] = (Function){name, length, NO_FRAME, 0, NEW};
    c->of_section[i] = k;
  }
}

/* One line of a .su file is "file:line[:column]:function TAB bytes TAB kind".  Adds to *sum, and
 * puts the frame where it belongs. */
static void add_frame(CallGraph *c, const char *line, const char *end, int64_t *sum) {
  const char *tab = memchr(line, '\t', (size_t)(end - line)), *name = tab;
  if (!tab) return;
  while (name > line && name[-1] != ':') name--;
  char *stop;
  int64_t bytes = strtol(tab + 1, &stop, 10);
  size_t kind = (size_t)(end - stop);
  if (stop == tab + 1 || bytes < 0) return;
  if (kind == 8 && strncmp(stop, "\tdynamic", 8) == 0) bytes = UNBOUNDED;
  if (*sum == NO_FRAME) *sum = 0;
  *sum = *sum < 0 || bytes < 0 ? UNBOUNDED : *sum + bytes;
  size_t length = strcspn(name, ".\t");
  for (int k = 0; k < c->n; k++) {
    Function *f = &c->function[k];
    if (!has_name(f, name, length) || f->frame == UNBOUNDED) continue;
    if (bytes == UNBOUNDED || bytes > f->frame) f->frame = bytes;
  }
}

/* Returns the sum of the frames: no chain of calls takes more. */
static int64_t read_frames(CallGraph *c, const char *text) {
  int64_t sum = NO_FRAME;
  while (*text) {
    const char *end = strchr(text, '\n');
    if (!end) end = text + strlen(text);
    add_frame(c, text, end, &sum);
    text = *end ? end + 1 : end;
  }
  return sum;
}

static int64_t find_depth(CallGraph *c, int k) {
  Function *f = &c->function[k];
  if (f->state == DONE) return f->depth;
  if (f->state == OPEN || f->frame < 0) return -1;
  f->state = OPEN;
  int64_t deepest = 0;
  for (int i = 0; i < c->elf->n_reference && deepest >= 0; i++) {
    const ElfReference *r = &c->elf->reference[i];
    int callee = c->of_section[r->to];
    if (c->of_section[r->from] != k || callee < 0 || callee == k) continue;
    int64_t depth = find_depth(c, callee);
    deepest = depth < 0 ? -1 : depth > deepest ? depth : deepest;
  }
  f->state = DONE;
  return f->depth = deepest < 0 ? -1 : f->frame + deepest;
}

int64_t stack_bound(Arena *a, const Elf *elf, const char *frames) {
  CallGraph c = {.elf = elf};
  list_functions(a, &c);
  int64_t all = read_frames(&c, frames), bound = 0;
  if (c.n == 0) return all >= 0 ? all : -1;
  for (int i = 0; i < elf->n_symbol && bound >= 0; i++) {
    const ElfSymbol *s = &elf->symbol[i];
    bool defined = s->section > 0 && s->section < elf->n_section;
    if (!defined || !s->is_global || s->type != 2 || c.of_section[s->section] < 0) continue;
    int64_t depth = find_depth(&c, c.of_section[s->section]);
    bound = depth < 0 ? -1 : depth > bound ? depth : bound;
  }
  return bound;
}
