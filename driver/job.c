/* job.c - one compilation: read model, policy, target and samples, run the passes, write the result. */
#include "driver/driver.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}

Graph *read_model(Arena *a, const Options *o) {
  if (o->n_arg < 1) error("no model given; qcc %s --help shows the usage", o->verb);
  if (o->n_arg > 1) error("unexpected argument '%s': one model at a time", o->arg[1]);
  const char *path = o->arg[0];
  return ends_with(path, ".graph") ? read_graph_text(a, path) : read_onnx(a, path, o->bind, o->n_bind);
}

static Policy *choose_policy(Arena *a, const Options *o) {
  if (o->policy && o->preset) error("--policy and --preset exclude each other: write `preset: %s` into the policy", o->preset);
  if (o->preset) return preset_policy(a, o->preset);
  return read_policy(a, o->policy);
}

static Samples *calibration_samples(Job *j) {
  const char *path = j->o->calib ? j->o->calib : policy_file(j->a, j->policy, "calibration.data");
  if (!path) return NULL;
  return read_samples(j->a, j->model, j->policy, path, policy_int(j->policy, "calibration.samples"));
}

Job *new_job(Arena *a, const Options *o, const char *target) {
  Job *j = arena_alloc(a, sizeof *j);
  j->a = a;
  j->o = o;
  if (target) j->target = load_target(a, target);
  j->model = read_model(a, o);
  j->policy = choose_policy(a, o);
  check_policy_inputs(j->model, j->policy);
  j->calib = calibration_samples(j);
  j->name = o->name ? o->name : identifier_of(a, o->arg[0]);
  if (strcmp(j->name, identifier_of(a, j->name)) != 0) error("--name: '%s' is not a C identifier", j->name);
  j->cx = (Context){.arena = a, .policy = j->policy, .target = j->target, .calib = j->calib, .report = &j->report,
                    .progress = o->quiet ? NULL : show_progress, .verbose = o->verbose ? stderr : NULL};
  j->g = clone_graph(j->model);
  find_pass("inputs")->run(j->model, &j->cx);
  return j;
}

void compile_job(Job *j, const char *start_after, const char *stop_after) {
  if (stop_after && !find_pass(stop_after)) {
    const char *names[64];
    for (int i = 0; i < n_passes; i++) names[i] = passes[i].name;
    const char *near = nearest_name(stop_after, names, n_passes);
    error("unknown pass '%s'%s%s; qcc list passes shows them", stop_after, near ? ", did you mean " : "", near ? near : "");
  }
  run_passes(j->g, &j->cx, start_after, stop_after);
}

CodegenOptions codegen_options(const Job *j) {
  CodegenOptions c = {.name = j->name};
  c.optimize = j->o->optimize ? j->o->optimize : policy_value(j->policy, "optimize");
  c.static_arena = strcmp(policy_value(j->policy, "output.arena"), "static") == 0;
  c.bin_threshold = policy_int(j->policy, "output.weights_bin");
  c.provenance = arena_printf(j->a, "Made by qcc %s from %s, policy %s, target %s. Do not edit.\nHashes: model %016llx, policy %016llx, calibration data %016llx.",
                              QCC_VERSION, j->g->name, j->policy->path ? "given" : j->policy->preset ? j->policy->preset : "none",
                              j->target ? j->target->name : "none", (unsigned long long)j->g->hash,
                              (unsigned long long)j->policy->hash, (unsigned long long)(j->calib ? j->calib->hash : 0));
  return c;
}

HarnessIo harness_io(const Job *j) {
  const Graph *g = j->g;
  HarnessIo io = {.prefix = j->name, .n_in = g->n_in, .n_out = g->n_out, .arena_bytes = g->arena_bytes ? g->arena_bytes : 16};
  if (g->n_in > 64 || g->n_out > 64) error("more than 64 inputs or outputs");
  for (int i = 0; i < g->n_in; i++) io.in_bytes[i] = stored_bytes(g->in[i]);
  for (int i = 0; i < g->n_out; i++) io.out_bytes[i] = stored_bytes(g->out[i]);
  return io;
}

static void list_regions(char *text, size_t size, const Target *t, bool rom) {
  size_t n = 0;
  text[0] = 0;
  for (int i = 0; i < t->n_region && n < size; i++)
    if (t->region[i].is_rom == rom)
      n += (size_t)snprintf(text + n, size - n, "%s%s %lld", n ? ", " : "", t->region[i].name, (long long)t->region[i].bytes);
}

void check_fit(const Job *j) {
  const Target *t = j->target;
  if (!t) return;
  ConstantBytes c = count_constants(j->a, j->g);
  int64_t flash = c.weights + c.biases + c.tables, rom = rom_bytes(t), ram = ram_bytes(t);
  bool flash_over = rom > 0 && flash > rom, ram_over = ram > 0 && j->g->arena_bytes > ram;
  if (!flash_over && !ram_over) return;
  char roms[200], rams[200], flash_text[320] = "", ram_text[320] = "";
  list_regions(roms, sizeof roms, t, true);
  list_regions(rams, sizeof rams, t, false);
  if (flash_over)
    snprintf(flash_text, sizeof flash_text, "constants need %lld bytes of flash, %lld more than there are (%s)", (long long)flash,
             (long long)(flash - rom), roms);
  if (ram_over)
    snprintf(ram_text, sizeof ram_text, "the arena needs %lld bytes of RAM, %lld more than there are (%s)",
             (long long)j->g->arena_bytes, (long long)(j->g->arena_bytes - ram), rams);
  error("the network does not fit %s: %s%s%s", t->name, flash_text, flash_over && ram_over ? "; " : "", ram_text);
}

void write_job(Job *j, const char *dir) {
  CodegenOptions c = codegen_options(j);
  write_code(j->g, &j->cx, &c, dir);
  const char *report = arena_printf(j->a, "%s/report.json", dir), *lock = arena_printf(j->a, "%s/policy.lock.yaml", dir);
  FILE *f = open_file(report);
  write_report(f, j->g, &j->cx, &c);
  close_file(f, report);
  f = open_file(lock);
  write_lock(f, j->g, &j->cx);
  close_file(f, lock);
}
