/* run.c - runs a model on its target over samples: builds the image, starts it natively or under an
 * emulator, collects the outputs, and turns the marks that were noted into figures.
 *
 * Marks come in the same form from the emulator's plugin (instructions) and from the harness
 * (clock):
 *
 *     mark 0 N   begins an inference       mark 2 N   before each layer and once after the last
 *     mark 1 N   ends it
 *
 * The harness first makes inferences of nothing, with no layer marks and with two.  The cheapest of
 * each says what the marks cost; that is subtracted, so that the layers add up to the total. */
#include "targets/build.h"
#include "targets/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { STALL_SECONDS = 180, MARK_BEGIN = 0, MARK_END = 1, MARK_LAYER = 2, N_CALIBRATION = 16 };
/* Exit statuses of the harness, as in boards/board.h. */
enum { EXIT_GUARD = 90, EXIT_STACK = 91, EXIT_INPUT = 92, EXIT_FILES = 93, EXIT_FAULT = 99 };

/* ---- where images can run */

/* Whether /proc/cpuinfo lists the feature as a whole word. */
static bool cpu_has(const char *text, const char *feature) {
  size_t n = strlen(feature);
  for (const char *p = text; (p = strstr(p, feature)); p += n)
    if (p > text && strchr(" \t:", p[-1]) && (p[n] == 0 || strchr(" \t\n", p[n]))) return true;
  return false;
}

/* A feature that this processor lacks, or NULL. */
static const char *missing_feature(const Target *t) {
  if (t->n_cpu_flag == 0) return NULL;
  Arena *a = new_arena();
  const char *missing = t->cpu_flag[0];
  if (access("/proc/cpuinfo", R_OK) == 0) {
    size_t n;
    const char *text = read_file(a, "/proc/cpuinfo", &n);
    int i = 0;
    while (i < t->n_cpu_flag && cpu_has(text, t->cpu_flag[i])) i++;
    missing = i < t->n_cpu_flag ? t->cpu_flag[i] : NULL;
  }
  free_arena(a);
  return missing;
}

static bool runs_natively(const Target *t) {
  struct utsname u;
  if (t->run != RUN_NATIVE || uname(&u) != 0) return false;
  return (!t->arch || strcmp(t->arch, u.machine) == 0) && !missing_feature(t);
}

static bool has_emulator(const Target *t) {
  char path[MAX_PATH];
  return t->emulator && find_program(t->emulator, path);
}

RunKind chosen_run(const Target *t, bool emulate) {
  if (t->run != RUN_NATIVE) return t->run;
  bool native = runs_natively(t);
  if (native && !(emulate && has_emulator(t))) return RUN_NATIVE;
  return t->emulator ? RUN_QEMU_USER : RUN_NONE;
}

bool is_timed(RunKind run) { return run == RUN_NATIVE || run == RUN_NODE; }

const char *missing_emulator(const Target *t) {
  RunKind run = chosen_run(t, false);
  if (run == RUN_NATIVE) return NULL;
  if (run == RUN_NONE) return "";
  return has_emulator(t) ? NULL : t->emulator_package;
}

const char *why_not_run(Arena *a, const Target *t) {
  if (!missing_emulator(t)) return NULL;
  if (t->run == RUN_NONE)
    return arena_printf(a, "no emulator has the core of target '%s'", t->name);
  if (t->emulator)
    return arena_printf(a, "emulator '%s' for target '%s' is not installed: apt-get install %s",
                        t->emulator, t->name, t->emulator_package);
  const char *feature = missing_feature(t);
  return arena_printf(a, "target '%s' needs a processor of kind %s%s%s", t->name, t->arch,
                      feature ? " with " : "", feature ? feature : "");
}

/* ---- starting the image */

/* Addresses in the order of the MARK_ numbers. */
static const char *plugin_option(Arena *a, const HarnessIo *io, const Image *image) {
  const char *names[] = {"bench_begin", "bench_end", arena_printf(a, "%s_profile", io->prefix)};
  size_t n;
  Elf elf;
  const char *bytes = read_file(a, image->path, &n);
  if (!read_elf(a, (const uint8_t *)bytes, n, &elf)) bug("the linked image is not an ELF file");
  build_plugin(a, image->dir);
  const char *option = "./icount.so";
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    uint64_t address;
    if (!find_address(&elf, names[i], &address)) bug("the linked image lacks '%s'", names[i]);
    option = arena_printf(a, "%s,mark=0x%llx", option, (unsigned long long)address);
  }
  return arena_printf(a, "%s,out=marks.txt", option);
}

