/* shared_arena.c - two networks that share one arena, by the rule in docs/output.md:
 *
 *     shared_arena TARGET COMPILER MODEL POLICY SAMPLES MODEL POLICY SAMPLES
 *
 * Each network is generated, built and run alone on the target, then both in one program: for every sample
 * the inputs of the first are written, it runs, its outputs are read, then the same for the second, in an arena
 * as large as the larger of NAME_ARENA_BYTES.  The outputs must be those of the runs alone, byte for byte; a
 * network with states keeps them beside the arena.
 * Status 0: right; 1: wrong; 77: compiler or emulator are missing. */
#include <stdlib.h>
#include <string.h>

#include "driver/driver.h"
#include "targets/build.h"

enum { NETS = 2, STEPS = 12, SKIPPED = 77, ALIGN = 16 };

static const char *const names[NETS] = {"first", "second"};

/* One network, and what it computes alone. */
typedef struct Net {
  Job *job;
  HarnessIo io;
  int64_t in_bytes, out_bytes; /* of a sample */
  uint8_t *in, *out;           /* [STEPS][in_bytes], [STEPS][out_bytes] */
} Net;

static Net open_net(Arena *a, const char *target, int compiler, int i, const char **file) {
  Options *o = arena_alloc(a, sizeof *o);
  *o = (Options){.verb = "verify", .n_arg = 1, .arg = file, .policy = file[1], .calib = file[2], .name = names[i],
                 .target = target, .limit = STEPS, .quiet = true, .compiler = compiler ? "1" : "0"};
  Net n = {.job = new_job(a, o, target)};
  compile_job(n.job, NULL, NULL);
  n.io = harness_io(n.job);
  const Graph *g = n.job->g;
  n.in_bytes = input_bytes(g), n.out_bytes = output_bytes(g);
  bool random;
  Samples *s = job_samples(n.job, STEPS, &random);
  if (s->n < STEPS) error("%s: %lld samples, not %d", file[2], (long long)s->n, STEPS);
  uint8_t *to = n.in = sample_room(a, STEPS, n.in_bytes);
  for (int64_t k = 0; k < STEPS; k++)
    for (int j = 0; j < n.io.n_in; j++) {
      memcpy(to, sample_at(g, s, j, k), (size_t)n.io.in_bytes[j]);
      to += n.io.in_bytes[j];
    }
  n.out = sample_room(a, STEPS, n.out_bytes);
  s->n = STEPS;
  RunResult r;
  run_job(n.job, work_folder(a, false), s, n.out, false, 0, &r);
  return n;
}

