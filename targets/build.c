/* build.c - compiles generated C for a target and links test images.
 *
 * An image is built in a folder of its own, into which the board's embedded files are written
 * first:
 *
 *     <dir>/run-<target>/   harness.c board.h machine.h ... harness_config.h   model.o   image.elf
 *
 * Compilers run in the folder of the C file, so that the assembler finds the weights of .incbin. */
#include "targets/build.h"

#include "ir/embed.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPILE_SECONDS = 600 };

/* ---- files */

void write_file(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  if (!f) error("cannot write '%s': %s", path, strerror(errno));
  bool written = n == 0 || fwrite(bytes, 1, n, f) == n;
  if (fclose(f) != 0 || !written) error("cannot write '%s': %s", path, strerror(errno));
}

void write_embedded(Arena *a, const char *embedded, const char *dir, const char *name) {
  const EmbeddedFile *file = find_embedded(embedded);
  if (!file) bug("no embedded file '%s'", embedded);
  write_file(arena_printf(a, "%s/%s", dir, name), file->begin, (size_t)(file->end - file->begin));
}

static void make_dir(const char *path) {
  if (mkdir(path, 0777) != 0 && errno != EEXIST)
    error("cannot make the folder '%s': %s", path, strerror(errno));
}

const char *absolute_path(Arena *a, const char *path) {
  char here[MAX_PATH];
  if (path[0] == '/') return path;
  if (!getcwd(here, sizeof here)) error("cannot find the current folder: %s", strerror(errno));
  return arena_printf(a, "%s/%s", here, path);
}

static const char *dir_of(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? arena_strndup(a, path, slash == path ? 1 : (size_t)(slash - path)) : ".";
}

/* Name of embedded file i below `prefix` without further folders; NULL when it is not there. */
static const char *name_below(int i, const char *prefix) {
  const char *path = embedded_files[i].path;
  size_t n = strlen(prefix);
  if (strncmp(path, prefix, n) != 0 || strchr(path + n, '/')) return NULL;
  return path + n;
}

/* Writes all embedded files of one folder; those that end in .c are appended to `sources`. */
static void write_folder(Arena *a, const char *prefix, const char *dir, Command *sources) {
  for (int i = 0; i < n_embedded_files; i++) {
    const char *name = name_below(i, prefix);
    if (!name) continue;
    write_embedded(a, embedded_files[i].path, dir, name);
    if (sources && ends_with(name, ".c")) add_arg(sources, name);
  }
}

/* ---- compilers */

static const Compiler *compiler_at(const Target *t, int which) {
  if (which < 0 || which >= t->n_compiler)
    error("target '%s' has %d compiler%s, not a number %d", t->name, t->n_compiler,
          t->n_compiler == 1 ? "" : "s", which);
  return &t->compiler[which];
}

const char *missing_compiler(const Target *t, int which) {
  char path[MAX_PATH];
  const Compiler *c = compiler_at(t, which);
  if (!find_compiler(c->program, path) || !find_compiler(c->linker, path)) return c->package;
  for (int i = 0; i < c->n_need; i++)
    if (access(c->need[i], R_OK) != 0) return c->package;
  return NULL;
}

static const char *installed(Arena *a, const Target *t, int which, const char *program) {
  char path[MAX_PATH];
  const char *package = missing_compiler(t, which);
  if (package)
    error("compiler '%s' for target '%s' is not installed: apt-get install %s",
          compiler_at(t, which)->program, t->name, package);
  if (!find_compiler(program, path)) bug("program '%s' disappeared", program);
  return arena_strdup(a, path);
}

/* Headers for a target without a C library, written beside the object; NULL when it has one. */
static const char *own_headers(Arena *a, const Target *t, const char *dir) {
  if (!t->board) return NULL;
  const char *prefix = arena_printf(a, "targets/boards/%s/include/", t->board);
  for (int i = 0; i < n_embedded_files; i++) {
    if (!name_below(i, prefix)) continue;
    const char *headers = arena_printf(a, "%s/%s-include", dir, t->board);
    make_dir(headers);
    write_folder(a, prefix, headers, NULL);
    return headers;
  }
  return NULL;
}

