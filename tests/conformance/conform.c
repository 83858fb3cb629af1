/* conform.c - ONNX's own operator cases: a model, inputs and expected outputs each.
 *
 *     conform [--only TEXT] [--jobs N] [--sanitize] [--verbose] [--page FILE] NAME=FOLDER...
 *
 * FOLDER may also be a .tar.xz of one, which is unpacked for the time.  Every folder below it with a model and
 * a test_data_set_0 is a case.  It is read, evaluated by the
 * interpreter, compiled for this machine and run, and what comes out is compared with what the suite
 * expects.  Cases are worked on in batches: a process compiles each case of a batch to C, one call of the
 * C compiler makes objects of all of them and one image holds those.
 *
 * It prints a table per suite, a row per operator, where a case in functions' expanded form counts for the
 * function's operator; --verbose lists the cases that did not pass instead.
 * With --page it compares each suite's table with that in FILE, between comments, and fails where they
 * differ, or writes it there where UPDATE is set.
 * --sanitize builds the generated code with the address and undefined behaviour sanitizers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/driver.h"
#include "onnx.pb-c.h"
#include "targets/build.h"

#ifdef __SANITIZE_ADDRESS__
enum { SECONDS = 600 }; /* with the sanitizers in qcc, beside other tests */
#else
enum { SECONDS = 60 };
#endif
enum { BATCH = 24, MAX_SETS = 8 };

typedef enum Verdict { NOT_RUN, OUT_OF_SCOPE, FAILED, EVALUATED, PASSED } Verdict;

/* Which inputs are constants. */
typedef enum Fixed { FIX_NONE, FIX_BUT_FIRST, FIX_BUT_LAST, FIX_ALL } Fixed;

typedef struct Case {
  const char *folder, *model; /* paths */
  const char *op;             /* of the first node; "?" where the model cannot be read */
  Fixed fixed; /* at least these: without them the model cannot be read */
  Verdict verdict;
  const char *why; /* first line of what went wrong */
} Case;

typedef struct Suite {
  const char *name, *folder;
  int n;
  Case *cases; /* [n] by path */
} Suite;

static void remove_folder(Arena *a, const char *folder) {
  Command c = {0};
  add_arg(&c, "rm"), add_arg(&c, "-rf"), add_arg(&c, folder);
  run_process(a, &c, NULL, SECONDS, NULL, NULL);
}

/* ---- finding cases */

static bool exists(const char *path) {
  struct stat s;
  return stat(path, &s) == 0;
}

static const char *model_in(Arena *a, const char *folder) {
  const char *path = arena_printf(a, "%s/model.onnx", folder);
  return exists(path) && exists(arena_printf(a, "%s/test_data_set_0", folder)) ? path : NULL;
}

static const char *first_operator(Arena *a, const char *path) {
  size_t len;
  const char *bytes = read_file(a, path, &len);
  OnnxModel *m = onnx_model__unpack(NULL, len, (const uint8_t *)bytes);
  const char *op = "?";
  if (m && m->graph && m->graph->n_node) op = arena_strdup(a, m->graph->node[0]->op_type);
  if (m) onnx_model__free_unpacked(m, NULL);
  return op;
}

/* The operator that a case is about.  A case whose name has "_expanded" in it, with or without the version
 * of an opset behind that, shows the function of its twin without. */
static const char *operator_of(Arena *a, const char *folder, const char *model) {
  const char *cut = strstr(folder, "_expanded");
  const char *twin = cut ? model_in(a, arena_strndup(a, folder, (size_t)(cut - folder))) : NULL;
  return first_operator(a, twin ? twin : model);
}