static int64_t align(int64_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

/* A macro for each input or output in the program's interface; returns the place behind them. */
static int64_t list_places(FILE *f, const char *kind, int first, int n, const int64_t *bytes, int64_t at) {
  for (int i = 0; i < n; i++) {
    fprintf(f, "#define PAIR_%s_%d_OFFSET %lld\n#define PAIR_%s_%d_BYTES %lld\n", kind, first + i, (long long)at, kind,
            first + i, (long long)bytes[i]);
    at += align(bytes[i]);
  }
  return at;
}

/* pair.h: both networks as one.  The shared arena is the end of the harness's, whose guard is behind it. */
static void write_header(Arena *a, const char *dir, const Net *net, HarnessIo *io) {
  FILE *f = open_file(arena_printf(a, "%s/pair.h", dir));
  int64_t at = 0;
  fprintf(f, "#include \"first.h\"\n#include \"second.h\"\n");
  for (int i = 0; i < NETS; i++) {
    at = list_places(f, "INPUT", io->n_in, net[i].io.n_in, net[i].io.in_bytes, at);
    at = list_places(f, "OUTPUT", io->n_out, net[i].io.n_out, net[i].io.out_bytes, at);
    for (int k = 0; k < net[i].io.n_in; k++) io->in_bytes[io->n_in++] = net[i].io.in_bytes[k];
    for (int k = 0; k < net[i].io.n_out; k++) io->out_bytes[io->n_out++] = net[i].io.out_bytes[k];
  }
  fprintf(f,
          "#define LARGER(a, b) ((a) > (b) ? (a) : (b))\n#define PAIR_SHARED %lld\n"
          "#define PAIR_ARENA_BYTES (PAIR_SHARED + LARGER(FIRST_ARENA_BYTES, SECOND_ARENA_BYTES))\n"
          "typedef struct pair_state {\n  int none;\n",
          (long long)at);
  for (int i = 0; i < NETS; i++)
    if (net[i].io.has_state) fprintf(f, "  %s_state %s;\n", names[i], names[i]);
  fprintf(f, "} pair_state;\nvoid pair_reset(pair_state *s);\nvoid pair_run(void *at, pair_state *s);\n");
  close_file(f, arena_printf(a, "%s/pair.h", dir));
  io->arena_bytes = at + (net[0].io.arena_bytes > net[1].io.arena_bytes ? net[0] : net[1]).io.arena_bytes;
}

static void write_copies(FILE *f, const char *kind, const char *upper, int first, int n, bool in) {
  for (int i = 0; i < n; i++) {
    fprintf(f, in ? "  memcpy(%s_%s_%d(arena), " : "  read_output(%s_%s_%d(arena), ", upper, kind, i);
    fprintf(f, "a + PAIR_%s_%d_OFFSET, PAIR_%s_%d_BYTES);\n", kind, first + i, kind, first + i);
  }
}

static void write_program(Arena *a, const char *dir, const Net *net) {
  FILE *f = open_file(arena_printf(a, "%s/pair.c", dir));
  int n_in = 0, n_out = 0;
  fprintf(f, "#include <string.h>\n#include \"pair.h\"\n\n"
             "static void read_output(const void *from, void *to, size_t n) { memcpy(to, from, n); }\n\n"
             "void pair_reset(pair_state *s) {\n  s->none = 0;\n");
  for (int i = 0; i < NETS; i++)
    if (net[i].io.has_state) fprintf(f, "  %s_reset(&s->%s);\n", names[i], names[i]);
  fprintf(f, "}\n\nvoid pair_run(void *at, pair_state *s) {\n  unsigned char *a = at, *arena = a + PAIR_SHARED;\n");
  for (int i = 0; i < NETS; i++) {
    const char *upper = upper_of(a, names[i]);
    write_copies(f, "INPUT", upper, n_in, net[i].io.n_in, true);
    fprintf(f, net[i].io.has_state ? "  %s_run(arena, &s->%s);\n" : "  %s_run(arena);\n", names[i], names[i]);
    write_copies(f, "OUTPUT", upper, n_out, net[i].io.n_out, false);
    n_in += net[i].io.n_in, n_out += net[i].io.n_out;
  }
  fprintf(f, "}\n");
  close_file(f, arena_printf(a, "%s/pair.c", dir));
}

/* The target with the networks' objects among what is linked. */
static Target *with_objects(Arena *a, const Target *t, int which, const char *dir, const char *opt) {
  Target *own = arena_alloc(a, sizeof *own);
  *own = *t;
  Compiler *c = &own->compiler[which];
  const char **link = arena_alloc(a, (c->n_link + NETS) * (int64_t)sizeof *link);
  for (int i = 0; i < NETS; i++) {
    char *log;
    link[i] = arena_printf(a, "%s/%s.o", dir, names[i]);
    if (!compile_object(a, t, which, opt, NULL, arena_printf(a, "%s/%s.c", dir, names[i]), link[i], &log))
      error("cannot compile %s.c\n%s", names[i], log);
  }
  for (int i = 0; i < c->n_link; i++) link[NETS + i] = c->link[i];
  c->link = link, c->n_link += NETS;
  return own;
}

/* The samples of both, one behind the other. */
static uint8_t *join_inputs(Arena *a, const Net *net) {
  uint8_t *in = sample_room(a, STEPS, net[0].in_bytes + net[1].in_bytes), *to = in;
  for (int k = 0; k < STEPS; k++)
    for (int i = 0; i < NETS; i++) {
      memcpy(to, net[i].in + k * net[i].in_bytes, (size_t)net[i].in_bytes);
      to += net[i].in_bytes;
    }
  return in;
}

static int count_wrong(const Net *net, const uint8_t *got) {
  int wrong = 0;
  for (int k = 0; k < STEPS; k++)
    for (int i = 0; i < NETS; i++) {
      bool same = memcmp(got, net[i].out + k * net[i].out_bytes, (size_t)net[i].out_bytes) == 0;
      if (!same) printf("step %d: %s network differs from its run alone\n", k, names[i]);
      wrong += !same;
      got += net[i].out_bytes;
    }
  return wrong;
}

int main(int argc, char **argv) {
  if (argc != 9) return fputs("usage: shared_arena TARGET COMPILER (MODEL POLICY SAMPLES) x 2\n", stderr), 2;
  Arena *a = new_arena();
  int which = atoi(argv[2]);
  Target *t = load_target(a, argv[1]);
  const char *package = missing_compiler(t, which);
  const char *why = package ? arena_printf(a, "no compiler, packages %s", package) : why_not_run(a, t);
  if (why) return printf("skipped: %s\n", why), SKIPPED;
  Net net[NETS];
  const char *dir = absolute_path(a, work_folder(a, false));
  for (int i = 0; i < NETS; i++) {
    net[i] = open_net(a, argv[1], which, i, (const char **)argv + 3 + 3 * i);
    if (net[i].io.n_arena > 1) error("%s: an arena in several memories", argv[3 + 3 * i]);
    write_job(net[i].job, dir);
  }
  HarnessIo io = {.prefix = "pair", .has_state = true};
  write_header(a, dir, net, &io);
  write_program(a, dir, net);
  uint8_t *got = sample_room(a, STEPS, net[0].out_bytes + net[1].out_bytes);
  const char *opt = run_opt(net[0].job);
  RunRequest rq = {.dir = dir, .opt = opt, .compiler = which, .variant = -1, .n_sample = STEPS,
                   .input = join_inputs(a, net), .output = got};
  RunResult r;
  run_on_target(a, with_objects(a, t, which, dir, opt), &io, &rq, &r);
  int wrong = count_wrong(net, got);
  printf("%s: arenas of %lld and %lld bytes in one of the larger, %d steps: %d outputs differ\n", t->name,
         (long long)net[0].io.arena_bytes, (long long)net[1].io.arena_bytes, STEPS, wrong);
  return wrong != 0;
}
