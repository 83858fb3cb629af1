/* paste.c - headers of runtime/ in the output: each once, its kernels named after the variant that they are for. */
#include <ctype.h>
#include <string.h>

#include "codegen/code.h"
#include "ir/embed.h"

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

void write_tagged(FILE *f, const char *tag, const char *text, size_t n) {
  const char *from = text, *end = text + n;
  for (const char *p = text; *tag && p + 4 <= end; p++) {
    bool upper = strncmp(p, "QCC_", 4) == 0;
    if ((!upper && strncmp(p, "qcc_", 4) != 0) || (p > text && is_word(p[-1]))) continue;
    fwrite(from, 1, (size_t)(p + 4 - from), f);
    for (const char *t = tag; *t; t++) fputc(upper ? toupper((unsigned char)*t) : *t, f);
    fputc('_', f);
    from = p + 4;
  }
  fwrite(from, 1, (size_t)(end - from), f);
}

bool done_before(Paste *p, const char *name) {
  for (int i = 0; i < p->n; i++)
    if (strcmp(p->done[i], name) == 0) return true;
  p->done = arena_grow(p->a, p->done, p->n, sizeof *p->done);
  p->done[p->n++] = name;
  return false;
}

static void paste_line(Paste *p, const char *line) {
  bool system = strncmp(line, "#include <", 10) == 0;
  if (p->system) {
    if (system && !done_before(p, line)) fputs(line, p->f);
  } else if (strncmp(line, "#include \"", 10) != 0 && !(system && *p->tag)) {
    write_tagged(p->f, p->tag, line, strlen(line));
  }
}

void paste_header(Paste *p, const char *name) {
  if (done_before(p, name)) return;
  const EmbeddedFile *file = find_embedded(arena_printf(p->a, "runtime/%s", name));
  if (!file) bug("runtime/%s is not embedded", name);
  const char *end = (const char *)file->end;
  for (int own = 0; own < 2; own++) {
    if (own && !p->system) fprintf(p->f, "\n");
    for (const char *s = (const char *)file->begin; s < end;) {
      const char *nl = memchr(s, '\n', (size_t)(end - s)), *next = nl ? nl + 1 : end;
      const char *line = arena_strndup(p->a, s, (size_t)(next - s));
      const char *quoted = strncmp(line, "#include \"", 10) == 0 ? line + 10 : NULL;
      if (own) paste_line(p, line);
      else if (quoted) paste_header(p, arena_strndup(p->a, quoted, strcspn(quoted, "\"")));
      s = next;
    }
  }
}
