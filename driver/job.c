/* job.c - one compilation: read model, policy, target and samples, run the passes, write the
 * result. */
#include "driver/driver.h"

#include <stdlib.h>
#include <string.h>

Graph *read_model(Arena *a, const Options *o) {
  if (o->n_arg < 1) error("no model given; qcc %s --help shows the usage", o->verb);
  if (o->n_arg > 1) error("unexpected argument '%s': one model at a time", o->arg[1]);
  const char *path = o->arg[0];
  bool text = ends_with(path, ".graph"), lite = ends_with(path, ".tflite");
  if ((text || lite) && o->n_bind > 0)
    error("%s: --dim %s=%lld: only ONNX models have symbolic dimensions to bind", path,
          o->bind[0].name, (long long)o->bind[0].value);
  GivenInputs given = {.bind = o->bind, .n_bind = o->n_bind, .fixed = o->fixed, .n_fixed = o->n_fixed};
  Graph *g = text ? read_graph_text(a, path) : lite ? read_tflite(a, path) : read_onnx(a, path, &given);
  if ((text || lite) && o->n_fixed > 0) {
    fix_inputs(a, g, &given);
    infer_shapes(g);
  }
  for (int i = 0; i < o->n_state; i++) add_state(g, g->loc, o->state[i].output, o->state[i].input);
  return g;
}

/* A text graph that does not say which model it was printed from is a model of its own. */
static void hash_text_graph(Arena *a, Graph *g, const char *path) {
  size_t len;
  const char *text = read_file(a, path, &len);
  g->hash = hash_bytes(HASH_START, text, len);
  for (int i = 0; i < g->n_tensor; i++)
    if (is_const(g->tensor[i]))
      g->hash = hash_bytes(g->hash, g->tensor[i]->data, (size_t)tensor_bytes(g->tensor[i]));
}

static void check_name(Loc loc, const char *name) {
  const char *fault = name ? name_fault(name) : NULL;
  if (fault) error_at(loc, "%s in a name", fault);
}

/* The text form has a way to write any name; reports and comments in C have not. */
static void check_names(const Graph *g) {
  check_name(g->loc, g->name);
  for (int i = 0; i < g->n_tensor; i++) check_name(g->tensor[i]->loc, g->tensor[i]->name);
  for (int i = 0; i < g->n_node; i++) check_name(g->node[i]->loc, g->node[i]->name);
}

/* Only a graph that is read to be printed again may leave dimensions open. */
static void check_inputs_known(const Graph *g) {
  for (int i = 0; i < g->n_in; i++)
    if (n_elements(g->in[i]) < 0)
      error_at(g->in[i]->loc, "input '%s' has dimensions that are not known: %s%s", g->in[i]->name,
               dtype_name(g->in[i]->dtype), shape_text(g->arena, g->in[i]));
}

static Policy *choose_policy(Arena *a, const Options *o) {
  if (o->policy && o->preset)
    error("--policy and --preset exclude each other: write `preset: %s` into the policy",
          o->preset);
  if (o->preset) return preset_policy(a, o->preset);
  return read_policy(a, o->policy);
}

/* The adapter of the command line, in place of the policy's. */
static void set_adapter(Arena *a, Policy *p, const char *path) {
  Settings *s = &p->defaults;
  s->s = arena_grow(a, s->s, s->n, sizeof *s->s);
  s->s[s->n++] = (Setting){.key = "lora.file", .value = path};
}

static Samples *calibration_samples(Job *j) {
  const char *path = j->o->calib ? j->o->calib : policy_file(j->a, j->policy, "calibration.data");
  if (!path) return NULL;
  Samples *s = read_samples(j->a, j->model, j->policy, path,
                            policy_int(j->policy, "calibration.samples"));
  need_finite_samples(j->model, j->policy, s, path);
  return s;
}