bool compile_object(Arena *a, const Target *t, int which, const char *opt, const char *const *extra,
                    const char *c_file, const char *o_file, char **log) {
  const Compiler *c = compiler_at(t, which);
  c_file = absolute_path(a, c_file);
  o_file = absolute_path(a, o_file);
  const char *dir = dir_of(a, c_file), *headers = own_headers(a, t, dir_of(a, o_file));
  Command cmd = {0};
  add_arg(&cmd, installed(a, t, which, c->program));
  add_args(&cmd, c->n_flag, c->flag);
  add_arg(&cmd, "-std=c99");
  add_arg(&cmd, opt);
  add_arg(&cmd, "-ffunction-sections");
  add_arg(&cmd, "-fdata-sections");
  add_arg(&cmd, "-fstack-usage");
  for (; extra && *extra; extra++) add_arg(&cmd, *extra);
  if (headers) {
    add_arg(&cmd, "-isystem");
    add_arg(&cmd, headers);
  }
  add_arg(&cmd, "-c");
  add_arg(&cmd, c_file);
  add_arg(&cmd, "-o");
  add_arg(&cmd, o_file);
  Outcome o = run_process(a, &cmd, dir, COMPILE_SECONDS, NULL, NULL);
  if (log) *log = arena_strdup(a, o.stalled ? "the compiler did not finish" : o.log);
  return o.status == 0;
}

/* ---- the image */

static const char *upper_case(Arena *a, const char *s) {
  char *up = arena_strdup(a, s);
  for (char *p = up; *p; p++) *p = (char)toupper((unsigned char)*p);
  return up;
}

/* "{OFFSET, BYTES, ARENA}," for each input or output. */
static const char *list_spans(Arena *a, const HarnessIo *io, const char *up, const char *kind,
                              int n) {
  const char *text = "";
  for (int i = 0; i < n; i++) {
    const char *name = arena_printf(a, "%s_%s_%d", up, kind, i);
    const char *arena = io->n_arena > 1 ? arena_printf(a, "%s_ARENA", name) : "0";
    text = arena_printf(a, "%s {%s_OFFSET, %s_BYTES, %s},", text, name, name, arena);
  }
  return text;
}

/* What harness.c must know of the model. */
static void write_config(Arena *a, const HarnessIo *io, const RunRequest *rq, bool clock,
                         const char *dir) {
  static const char state[] = "static %s_state model_state;\n#define MODEL_RESET() %s_reset(&model_state)\n";
  static const char variant[] = "#define MODEL_VARIANT %s_variant\n";
  const char *up = upper_case(a, io->prefix), *arguments = "arena_0";
  const char *arenas = arena_printf(a, "ARENA(0, \".bss.arena\", %s_ARENA_BYTES)", up);
  for (int i = 1; i < io->n_arena; i++) {
    arenas = arena_printf(a, "%s ARENA(%d, \".bss.more\", %s_ARENA_%d_BYTES)", arenas, i, up, i);
    arguments = arena_printf(a, "%s, arena_%d", arguments, i);
  }
  if (io->has_state) arguments = arena_printf(a, "%s, &model_state", arguments);
  char *text = arena_printf(
      a,
      "/* harness_config.h - the model under test */\n"
      "#include \"%s.h\"\n"
      "#define MODEL_RUN() %s_run(%s)\n"
      "#define MODEL_PROFILE %s_profile\n"
      "#define MODEL_ARENAS %s\n"
      "#define N_SAMPLE %lldu\n%s%s%s"
      "#define MODEL_INPUTS%s\n#define MODEL_OUTPUTS%s\n",
      io->prefix, io->prefix, arguments, io->prefix, arenas, (long long)rq->n_sample,
      clock ? "#define MODEL_CLOCK 1\n" : "",
      io->has_state ? arena_printf(a, state, io->prefix, io->prefix) : "",
      io->has_variants ? arena_printf(a, variant, io->prefix) : "", list_spans(a, io, up, "INPUT", io->n_in),
      list_spans(a, io, up, "OUTPUT", io->n_out));
  write_file(arena_printf(a, "%s/harness_config.h", dir), text, strlen(text));
}