static void find_cases(Arena *a, Suite *s, const char *folder, const char *only) {
  const char *model = model_in(a, folder);
  if (model && (!only || strstr(folder, only))) {
    s->cases = arena_grow(a, s->cases, s->n, sizeof *s->cases);
    s->cases[s->n++] = (Case){folder, model, operator_of(a, folder, model), FIX_NONE, NOT_RUN, ""};
  }
  struct dirent **entry;
  int n = scandir(folder, &entry, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    const char *name = entry[i]->d_name;
    const char *path = arena_printf(a, "%s/%s", folder, name);
    struct stat st;
    if (name[0] != '.' && !model && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
      find_cases(a, s, path, only);
    free(entry[i]);
  }
  if (n >= 0) free(entry);
}

/* ---- comparing, by the suite's own rule: |got - want| <= 1e-7 + 1e-3 |want| */

static bool is_near(double got, double want) {
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
  return got == want || fabs(got - want) <= 1e-7 + 1e-3 * fabs(want);
}

/* Of random numbers only type and shape are what the suite expects: every generator has its own. */
static bool is_random(const Case *c) {
  return strcmp(c->op, "Bernoulli") == 0 || strncmp(c->op, "Random", 6) == 0;
}

/* What is wrong with output t, whose elements are `got`; NULL when nothing is. */
static const char *compare_output(Arena *a, const Case *c, const Tensor *t, const void *got,
                                  const Array *want) {
  if (t->dtype != want->dtype)
    return arena_printf(a, "'%s' is of type %s, not %s", t->name, dtype_name(t->dtype),
                        dtype_name(want->dtype));
  Tensor shape = {.rank = want->rank};
  memcpy(shape.dim, want->dim, sizeof shape.dim);
  if (!same_shape(t, &shape))
    return arena_printf(a, "'%s' has shape %s, not %s", t->name, shape_text(a, t),
                        shape_text(a, &shape));
  for (int64_t i = 0; !is_random(c) && i < n_elements(t); i++) {
    int bytes = dtype_bytes(t->dtype);
    if (memcmp((const char *)got + i * bytes, (const char *)want->data + i * bytes,
               (size_t)bytes) == 0)
      continue;
    double x = get_real(t->dtype, got, i), y = get_real(t->dtype, want->data, i);
    if (!is_near(x, y))
      return arena_printf(a, "'%s'[%lld] is %.9g, not %.9g", t->name, (long long)i, x, y);
  }
  return NULL;
}

/* Outputs of all sets, one behind the other, as `bytes`. */
static const char *compare_sets(Arena *a, const Case *c, const Graph *g, const uint8_t *bytes) {
  for (int s = 0; s < MAX_SETS; s++) {
    const char *set = arena_printf(a, "%s/test_data_set_%d", c->folder, s);
    if (!exists(set)) break;
    for (int k = 0; k < g->n_out; k++) {
      const Array *want = read_tensor_pb(a, arena_printf(a, "%s/output_%d.pb", set, k));
      const char *fault = compare_output(a, c, g->out[k], bytes, want);
      if (fault) return fault;
      bytes += stored_bytes(g->out[k]);
    }
  }
  return NULL;
}

/* ---- one case: a process of its own, in the folder of its batch */

/* The policy of all cases: no weights beside the C file. */
static const char policy_text[] = "version: 1\noutput: {weights_bin: never}\n";

/* What depends on values has room for all that there can be where these are not constant: not what the suite expects. */
static bool has_known_outputs(const Graph *g) {
  for (int i = 0; i < g->n_node; i++)
    if (find_attr(g->node[i], "capacity")) return false;
  for (int i = 0; i < g->n_out; i++)
    if (n_elements(g->out[i]) < 0) return false;
  return true;
}

/* Names of the model's inputs; initializers are none. */
static int input_names(Arena *a, const char *path, const char ***names) {
  size_t len;
  const char *bytes = read_file(a, path, &len);
  OnnxModel *m = onnx_model__unpack(NULL, len, (const uint8_t *)bytes);
  int n = 0;
  *names = NULL;
  for (size_t i = 0; m && m->graph && i < m->graph->n_input; i++) {
    const char *name = m->graph->input[i]->name;
    bool constant = false;
    for (size_t k = 0; k < m->graph->n_initializer; k++)
      constant |= strcmp(m->graph->initializer[k]->name, name) == 0;
    if (constant) continue;
    *names = arena_grow(a, *names, n, sizeof **names);
    (*names)[n++] = arena_strdup(a, name);
  }
  if (m) onnx_model__free_unpacked(m, NULL);
  return n;
}

/* Makes inputs the constants that they are in the first set. */
static void choose_fixed(Arena *a, Options *o, const Case *c, Fixed fixed) {
  const char **names;
  int n = fixed == FIX_NONE ? 0 : input_names(a, c->model, &names);
  o->n_fixed = 0;
  for (int k = fixed == FIX_BUT_FIRST; k < n - (fixed == FIX_BUT_LAST); k++) {
    o->fixed = arena_grow(a, o->fixed, o->n_fixed, sizeof *o->fixed);
    o->fixed[o->n_fixed++] = (FixedInput){names[k], arena_printf(a, "%s/test_data_set_0/input_%d.pb", c->folder, k)};
  }
}

/* Where shapes depend on the values of inputs, those are constants: as few as will do. */
static Job *open_case(Arena *a, const Case *c, const char *name) {
  Options *o = arena_alloc(a, sizeof *o);
  const char **model = arena_alloc(a, sizeof *model);
  *model = c->model;
  *o = (Options){.verb = "compile",
                 .n_arg = 1,
                 .arg = model,
                 .policy = "policy.yaml",
                 .input = c->folder,
                 .name = name,
                 .quiet = true};
  for (Fixed fixed = c->fixed;; fixed++) {
    choose_fixed(a, o, c, fixed);
    Job *j = new_job(a, o, "host");
    if (fixed == FIX_ALL || has_known_outputs(j->model)) return j;
  }
}

/* A function in C that runs the model over the sets: reads all inputs, writes all outputs.  It becomes part of
 * the batch's main.c, and stands for nothing where the model's own file does not compile. */
static void write_runner(Arena *a, const Graph *g, const char *name, int64_t n_set) {
  const char *path = arena_printf(a, "%s.run", name), *upper = upper_of(a, name);
  FILE *f = fopen(path, "w");
  if (!f) error("%s: cannot be written", path);
  fprintf(f,
          "#include \"%s.h\"\n#pragma weak %s_run\n\nstatic int %s_case(FILE *in, FILE *out) {\n"
          "  static unsigned char arena[%s_ARENA_BYTES + 1] __attribute__((aligned(%s_ARENA_ALIGN)));\n"
          "  if (!%s_run) return 2;\n  for (int set = 0; set < %lld; set++) {\n",
          name, name, name, upper, upper, name, (long long)n_set);
  for (int k = 0; k < g->n_in; k++) {
    long long bytes = (long long)stored_bytes(g->in[k]);
    fprintf(f, "    if (fread(%s_INPUT_%d(arena), 1, %lld, in) != %lld) return 1;\n", upper, k,
            bytes, bytes);
  }
  fprintf(f, "    %s_run(arena);\n", name);
  for (int k = 0; k < g->n_out; k++) {
    long long bytes = (long long)stored_bytes(g->out[k]);
    fprintf(f, "    if (fwrite(%s_OUTPUT_%d(arena), 1, %lld, out) != %lld) return 1;\n", upper, k,
            bytes, bytes);
  }
  fprintf(f, "  }\n  return 0;\n}\n\n");
  if (fclose(f) != 0) error("%s: cannot be written", path);
}

static void write_text(const char *path, const char *text) { write_file(path, text, strlen(text)); }

/* Reads, evaluates and compiles; NAME.eval says that eval was right, should the process end early. */
static void compile_case(const Case *c, const char *name) {
  Arena *a = new_arena();
  Job *j = open_case(a, c, name);
  Samples *s = read_samples(a, read_model(a, j->o), j->policy, c->folder, 0);
  uint8_t *got = sample_room(a, s->n, output_bytes(j->model));
  run_samples_on(j->model, s, got);
  const char *fault = compare_sets(a, c, j->model, got);
  if (fault) error("eval: %s", fault);
  write_text(arena_printf(a, "%s.eval", name), "");
  compile_job(j, NULL, NULL);
  CodegenOptions o = codegen_options(j);
  write_code(j->g, &j->cx, &o, ".");
  FILE *f = fopen(arena_printf(a, "%s.in", name), "w");
  if (!f) error("the inputs of %s cannot be written", name);
  for (int64_t i = 0; i < s->n; i++)
    for (int k = 0; k < j->g->n_in; k++)
      fwrite(sample_at(j->g, s, k, i), 1, (size_t)stored_bytes(j->g->in[k]), f);
  if (fclose(f) != 0) error("the inputs of %s cannot be written", name);
  write_runner(a, j->g, name, s->n);
}

static void compare_case(const Case *c, const char *name) {
  Arena *a = new_arena();
  Job *j = open_case(a, c, name);
  size_t n;
  const char *got = read_file(a, arena_printf(a, "%s.out", name), &n);
  Samples *s = read_samples(a, read_model(a, j->o), j->policy, c->folder, 0);
  if ((int64_t)n != s->n * output_bytes(j->model)) error("code: it wrote %zu bytes", n);
  const char *fault = compare_sets(a, c, j->model, (const uint8_t *)got);
  if (fault) error("code: %s", fault);
}

typedef void Step(const Case *c, const char *name);

/* The first line of what a sanitizer says of qcc or the code; NULL where it says nothing. */
static const char *sanitizer_says(Arena *a, const char *log) {
  const char *what = strstr(log, "ERROR: ");
  if (!what) what = strstr(log, "runtime error: ");
  return what ? arena_strndup(a, what, strcspn(what, "\n")) : NULL;
}

/* Runs a step in a process of its own, whose messages go to NAME.err. */
static bool run_step(Arena *a, Step *step, Case *c, const char *name) {
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) error("no process for %s: %s", c->folder, strerror(errno));
  if (child == 0) {
    int err = open(arena_printf(a, "%s.err", name), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (err < 0 || dup2(err, 2) < 0) _exit(1);
    alarm(SECONDS);
    step(c, name);
    exit(0);
  }
  int status;
  if (waitpid(child, &status, 0) < 0) error("lost the process of %s", c->folder);
  if (status == 0) return true;
  size_t n;
  const char *log = read_file(a, arena_printf(a, "%s.err", name), &n), *at = strstr(log, "error: ");
  c->why = sanitizer_says(a, log);
  if (c->why) return false;
  if (WIFSIGNALED(status)) c->why = arena_printf(a, "signal %d", WTERMSIG(status));
  else c->why = arena_strndup(a, at ? at + 7 : log, strcspn(at ? at + 7 : log, "\n"));
  return false;
}

/* Do control flow or its shapes depend on values of inputs, by what qcc says? */
static bool needs_values(const char *why) {
  static const char *const said[] = {"is not known when the model is read", "unless the condition is a constant",
                                     "must be constants"};
  for (size_t i = 0; i < sizeof said / sizeof *said; i++)
    if (strstr(why, said[i])) return true;
  return false;
}

/* Compiles, with more and more inputs constant where that is what it takes. */
static bool compile_fixed(Arena *a, Case *c, const char *name) {
  while (!run_step(a, compile_case, c, name)) {
    if (c->fixed == FIX_ALL || !needs_values(c->why)) return false;
    c->fixed++;
    c->why = "";
  }
  return true;
}

/* ---- a batch */

/* What qcc leaves out, by what it says. */
static bool is_out_of_scope(const char *why) {
  static const char *const said[] = {"tensors of strings",
                                     "sequences are not",
                                     "optional types are not",
                                     "maps are not",
                                     "sparse",
                                     "training is not supported",
                                     "previews of operators",
                                     "training_mode"};
  for (size_t i = 0; i < sizeof said / sizeof *said; i++)
    if (strstr(why, said[i])) return true;
  return false;
}

static const char *case_name(Arena *a, int i) { return arena_printf(a, "c%d", i); }

/* main.c: the cases that were compiled, one of which it runs. */
static void write_main(Arena *a, int n, const bool *compiled) {
  FILE *f = fopen("main.c", "w");
  if (!f) error("main.c cannot be written");
  fprintf(f, "#include <stdio.h>\n#include <stdlib.h>\n\n");
  for (int i = 0; i < n; i++) {
    size_t len;
    if (compiled[i]) fputs(read_file(a, arena_printf(a, "c%d.run", i), &len), f);
  }
  fprintf(f, "int main(int argc, char **argv) {\n"
             "  if (argc != 4) return 2;\n"
             "  FILE *in = fopen(argv[2], \"rb\"), *out = fopen(argv[3], \"wb\");\n"
             "  int status = 2;\n  if (!in || !out) return 1;\n  switch (atoi(argv[1])) {\n");
  for (int i = 0; i < n; i++)
    if (compiled[i]) fprintf(f, "    case %d: status = c%d_case(in, out); break;\n", i, i);
  fprintf(f, "    default: break;\n  }\n  return fclose(out) ? 1 : status;\n}\n");
  if (fclose(f) != 0) error("main.c cannot be written");
}

/* Objects of all cases in one call, then the image from those that there are. */
static void build_batch(Arena *a, int n, const bool *compiled, bool sanitize) {
  static const char *const flags[] = {"-std=c99", "-O1", "-Wall", "-Werror"};
  static const char *const sanitizers[] = {"-fsanitize=address,undefined,float-cast-overflow",
                                           "-fno-sanitize-recover=all", "-g"};
  Command objects = {0}, image = {0};
  write_main(a, n, compiled);
  add_arg(&objects, "cc"), add_arg(&image, "cc");
  add_args(&objects, sizeof flags / sizeof *flags, flags);
  if (sanitize) {
    add_args(&objects, sizeof sanitizers / sizeof *sanitizers, sanitizers);
    add_arg(&image, sanitizers[0]);
  }
  add_arg(&objects, "-c"), add_arg(&objects, "main.c"), add_arg(&image, "main.o");
  for (int i = 0; i < n; i++)
    if (compiled[i]) add_arg(&objects, arena_printf(a, "c%d.c", i));
  Outcome o = run_process(a, &objects, NULL, 10 * SECONDS, NULL, NULL);
  if (o.status != 0) fprintf(stderr, "%s\n", o.log);
  for (int i = 0; i < n; i++) {
    const char *model = arena_printf(a, "c%d.o", i);
    if (compiled[i] && exists(model)) add_arg(&image, model);
  }
  static const char *const last[] = {"-o", "image", "-lm"};
  add_args(&image, sizeof last / sizeof *last, last);
  o = run_process(a, &image, NULL, SECONDS, NULL, NULL);
  if (o.status != 0) error("the image of a batch cannot be linked\n%s", o.log);
}

static void run_case(Arena *a, Case *c, int i) {
  const char *name = case_name(a, i);
  Command cmd = {0};
  add_arg(&cmd, "./image");
  add_arg(&cmd, name + 1);
  add_arg(&cmd, arena_printf(a, "%s.in", name));
  add_arg(&cmd, arena_printf(a, "%s.out", name));
  Outcome o = run_process(a, &cmd, NULL, SECONDS, NULL, NULL);
  if (o.status == 0) {
    if (run_step(a, compare_case, c, name)) c->verdict = PASSED;
    return;
  }
  const char *what = sanitizer_says(a, o.log);
  c->why = o.status == 2 ? "the code does not compile"
           : what        ? what
                         : arena_printf(a, "the code ended with status %d", o.status);
}

static void run_batch(Arena *a, Case *c, int n, bool sanitize) {
  char folder[] = "/tmp/qcc-conform-XXXXXX";
  if (!mkdtemp(folder) || chdir(folder) != 0) error("no folder for a batch: %s", strerror(errno));
  write_text("policy.yaml", policy_text);
  bool compiled[BATCH], any = false;
  for (int i = 0; i < n; i++)
    any |= compiled[i] = compile_fixed(a, &c[i], case_name(a, i));
  if (any) build_batch(a, n, compiled, sanitize);
  for (int i = 0; i < n; i++) {
    bool evaluated = exists(arena_printf(a, "c%d.eval", i));
    c[i].verdict = evaluated ? EVALUATED : is_out_of_scope(c[i].why) ? OUT_OF_SCOPE : FAILED;
    if (compiled[i]) run_case(a, &c[i], i);
  }
  if (chdir("/") == 0) remove_folder(a, folder);
}

/* ---- all batches */

/* Worker `w` of `jobs` takes every jobs-th batch and writes a line per case. */
static void work(Arena *a, Suite *s, int w, int jobs, bool sanitize, FILE *out) {
  for (int first = w * BATCH; first < s->n; first += jobs * BATCH) {
    int n = s->n - first < BATCH ? s->n - first : BATCH;
    run_batch(a, s->cases + first, n, sanitize);
    for (int i = first; i < first + n; i++)
      fprintf(out, "%d %d %s\n", i, (int)s->cases[i].verdict, s->cases[i].why);
  }
  if (fflush(out) != 0) error("results cannot be written");
}

/* A message with paths from the suite's folder on. */
static const char *short_of(Arena *a, const Suite *s, const char *why) {
  const char *at = strstr(why, s->folder);
  if (!at) return why;
  const char *rest = at + strlen(s->folder);
  return arena_printf(a, "%.*s%s", (int)(at - why), why, rest + (*rest == '/'));
}

static void read_results(Arena *a, Suite *s, FILE *f) {
  char *line = NULL;
  size_t size = 0;
  rewind(f);
  while (getline(&line, &size, f) > 0) {
    char *at;
    long i = strtol(line, &at, 10), verdict = strtol(at, &at, 10);
    if (i < 0 || i >= s->n) bug("a result of no case");
    s->cases[i].verdict = (Verdict)verdict;
    s->cases[i].why = short_of(a, s, arena_strndup(a, at + 1, strcspn(at + 1, "\n")));
  }
  free(line);
}

static void run_suite(Arena *a, Suite *s, int jobs, bool sanitize) {
  FILE **results = arena_alloc(a, jobs * (int64_t)sizeof *results);
  pid_t *worker = arena_alloc(a, jobs * (int64_t)sizeof *worker);
  for (int w = 0; w < jobs; w++) {
    if (!(results[w] = tmpfile())) error("no temporary file: %s", strerror(errno));
    fflush(NULL);
    worker[w] = fork();
    if (worker[w] < 0) error("no process: %s", strerror(errno));
    if (worker[w] == 0) {
      work(a, s, w, jobs, sanitize, results[w]);
      _exit(0);
    }
  }
  for (int w = 0; w < jobs; w++) {
    int status;
    if (waitpid(worker[w], &status, 0) < 0 || status != 0) error("a worker failed");
    read_results(a, s, results[w]);
    fclose(results[w]);
  }
}

/* The folder in which an archive was unpacked. */
static const char *unpack(Arena *a, const char *archive) {
  char folder[] = "/tmp/qcc-suite-XXXXXX";
  if (!mkdtemp(folder)) error("no folder for %s: %s", archive, strerror(errno));
  const char *const words[] = {"tar", "-xJf", archive, "-C", folder};
  Command c = {0};
  add_args(&c, sizeof words / sizeof *words, words);
  Outcome o = run_process(a, &c, NULL, SECONDS, NULL, NULL);
  if (o.status != 0) error("%s cannot be unpacked\n%s", archive, o.log);
  return arena_strdup(a, folder);
}

/* ---- the page */

typedef struct Row {
  const char *op, *why;
  int count[PASSED + 1];
} Row;

static int by_operator(const void *x, const void *y) {
  return strcmp(((const Row *)x)->op, ((const Row *)y)->op);
}

static int count_rows(Arena *a, const Suite *s, Row **rows) {
  int n = 0;
  *rows = NULL;
  for (int i = 0; i < s->n; i++) {
    const Case *c = &s->cases[i];
    int r = 0;
    while (r < n && strcmp((*rows)[r].op, c->op) != 0) r++;
    if (r == n) {
      *rows = arena_grow(a, *rows, n, sizeof **rows);
      (*rows)[n++] = (Row){.op = c->op, .why = ""};
    }
    Row *row = &(*rows)[r];
    row->count[c->verdict]++;
    if (c->verdict != PASSED && !*row->why) row->why = c->why;
  }
  qsort(*rows, (size_t)n, sizeof **rows, by_operator);
  return n;
}

static void print_suite(Arena *a, FILE *f, const Suite *s) {
  Row *rows, sum = {0};
  int n = count_rows(a, s, &rows);
  for (int i = 0; i < n; i++)
    for (int v = 0; v <= PASSED; v++) sum.count[v] += rows[i].count[v];
  int inside = s->n - sum.count[OUT_OF_SCOPE];
  fprintf(
      f,
      "\n## %s\n\n%d cases, %d of them out of scope. Of the other %d, %d pass (%.1f %%); %d more are right in\n"
      "the interpreter, but have no kernel.\n\n"
      "| operator | pass | eval only | fail | out of scope | the first that does not pass says |\n"
      "|---|---:|---:|---:|---:|---|\n",
      s->name, s->n, sum.count[OUT_OF_SCOPE], inside, sum.count[PASSED],
      inside ? 100.0 * sum.count[PASSED] / inside : 0.0, sum.count[EVALUATED]);
  for (int i = 0; i < n; i++)
    fprintf(f, "| %s | %d | %d | %d | %d | %s |\n", rows[i].op, rows[i].count[PASSED],
            rows[i].count[EVALUATED], rows[i].count[FAILED], rows[i].count[OUT_OF_SCOPE],
            rows[i].why);
}

static const char *suite_text(Arena *a, const Suite *s) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) error("out of memory");
  print_suite(a, f, s);
  fputc('\n', f);
  fclose(f);
  const char *kept = arena_strdup(a, text);
  free(text);
  return kept;
}

