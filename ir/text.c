/* text.c - questions about names and paths. */
#include <string.h>

#include "ir/ir.h"

bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}

const char *stem_of(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  return dot && dot > name ? arena_strndup(a, name, (size_t)(dot - name)) : name;
}
