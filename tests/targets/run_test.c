/* run_test.c - builds the tiny model for one target, runs it and checks what came out:
 *
 *     run_test TARGET COMPILER FOLDER [MACRO]
 *
 * FOLDER has tiny.c, tiny.h and tiny_one.bin; COMPILER is 0 or 1; MACRO is defined in tiny.c, to
 * see what is said when the model goes wrong.  Status 0: right; 1: wrong; 77: skipped, because a
 * compiler or emulator is not installed. */
#include "targets/process.h"
#include "targets/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_SAMPLE = 5, BYTES = 16, SKIPPED = 77 };

static char dir[] = "/tmp/qcc-run-test-XXXXXX";

static void remove_dir(void) {
  Arena *a = new_arena();
  Command c = {.argv = {"rm", "-rf", dir}, .n = 3};
  run_process(a, &c, NULL, 60, NULL, NULL);
  free_arena(a);
}

static int8_t expected(int8_t x) {
  int v = 2 * x + 1;
  return (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
}

/* The first line of the copy of a .c file may define a macro. */
static void copy_file(Arena *a, const char *from, const char *name, const char *macro) {
  size_t n;
  const char *text = read_file(a, arena_printf(a, "%s/%s", from, name), &n);
  FILE *f = fopen(arena_printf(a, "%s/%s", dir, name), "wb");
  if (f && macro) fprintf(f, "#define %s 1\n", macro);
  if (!f || fwrite(text, 1, n, f) != n || fclose(f) != 0) error("cannot copy '%s'", name);
}

static void check(bool right, const char *what) {
  if (right) return;
  fprintf(stderr, "wrong: %s\n", what);
  exit(1);
}

static void check_output(const int8_t *x, const int8_t *y) {
  for (int i = 0; i < N_SAMPLE * BYTES; i++) check(y[i] == expected(x[i]), "an output code");
}

static void check_counts(const RunResult *r, const RunResult *again) {
  check(r->counted && r->total > 0 && r->n_mark == 2, "the figures are there");
  if (r->is_time) return;
  uint64_t layers = r->mark[0] + r->mark[1];
  check(r->total == again->total && r->mark[0] == again->mark[0] && r->mark[1] == again->mark[1],
        "instruction counts repeat");
  /* What is between the marks and the ends: the copy of the inputs at the start of tiny_run. */
  check(layers < r->total && r->total - layers < 400, "layers sum to the total");
  check(r->mark[0] > 0 && r->mark[1] > 0, "layers cost something");
}

static void check_size(Arena *a, const Target *t, int compiler) {
  const char *o_file = arena_printf(a, "%s/size.o", dir);
  const char *const weights[] = {"tiny_weights", "tiny_one", NULL};
  char *log;
  ObjectSize size;
  check(
      compile_object(a, t, compiler, "-Os", NULL, arena_printf(a, "%s/tiny.c", dir), o_file, &log),
      log);
  check(read_object_size(a, o_file, &(SizeSymbols){.weights = weights}, &size), "the object can be read");
  /* Compilers may fold the constant array away, never what the assembler made. */
  check(size.code > 20 && size.code < 4000, "bytes of code");
  check(size.weights == 1 || size.weights == 17, "bytes of weights");
  check(size.stack >= 0 && size.stack < 1000, "the stack bound");
}

static RunResult run(Arena *a, const Target *t, int compiler, bool count, bool emulate) {
  int8_t x[N_SAMPLE * BYTES], y[N_SAMPLE * BYTES] = {0};
  for (int i = 0; i < N_SAMPLE * BYTES; i++) x[i] = (int8_t)(i * 37 - 90);
  HarnessIo io = {.prefix = "tiny",
                  .n_in = 1,
                  .n_out = 1,
                  .in_bytes = {BYTES},
                  .out_bytes = {BYTES},
                  .arena_bytes = 48};
  RunRequest rq = {.dir = dir,
                   .opt = "-Os",
                   .compiler = compiler,
                   .variant = -1,
                   .n_sample = N_SAMPLE,
                   .input = x,
                   .output = y,
                   .count = count,
                   .n_layer = count ? 2 : 0,
                   .emulate = emulate};
  RunResult r;
  run_on_target(a, t, &io, &rq, &r);
  check_output(x, y);
  return r;
}

static void test_run(Arena *a, const Target *t, int compiler) {
  RunResult plain = run(a, t, compiler, false, false);
  check(!plain.counted, "nothing is counted unasked");
  RunResult counted = run(a, t, compiler, true, false), again = run(a, t, compiler, true, false);
  check_counts(&counted, &again);
  if (chosen_run(t, true) != chosen_run(t, false)) {
    RunResult emulated = run(a, t, compiler, true, true);
    again = run(a, t, compiler, true, true);
    check(!emulated.is_time, "an emulator counts");
    check_counts(&emulated, &again);
  }
  if (t->run == RUN_QEMU_SYSTEM)
    check(plain.stack_bytes >= 0 && plain.stack_bytes < 1000, "the stack was measured");
  printf("total %llu, layers %llu and %llu, stack %lld\n", (unsigned long long)counted.total,
         (unsigned long long)counted.mark[0], (unsigned long long)counted.mark[1],
         (long long)counted.stack_bytes);
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 5) return 2;
  const char *macro = argc == 5 ? argv[4] : NULL;
  Arena *a = new_arena();
  Target *t = load_target(a, argv[1]);
  int compiler = atoi(argv[2]);
  const char *package = missing_compiler(t, compiler);
  check(mkdtemp(dir) != NULL, "a temporary folder");
  atexit(remove_dir);
  copy_file(a, argv[3], "tiny.c", macro);
  copy_file(a, argv[3], "tiny.h", NULL);
  copy_file(a, argv[3], "tiny_one.bin", NULL);
  if (!package && !macro) check_size(a, t, compiler);
  const char *why =
      package ? arena_printf(a, "no compiler, packages %s", package) : why_not_run(a, t);
  if (why) printf("skipped: %s\n", why);
  else test_run(a, t, compiler);
  free_arena(a);
  return why ? SKIPPED : 0;
}