/* Is the suite's part of the page as it came out? */
static bool check_page(Arena *a, const Suite *s, const char *path) {
  size_t n;
  const char *page = read_file(a, path, &n), *open = arena_printf(a, "<!-- %s -->\n", s->name);
  const char *from = strstr(page, open), *to = from ? strstr(from, "<!-- end -->") : NULL;
  if (!to) error("%s: no comment %s", path, open);
  from += strlen(open);
  const char *text = suite_text(a, s), *was = arena_strndup(a, from, (size_t)(to - from));
  if (strcmp(text, was) == 0) return true;
  if (getenv("UPDATE")) {
    const char *now =
        arena_printf(a, "%s%s%s", arena_strndup(a, page, (size_t)(from - page)), text, to);
    write_text(path, now);
    return true;
  }
  printf("%s: the table of %s is not what came out (UPDATE=1 writes it):\n%s", path, s->name, text);
  return false;
}

static void list_failures(const Suite *s) {
  for (int i = 0; i < s->n; i++) {
    static const char *const words[] = {"not run", "out of scope", "failed", "eval only", "passed"};
    const Case *c = &s->cases[i];
    if (c->verdict != PASSED)
      printf("%s: %s: %s\n", c->folder + strlen(s->folder) + 1, words[c->verdict], c->why);
  }
}