static Command start_command(const Target *t, RunKind run, const char *plugin) {
  static const char *const system_options[] = {"-display",
                                               "none",
                                               "-monitor",
                                               "none",
                                               "-serial",
                                               "none",
                                               "-chardev",
                                               "stdio,id=log",
                                               "-semihosting-config",
                                               "enable=on,target=native,chardev=log"};
  /* All code is optimized before it runs, so that no time is measured of a first, quick version. */
  static const char *const node_options[] = {"--no-warnings", "--no-liftoff", "wasi.mjs"};
  Command c = {0};
  if (run == RUN_NATIVE) {
    add_arg(&c, "./image.elf");
    return c;
  }
  add_arg(&c, t->emulator);
  if (run == RUN_NODE) {
    add_args(&c, sizeof node_options / sizeof *node_options, node_options);
    return c;
  }
  if (run == RUN_QEMU_SYSTEM) {
    add_arg(&c, "-M");
    add_arg(&c, t->machine);
    add_args(&c, sizeof system_options / sizeof *system_options, system_options);
    if (strcmp(t->board, "rv32") == 0) {
      add_arg(&c, "-bios");
      add_arg(&c, "none");
    }
  }
  if (t->cpu) {
    add_arg(&c, "-cpu");
    add_arg(&c, t->cpu);
  }
  if (plugin) {
    add_arg(&c, "-plugin");
    add_arg(&c, plugin);
  }
  if (run == RUN_QEMU_SYSTEM) add_arg(&c, "-kernel");
  add_arg(&c, "image.elf");
  return c;
}

typedef struct Watch {
  const RunRequest *rq;
  const char *output;   /* path of the growing file */
  int64_t sample_bytes; /* of the outputs of one sample */
  int64_t shown;
} Watch;

/* Samples done so far, from the size of the output file. */
static int64_t samples_done(void *ctx) {
  Watch *w = ctx;
  struct stat s;
  if (stat(w->output, &s) != 0 || w->sample_bytes <= 0) return 0;
  int64_t done = (int64_t)s.st_size / w->sample_bytes;
  if (w->rq->progress && done != w->shown) w->rq->progress(w->rq->ctx, done);
  w->shown = done;
  return done;
}

_Noreturn static void run_failed(Arena *a, const Target *t, const Outcome *o) {
  static const struct {
    int status;
    const char *why;
  } reasons[] = {
      {EXIT_GUARD, "it wrote outside its arena"},
      {EXIT_STACK, "its stack overflowed"},
      {EXIT_INPUT, "it found fewer samples than expected"},
      {EXIT_FILES, "it could not open or write its files"},
      {EXIT_FAULT, "the processor faulted"},
  };
  const char *why = o->stalled
                        ? arena_printf(a, "it finished no sample for %d seconds", STALL_SECONDS)
                    : o->status > 128 ? arena_printf(a, "signal %d ended it", o->status - 128)
                                      : arena_printf(a, "it ended with status %d", o->status);
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (!o->stalled && o->status == reasons[i].status) why = reasons[i].why;
  const char *log = o->log;
  while (strncmp(log, "stack ", 6) == 0 || strncmp(log, "variant ", 8) == 0) {
    log += strcspn(log, "\n");
    log += strspn(log, "\n");
  }
  error("the model failed on target '%s': %s%s%s", t->name, why, log[0] ? "\n" : "", log);
}

/* ---- figures from marks */

typedef struct Marks {
  int n;
  int *index;   /* [n] */
  uint64_t *at; /* [n] instructions or nanoseconds */
} Marks;

static Marks read_marks(Arena *a, const char *path) {
  size_t len;
  const char *text = read_file(a, path, &len);
  Marks m = {0};
  int lines = 0;
  for (const char *p = text; *p; p++) lines += *p == '\n';
  m.index = arena_alloc(a, (lines + 1) * (int64_t)sizeof *m.index);
  m.at = arena_alloc(a, (lines + 1) * (int64_t)sizeof *m.at);
  for (const char *p = text; strncmp(p, "mark ", 5) == 0 && m.n < lines; m.n++) {
    char *end;
    m.index[m.n] = (int)strtol(p + 5, &end, 10);
    m.at[m.n] = strtoull(end, &end, 10);
    p = *end == '\n' ? end + 1 : end;
  }
  return m;
}

static uint64_t minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *v, int64_t n) {
  qsort(v, (size_t)n, sizeof *v, by_value);
  return v[n / 2];
}

/* End of the inference that begins at `i`: the index after its MARK_END; 0 when it is cut off. */
static int inference_end(const Marks *m, int i) {
  if (i >= m->n || m->index[i] != MARK_BEGIN) return 0;
  for (int j = i + 1; j < m->n; j++)
    if (m->index[j] == MARK_END) return j + 1;
  return 0;
}

