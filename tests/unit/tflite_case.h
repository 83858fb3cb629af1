/* tflite_case.h - tests that write TensorFlow Lite files and read them again: the one file they share, what the
 * integer pipeline makes of it, and what qcc says about a broken one. */
#ifndef QCC_TFLITE_CASE_H
#define QCC_TFLITE_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/unit/unit.h"

#include "tests/unit/tflite_draft.h"

static char path[] = "/tmp/qcc_tflite_XXXXXX";

static inline void save(const Draft *d, uint32_t n) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(d->bytes, 1, n, f), n);
  fclose(f);
}

/* False where there is no room for it. */
static inline bool begin_files(void) {
  int file = mkstemp(path);
  if (file >= 0) close(file);
  return file >= 0;
}

static inline void end_files(void) { unlink(path); }

static inline Graph *lowered(Arena *a) {
  static PlanReport report;
  Graph *g = read_tflite(a, path);
  Context cx = {.arena = a, .policy = read_policy(a, NULL), .report = &report};
  run_passes(g, &cx, NULL, LAST_COMMON_PASS);
  return g;
}

/* In a process of its own; what it writes to stderr, and its status. */
static inline int read_alone(char *text, size_t size) {
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    Arena *a = new_arena();
    lowered(a);
    free_arena(a);
    _exit(0);
  }
  close(ends[1]);
  size_t n = 0;
  ssize_t got;
  while ((got = read(ends[0], text + n, size - 1 - n)) > 0) n += (size_t)got;
  text[n] = 0;
  close(ends[0]);
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One line of error and status 1, or no line and status 0. */
static inline void check_alone(const char *what, uint32_t at) {
  char text[4096];
  int status = read_alone(text, sizeof text);
  const char *line = strchr(text, '\n');
  bool clean = status == 0 && !*text;
  bool told = status == 1 && strstr(text, "error: ") && line && !line[1];
  if (!clean && !told) fail_msg("%s %u: status %d, '%s'", what, (unsigned)at, status, text);
}

/* What is wrong with a file is said with the place. */
static inline void complains(const char *expected) {
  char text[4096];
  assert_int_equal(read_alone(text, sizeof text), 1);
  if (!strstr(text, expected)) fail_msg("expected '%s', found '%s'", expected, text);
}

/* A file of which any byte, every `step`th of them in turn, is another is read or refused. */
static inline void change_bytes(Draft *d, uint32_t from, uint32_t step) {
  for (uint32_t at = from; at < d->n; at += step) {
    uint8_t was = d->bytes[at];
    d->bytes[at] = (uint8_t)(at % 2 ? was ^ 1u << at % 8 : 0xff);
    save(d, d->n);
    check_alone("byte", at);
    d->bytes[at] = was;
  }
}

#endif