int main(int argc, char **argv) {
  Arena *a = new_arena();
  const char *only = NULL, *page = NULL;
  bool right = true, sanitize = false, verbose = false;
  int jobs = 2, i = 1;
  for (; i < argc && argv[i][0] == '-'; i++) {
    if (strcmp(argv[i], "--sanitize") == 0) sanitize = true;
    else if (strcmp(argv[i], "--verbose") == 0) verbose = true;
    else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = argv[++i];
    else if (strcmp(argv[i], "--page") == 0 && i + 1 < argc) page = absolute_path(a, argv[++i]);
    else if (strcmp(argv[i], "--jobs") == 0 && i + 1 < argc) jobs = atoi(argv[++i]);
    else error("conform: unknown option '%s'", argv[i]);
  }
  if (i == argc || jobs < 1)
    error("usage: conform [--only TEXT] [--jobs N] [--sanitize] [--verbose] NAME=FOLDER...");
  for (; i < argc; i++) {
    const char *equals = strchr(argv[i], '=');
    if (!equals) error("conform: '%s' is not NAME=FOLDER", argv[i]);
    Suite s = {.name = arena_strndup(a, argv[i], (size_t)(equals - argv[i])), .folder = equals + 1};
    bool packed = ends_with(s.folder, ".tar.xz") && exists(s.folder);
    if (packed) s.folder = unpack(a, s.folder);
    find_cases(a, &s, s.folder, only);
    run_suite(a, &s, jobs, sanitize);
    if (packed) remove_folder(a, s.folder);
    if (s.n == 0) {
      printf("skipped: no cases in %s\n", equals + 1);
      return 77;
    }
    if (verbose) list_failures(&s);
    if (page) right &= check_page(a, &s, page);
    else if (!verbose) print_suite(a, stdout, &s);
  }
  return right ? 0 : 1;
}