/* What to tell a user whose integer-only machine was given float code; NULL when that is not it. */
static const char *link_hint(const Target *t, const char *log) {
  static const char *const soft_float[] = {"__mulsf3",      "__addsf3",  "__subsf3", "__divsf3",
                                           "__floatsisf",   "__fixsfsi", "__gtsf2",  "__ltsf2",
                                           "__floatunsisf", "expf",      "__muldf3", "__adddf3"};
  if (t->has_fpu || !t->compiler[0].n_libgcc || !strstr(log, "undefined")) return NULL;
  for (size_t i = 0; i < sizeof soft_float / sizeof *soft_float; i++)
    if (strstr(log, soft_float[i]))
      return "the model computes in floating point, which this target has not: quantize all of it, "
             "or"
             " install gcc-riscv64-unknown-elf for its libgcc";
  return NULL;
}

/* "region `FLASH' overflowed by 4096 bytes", in GNU ld's words or lld's. */
static void explain_overflow(Arena *a, const Target *t, const char *log) {
  const char *by = strstr(log, "overflowed by ");
  if (!by) return;
  const char *start = by;
  while (start > log && start[-1] != '\n') start--;
  const char *region = strstr(start, "region ");
  region = region && region < by ? region + strlen("region ") : "";
  region += strspn(region, "`'\"");
  int n = (int)strcspn(region, "`'\"");
  error("the test image does not fit %s, the board that runs target '%s': region %s exceeded by "
        "%lld bytes",
        t->machine ? t->machine : "the memory", t->name, arena_strndup(a, region, (size_t)n),
        atoll(by + strlen("overflowed by ")));
}

/* The path that a compiler prints, e.g. of libgcc; NULL when it is not installed. */
static const char *printed_path(Arena *a, int n, const char *const *command) {
  char path[MAX_PATH];
  Command cmd = {0};
  if (n == 0 || !find_program(command[0], path)) return NULL;
  add_args(&cmd, n, command);
  Outcome o = run_process(a, &cmd, NULL, COMPILE_SECONDS, NULL, NULL);
  const char *file = arena_strndup(a, o.log, strcspn(o.log, "\n"));
  return o.status == 0 && access(file, R_OK) == 0 ? file : NULL;
}

static void link_image(Arena *a, const Target *t, int which, const Command *objects,
                       const Image *image) {
  const Compiler *c = compiler_at(t, which);
  Command cmd = {0};
  add_arg(&cmd, installed(a, t, which, c->linker));
  add_args(&cmd, objects->n, objects->argv);
  if (t->run == RUN_QEMU_SYSTEM) {
    add_arg(&cmd, "-L");
    add_arg(&cmd, image->dir);
    add_arg(&cmd, "-Wl,-T,link.ld");
  } else if (image->is_static) {
    add_arg(&cmd, "-static");
    add_arg(&cmd, "-no-pie");
  }
  add_args(&cmd, c->n_link, c->link);
  const char *libgcc = printed_path(a, c->n_libgcc, c->libgcc);
  if (libgcc) add_arg(&cmd, libgcc);
  add_arg(&cmd, "-o");
  add_arg(&cmd, image->path);
  Outcome o = run_process(a, &cmd, image->dir, COMPILE_SECONDS, NULL, NULL);
  if (o.status == 0) return;
  explain_overflow(a, t, o.log);
  const char *hint = link_hint(t, o.log);
  error("cannot link the test image for target '%s' with %s (packages: %s)\n%s", t->name, c->linker,
        c->package, hint ? hint : o.log);
}

/* Threads for native images, where they can be had; elsewhere parts run one after the other, and an
 * emulator counts all of them. */
static const Compiler *openmp_compiler(const Target *t, int which, const HarnessIo *io,
                                       RunKind run) {
  const Compiler *c = compiler_at(t, which);
  if (!io->has_threads || run != RUN_NATIVE) return NULL;
  for (int i = 0; i < c->n_openmp_need; i++)
    if (access(c->openmp_need[i], R_OK) != 0) return NULL;
  return c;
}

