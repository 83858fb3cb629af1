/* test_diag.c - messages as the user sees them: place, source line, caret, exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ir/ir.h"
#include "tests/unit/unit.h"

/* What error_at(loc, "oops") writes, which the caller compares; checks the exit status. */
static const char *message(Arena *a, Loc loc) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    error_at(loc, "oops %d", 1);
  }
  close(ends[1]);
  char text[1024];
  size_t n = 0;
  ssize_t got;
  while ((got = read(ends[0], text + n, sizeof text - n)) > 0) n += (size_t)got;
  close(ends[0]);
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  return arena_strndup(a, text, n);
}

static Loc place(Arena *a, const char *text, int line, int col) {
  return (Loc){.src = new_source(a, "p.yaml", text, strlen(text)), .line = line, .col = col};
}

static void shows_the_place(void **state) {
  (void)state;
  Arena *a = new_arena();
  const char *text = "one\n  two: x\r\n\tthree\n\nlast";
  assert_string_equal(message(a, (Loc){0}), "qcc: error: oops 1\n");
  assert_string_equal(message(a, place(a, text, 0, 0)), "p.yaml: error: oops 1\n");
  assert_string_equal(message(a, place(a, text, 2, 0)), "p.yaml:2: error: oops 1\n");
  assert_string_equal(message(a, place(a, text, 2, 8)),
                      "p.yaml:2:8: error: oops 1\n    two: x\n         ^\n");
  assert_string_equal(message(a, place(a, text, 3, 2)),
                      "p.yaml:3:2: error: oops 1\n  \tthree\n  \t^\n");
  assert_string_equal(message(a, place(a, text, 4, 1)), "p.yaml:4:1: error: oops 1\n  \n  ^\n");
  assert_string_equal(message(a, place(a, text, 5, 99)),
                      "p.yaml:5:99: error: oops 1\n  last\n      ^\n");
  assert_string_equal(message(a, place(a, text, 9, 1)), "p.yaml:9:1: error: oops 1\n");
  Loc model = {.src = new_source(a, "m.onnx", NULL, 0), .what = "node 'a' (Conv)"};
  assert_string_equal(message(a, model), "m.onnx: node 'a' (Conv): error: oops 1\n");
  free_arena(a);
}

static void aligns_other_alphabets(void **state) {
  (void)state;
  Arena *a = new_arena();
  assert_string_equal(message(a, place(a, "\xc3\xa9\xc3\xa9 x", 1, 6)),
                      "p.yaml:1:6: error: oops 1\n  \xc3\xa9\xc3\xa9 x\n     ^\n");
  assert_string_equal(message(a, place(a, "\x1b[2J x", 1, 6)),
                      "p.yaml:1:6: error: oops 1\n  ?[2J x\n       ^\n");
  free_arena(a);
}

static void shortens_long_lines(void **state) {
  (void)state;
  Arena *a = new_arena();
  char text[1001];
  memset(text, '.', 1000);
  text[1000] = '\0';
  text[500] = '#';
  char shown[97], pad[65];
  memset(shown, '.', 96);
  memset(pad, ' ', 64);
  shown[96] = pad[64] = '\0';
  shown[64] = '#';
  const char *expected =
      arena_printf(a, "p.yaml:1:501: error: oops 1\n  ...%s...\n     %s^\n", shown, pad);
  assert_string_equal(message(a, place(a, text, 1, 501)), expected);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shows_the_place),
      cmocka_unit_test(aligns_other_alphabets),
      cmocka_unit_test(shortens_long_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
