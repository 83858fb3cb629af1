/* graph_text.h - graphs from text in the tests themselves. */
#ifndef QCC_GRAPH_TEXT_H
#define QCC_GRAPH_TEXT_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "tests/unit/unit.h"

static inline Graph *read_text(Arena *a, const char *text) {
  char path[] = "/tmp/graph_text_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  Graph *g = read_graph_text(a, path);
  unlink(path);
  return g;
}

#endif
