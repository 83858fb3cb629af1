/* text.c - questions about names and paths. */
#include <string.h>

#include "ir/ir.h"

bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}