/* Cheapest empty inference and cheapest pair of layer marks; returns the index after the
 * calibration. */
static int calibrate(const Marks *m, uint64_t *empty, uint64_t *layer) {
  int i = 0;
  *empty = *layer = UINT64_MAX;
  for (int k = 0; k < N_CALIBRATION; k++) {
    int end = inference_end(m, i);
    if (!end) return 0;
    uint64_t cost = m->at[end - 1] - m->at[i];
    if (end - i == 2 && cost < *empty) *empty = cost;
    if (end - i == 4 && m->at[i + 2] - m->at[i + 1] < *layer) *layer = m->at[i + 2] - m->at[i + 1];
    i = end;
  }
  return i;
}

/* Medians over all inferences: the total, and each layer. */
static void measure(Arena *a, const Marks *m, int n_layer, RunResult *res) {
  uint64_t empty, layer;
  int n_mark = n_layer > 0 ? n_layer + 1 : 0;
  int n_run = 0, start = calibrate(m, &empty, &layer);
  if (start == 0) error("the emulator noted no marks");
  int64_t room = (m->n - start) / (n_mark + 2) + 1;
  uint64_t *total = arena_alloc(a, room * (int64_t)sizeof *total);
  uint64_t *part = arena_alloc(a, room * (n_layer + 1) * (int64_t)sizeof *part); /* [layer][run] */
  for (int i = start, end; (end = inference_end(m, i)); i = end, n_run++) {
    if (end - i != n_mark + 2)
      error("the model passed %d layer marks, expected %d", end - i - 2, n_mark);
    total[n_run] = minus(m->at[end - 1] - m->at[i], empty + (uint64_t)n_mark * layer);
    for (int k = 0; k < n_layer; k++)
      part[k * room + n_run] = minus(m->at[i + 2 + k] - m->at[i + 1 + k], layer);
  }
  if (n_run == 0) error("no inference was measured");
  res->total = median(total, n_run);
  res->n_mark = n_layer;
  res->mark = arena_alloc(a, (n_layer + 1) * (int64_t)sizeof *res->mark);
  for (int k = 0; k < n_layer; k++) res->mark[k] = median(part + k * room, n_run);
  res->counted = true;
}

/* ---- the run */

static int64_t sum(const int64_t *v, int n) {
  int64_t s = 0;
  for (int i = 0; i < n; i++) s += v[i];
  return s;
}

static void read_output(Arena *a, const Target *t, const char *path, const RunRequest *rq,
                        int64_t bytes) {
  size_t n;
  const char *text = read_file(a, path, &n);
  if ((int64_t)n != bytes)
    error("the model on target '%s' wrote %lld bytes of output, expected %lld", t->name,
          (long long)n, (long long)bytes);
  memcpy(rq->output, text, n);
}

void run_on_target(Arena *a, const Target *t, const HarnessIo *io, const RunRequest *rq,
                   RunResult *res) {
  const char *why = why_not_run(a, t);
  if (why) error("%s", why);
  RunKind run = chosen_run(t, rq->emulate);
  Image image = build_image(a, t, io, rq, run);
  int64_t in = sum(io->in_bytes, io->n_in), out = sum(io->out_bytes, io->n_out);
  const char *output = arena_printf(a, "%s/output.bin", image.dir);
  const char *marks = arena_printf(a, "%s/marks.txt", image.dir);
  remove(output);
  remove(marks);
  write_file(arena_printf(a, "%s/input.bin", image.dir), rq->input, (size_t)(in * rq->n_sample));

  bool plugin = rq->count && !is_timed(run);
  Command cmd = start_command(t, run, plugin ? plugin_option(a, io, &image) : NULL);
  Watch watch = {rq, output, out, -1};
  Outcome o = run_process(a, &cmd, image.dir, STALL_SECONDS, samples_done, &watch);
  if (o.status != 0 || o.stalled) run_failed(a, t, &o);
  read_output(a, t, output, rq, out * rq->n_sample);

  *res = (RunResult){.stack_bytes = -1, .is_time = is_timed(run)};
  const char *stack = strstr(o.log, "stack "), *variant = strstr(o.log, "variant ");
  if (io->has_variants && variant) res->variant = atoi(variant + strlen("variant "));
  if (run == RUN_QEMU_SYSTEM && stack) res->stack_bytes = atoll(stack + strlen("stack "));
  if (rq->count) {
    Marks m = read_marks(a, marks);
    measure(a, &m, rq->n_layer, res);
  }
}
