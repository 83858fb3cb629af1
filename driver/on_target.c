/* on_target.c - builds a job's generated code for its target and runs it over samples. */
#include <stdlib.h>
#include <string.h>

#include "driver/driver.h"

static void run_progress(void *ctx, int64_t done) {
  show_progress("running", done, *(const int64_t *)ctx);
}

int compiler_of(const Options *o) { return o->compiler ? o->compiler[0] - '0' : 0; }

/* The variant that the user wants; -1: none in particular. */
static int wanted_variant(const Job *j) {
  const Target *t = j->target;
  const char *want = j->o->variant, *all = "";
  if (!want) return -1;
  if (!t->n_variant) error("--variant: target '%s' has no variants", t->name);
  for (int v = 0; v < t->n_variant; v++) {
    const char *name = t->variant[v].target->name;
    if (strcmp(name, want) == 0) return v;
    all = arena_printf(j->a, "%s%s%s", all, v ? ", " : "", name);
  }
  error("--variant: target '%s' has no variant '%s' (variants: %s)", t->name, want, all);
}

const char *variant_name(const Job *j, const RunResult *r) {
  const Target *t = j->target;
  return t->n_variant ? t->variant[r->variant].target->name : NULL;
}

const char *target_text(const Job *j, const RunResult *r) {
  const char *variant = variant_name(j, r);
  return variant ? arena_printf(j->a, "%s (%s)", j->target->name, variant) : j->target->name;
}

const char *run_opt(const Job *j) {
  CodegenOptions c = codegen_options(j);
  return j->o->opt ? j->o->opt : strcmp(c.optimize, "size") == 0 ? "-Os" : "-O2";
}

void run_job(Job *j, const char *dir, const Samples *s, uint8_t *outputs, bool count, int n_layer,
             RunResult *result) {
  const Graph *g = j->g;
  int64_t per = input_bytes(g), n = s->n;
  uint8_t *input = sample_room(j->a, n, per), *to = input;
  for (int64_t i = 0; i < n; i++)
    for (int k = 0; k < n_inputs(g); k++) {
      memcpy(to, sample_at(g, s, k, i), (size_t)stored_bytes(g->in[k]));
      to += stored_bytes(g->in[k]);
    }
  write_job(j, dir);
  HarnessIo io = harness_io(j);
  RunRequest rq = {.dir = dir,
                   .opt = run_opt(j),
                   .compiler = compiler_of(j->o),
                   .variant = wanted_variant(j),
                   .n_sample = n,
                   .input = input,
                   .output = outputs,
                   .count = count,
                   .emulate = j->o->emulate,
                   .n_layer = n_layer,
                   .progress = j->o->quiet ? NULL : run_progress,
                   .ctx = &n};
  run_on_target(j->a, j->target, &io, &rq, result);
}