void start_job(Job *j) {
  j->cx = (Context){.arena = j->a,
                    .policy = j->policy,
                    .target = j->target,
                    .calib = j->calib,
                    .report = &j->report,
                    .progress = j->o->quiet ? NULL : show_progress,
                    .verbose = j->o->verbose ? stderr : NULL};
  j->g = clone_graph(j->model);
}

Job *new_job(Arena *a, const Options *o, const char *target) {
  Job *j = arena_alloc(a, sizeof *j);
  j->a = a;
  j->o = o;
  if (target) j->target = load_target(a, target);
  j->model = read_model(a, o);
  if (j->model->n_in > MAX_IO || j->model->n_out > MAX_IO)
    error("the model has %d inputs and %d outputs, at most %d of each are supported",
          j->model->n_in, j->model->n_out, MAX_IO);
  if (!o->emit) check_names(j->model);
  if (!o->emit || o->stop_after) check_inputs_known(j->model);
  if (!o->emit && j->model->hash == HASH_START) hash_text_graph(a, j->model, o->arg[0]);
  j->policy = choose_policy(a, o);
  if (o->lora) set_adapter(a, j->policy, o->lora);
  check_policy_inputs(j->model, j->policy);
  j->calib = calibration_samples(j);
  j->name = o->name ? o->name : identifier_of(a, o->arg[0]);
  if (strcmp(j->name, identifier_of(a, j->name)) != 0)
    error("--name: '%s' is not a C identifier", j->name);
  if (strcmp(j->name, "qcc") == 0 || strncmp(j->name, "qcc_", 4) == 0)
    error("the prefix '%s' belongs to the kernels: choose another with --name", j->name);
  start_job(j);
  /* The float reference: raw inputs as the firmware gets them, shapes that are computed made known,
   * outputs that say how much was found, and the adapter. */
  find_pass("inputs")->run(j->model, &j->cx);
  find_pass("fold_constants")->run(j->model, &j->cx);
  find_pass("capacity")->run(j->model, &j->cx);
  find_pass("lora")->run(j->model, &j->cx);
  check_states(j->model);
  if (j->calib) record_states(a, j->model, j->calib);
  return j;
}

static const char *optimize_of(const Job *j) {
  return j->o->optimize ? j->o->optimize : policy_value(j->policy, "optimize");
}

void compile_job(Job *j, const char *start_after, const char *stop_after) {
  if (stop_after && !find_pass(stop_after)) {
    const char *names[64];
    for (int i = 0; i < n_passes; i++) names[i] = passes[i].name;
    const char *near = nearest_name(stop_after, names, n_passes);
    if (near) error("--stop-after: unknown pass '%s'; did you mean '%s'?", stop_after, near);
    error("--stop-after: unknown pass '%s'; qcc list passes shows them", stop_after);
  }
  if (j->target) set_optimize_of(j->target, optimize_of(j));
  run_passes(j->g, &j->cx, start_after, stop_after);
}

CodegenOptions codegen_options(const Job *j) {
  CodegenOptions c = {.name = j->name};
  c.optimize = optimize_of(j);
  c.static_arena = strcmp(policy_value(j->policy, "output.arena"), "static") == 0;
  c.bin_threshold = policy_int(j->policy, "output.weights_bin");
  const Adapted *adapted = j->cx.adapted;
  const char *adapter = "";
  if (adapted)
    adapter = arena_printf(j->a, ", adapter %016llx", (unsigned long long)adapted->hash);
  c.provenance = arena_printf(
      j->a,
      "Made by qcc %s from %s, policy %s, target %s. Do not edit.\n"
      "Hashes: model %016llx, policy %016llx, calibration data %016llx%s.",
      QCC_VERSION, j->g->name,
      j->o->preset   ? j->o->preset
      : j->o->policy ? "given"
                     : "none",
      j->target ? j->target->name : "none", (unsigned long long)j->g->hash,
      (unsigned long long)j->policy->hash, (unsigned long long)(j->calib ? j->calib->hash : 0), adapter);
  return c;
}