/* Compiles one source of the image. */
static const char *compile_part(Arena *a, const Target *t, const RunRequest *rq, const char *opt,
                                const char *const *extra, const char *c_file, const char *o_file) {
  char *log;
  if (!compile_object(a, t, rq->compiler, opt, extra, c_file, o_file, &log))
    error("cannot compile '%s' for target '%s' with %s\n%s", c_file, t->name,
          t->compiler[rq->compiler].program, log);
  return o_file;
}

Image build_image(Arena *a, const Target *t, const HarnessIo *io, const RunRequest *rq,
                  RunKind run) {
  const char *model_dir = absolute_path(a, rq->dir);
  const char *dir = arena_printf(a, "%s/run-%s", model_dir, t->name);
  Image image = {dir, arena_printf(a, "%s/image.elf", dir), !is_timed(run)};
  const char *up = upper_case(a, io->prefix);
  Command sources = {0}, objects = {0};
  make_dir(dir);
  add_arg(&sources, "harness.c");
  if (run == RUN_QEMU_SYSTEM) add_arg(&sources, "semihosting.c");
  write_folder(a, "targets/boards/", dir, NULL);
  write_folder(a, arena_printf(a, "targets/boards/%s/", t->board), dir, &sources);
  if (run == RUN_QEMU_SYSTEM)
    write_embedded(a, arena_printf(a, "targets/boards/%s/%s.ld", t->board, t->machine), dir,
                   "memory.ld");
  write_config(a, io, rq, rq->count && is_timed(run), dir);

  const char *section = arena_printf(a, "-D%s_WEIGHT_SECTION=\".weights\"", up);
  const char *profile = rq->count && rq->n_layer > 0 ? arena_printf(a, "-D%s_PROFILE=1", up) : NULL;
  Command model_flags = {0};
  add_arg(&model_flags, run == RUN_QEMU_SYSTEM ? section : "-DQCC_HOSTED=1");
  if (profile) add_arg(&model_flags, profile);
  const Compiler *openmp = openmp_compiler(t, rq->compiler, io, run);
  if (openmp) add_args(&model_flags, openmp->n_openmp, openmp->openmp);
  if (rq->variant >= 0) add_arg(&model_flags, arena_printf(a, "-D%s_VARIANT=%d", up, rq->variant));
  add_arg(&objects, compile_part(a, t, rq, rq->opt, model_flags.argv,
                                 arena_printf(a, "%s/%s.c", model_dir, io->prefix),
                                 arena_printf(a, "%s/model.o", dir)));
  const char *part_flags[] = {arena_printf(a, "-I%s", model_dir), NULL};
  for (int i = 0; i < sources.n; i++)
    add_arg(&objects, compile_part(a, t, rq, "-Os", part_flags,
                                   arena_printf(a, "%s/%s", dir, sources.argv[i]),
                                   arena_printf(a, "%s/%s.o", dir, sources.argv[i])));
  if (openmp) add_args(&objects, openmp->n_openmp, openmp->openmp);
  link_image(a, t, rq->compiler, &objects, &image);
  return image;
}

const char *build_plugin(Arena *a, const char *dir) {
  static const char *const compilers[] = {"cc", "gcc", "clang-19"};
  char path[MAX_PATH];
  size_t i = 0;
  while (i < sizeof compilers / sizeof *compilers && !find_compiler(compilers[i], path)) i++;
  if (i == sizeof compilers / sizeof *compilers)
    error(
        "counting instructions needs a C compiler for this machine: apt-get install gcc libc6-dev");
  write_embedded(a, "targets/boards/icount.c", dir, "icount.c");
  Command cmd = {0};
  static const char *const flags[] = {
      "-std=c11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", "icount.so", "icount.c"};
  add_arg(&cmd, path);
  add_args(&cmd, sizeof flags / sizeof *flags, flags);
  Outcome o = run_process(a, &cmd, dir, COMPILE_SECONDS, NULL, NULL);
  if (o.status != 0) error("cannot build the instruction counter with %s\n%s", path, o.log);
  return arena_printf(a, "%s/icount.so", dir);
}