HarnessIo harness_io(const Job *j) {
  const Graph *g = j->g;
  HarnessIo io = {.prefix = j->name,
                  .n_in = n_inputs(g),
                  .n_out = n_outputs(g),
                  .has_state = g->n_state > 0,
                  .arena_bytes = g->arena_bytes ? g->arena_bytes : 16,
                  .has_threads = policy_int(j->policy, "threads") > 1,
                  .has_variants = j->target && j->target->n_variant > 0,
                  .n_arena = g->n_part};
  for (int i = 0; i < io.n_in; i++) io.in_bytes[i] = stored_bytes(g->in[i]);
  for (int i = 0; i < io.n_out; i++) io.out_bytes[i] = stored_bytes(g->out[i]);
  return io;
}

/* Bytes of the first region of RAM, which a network that does not fit it must be spread from. */
static int64_t first_ram_bytes(const Target *t) {
  for (int i = 0; i < t->n_region; i++)
    if (!t->region[i].is_rom) return t->region[i].bytes;
  return 0;
}

static void list_regions(char *text, size_t size, const Target *t, bool rom) {
  size_t n = 0;
  text[0] = 0;
  for (int i = 0; i < t->n_region && n < size; i++)
    if (t->region[i].is_rom == rom)
      n += (size_t)snprintf(text + n, size - n, "%s%s %lld", n ? ", " : "", t->region[i].name,
                            (long long)t->region[i].bytes);
}

void check_fit(Job *j) {
  const Target *t = j->target;
  if (!t) return;
  CodegenOptions options = codegen_options(j);
  ConstantBytes c = count_constants(j->g, &j->cx, &options);
  int64_t flash = c.weights + c.biases + c.tables, rom = rom_bytes(t), ram = ram_bytes(t);
  int64_t arena = j->g->arena_bytes;
  bool spread = j->g->n_part > 0;
  WeightRegions regions;
  bool flash_over = rom > 0 && flash > rom;
  bool flash_split = !flash_over && !spread_weights(j->g, t, &c, &regions);
  bool ram_over = ram > 0 && !spread && arena > first_ram_bytes(t);
  if (!flash_over && !flash_split && !ram_over) return;
  char roms[200], rams[200], flash_text[320] = "", ram_text[320] = "";
  list_regions(roms, sizeof roms, t, true);
  list_regions(rams, sizeof rams, t, false);
  if (flash_over)
    snprintf(flash_text, sizeof flash_text,
             "constants need %lld bytes of flash, %lld more than there are (%s)", (long long)flash,
             (long long)(flash - rom), roms);
  if (flash_split)
    snprintf(flash_text, sizeof flash_text,
             "constants need %lld bytes of flash, which cannot be spread over the regions (%s)",
             (long long)flash, roms);
  if (ram_over && arena > ram)
    snprintf(ram_text, sizeof ram_text,
             "the arena needs %lld bytes of RAM, %lld more than there are (%s)", (long long)arena,
             (long long)(arena - ram), rams);
  else if (ram_over)
    snprintf(ram_text, sizeof ram_text,
             "the arena needs %lld bytes of RAM, which cannot be spread over the regions (%s)",
             (long long)arena, rams);
  error("the network does not fit %s: %s%s%s", t->name, flash_text,
        (flash_over || flash_split) && ram_over ? "; " : "", ram_text);
}

void write_job(Job *j, const char *dir) {
  CodegenOptions c = codegen_options(j);
  write_code(j->g, &j->cx, &c, dir);
  const char *report = arena_printf(j->a, "%s/report.json", dir),
             *lock = arena_printf(j->a, "%s/policy.lock.yaml", dir);
  FILE *f = open_file(report);
  write_report(f, j->g, &j->cx, &c);
  close_file(f, report);
  f = open_file(lock);
  write_lock(f, j->g, &j->cx);
  close_file(f, lock);
}
