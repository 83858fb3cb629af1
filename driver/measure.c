/* measure.c - what a network takes on a target: the sections of the object that the target's
 * compiler makes of the generated code, the arena, and, where a budget is for latency, an inference
 * of the same build. */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/driver.h"

const char *size_opt(const Job *j) {
  CodegenOptions c = codegen_options(j);
  return j->o->opt ? j->o->opt : strcmp(c.optimize, "speed") == 0 ? "-O2" : "-Os";
}

static void measure_object(Job *j, const char *dir, TargetSize *s) {
  Arena *a = j->a;
  const char *object = arena_printf(a, "%s/%s.o", dir, j->name);
  const char *source = arena_printf(a, "%s/%s.c", dir, j->name);
  const char *const extra[] = {"-ffunction-sections", NULL}; /* shows who calls whom */
  char *log = NULL;
  if (!compile_object(a, j->target, compiler_of(j->o), size_opt(j), extra, source, object, &log))
    bug("the generated code does not compile for %s:\n%s", j->target->name, log);
  SizeSymbols symbols = size_symbols(a, j->g, j->name);
  if (!read_object_size(a, object, &symbols, &s->size)) bug("%s cannot be read", object);
}

void measure_run(Job *j, const char *dir, int64_t samples, int layers, RunResult *run) {
  bool random;
  Options same = *j->o;
  Job k = *j;
  same.opt = size_opt(j);
  k.o = &same;
  Samples *x = job_samples(&k, samples, &random);
  if (x->n > samples) x->n = samples;
  run_job(&k, dir, x, sample_room(k.a, x->n, output_bytes(k.g)), true, layers, run);
}

TargetSize measure_job(Job *j, const char *dir) {
  TargetSize s = {.target = j->target,
                  .missing = missing_compiler(j->target, compiler_of(j->o)),
                  .arena = j->g->arena_bytes};
  for (int i = n_inputs(j->g); i < j->g->n_in; i++) s.state += stored_bytes(j->g->in[i]);
  if (s.missing) return s;
  write_job(j, dir);
  measure_object(j, dir, &s);
  if (has_budget(j->o, BUDGET_LATENCY, j->target)) measure_run(j, dir, 1, 0, &s.run);
  return s;
}

TargetSize measure_target(const Job *common, Target *target, const char *dir) {
  Job j = *common;
  j.cx.target = j.target = target;
  j.g = clone_graph(common->g);
  compile_job(&j, LAST_COMMON_PASS, NULL);
  const char *folder = arena_printf(j.a, "%s/%s", dir, target->name);
  if (mkdir(folder, 0777) != 0) error("%s: cannot be made", folder);
  return measure_job(&j, folder);
}

int64_t flash_bytes(const TargetSize *s) {
  const ObjectSize *z = &s->size;
  return s->missing ? -1 : z->code + z->constants + z->weights + z->scales + z->data;
}

int64_t ram_need(const TargetSize *s) {
  const ObjectSize *z = &s->size;
  if (s->missing || z->stack < 0) return -1;
  /* An arena that the output defines itself is part of its static data. */
  int64_t fixed = z->data + z->bss;
  return z->stack + s->state + (fixed >= s->arena ? fixed : fixed + s->arena);
}

static json_t *bytes_json(int64_t bytes) { return bytes < 0 ? json_null() : json_integer(bytes); }

json_t *size_json(const TargetSize *s) {
  const struct {
    const char *key;
    int64_t v;
  } column[] = {
      {"code", s->size.code},     {"constants", s->size.constants}, {"weights", s->size.weights},
      {"scales", s->size.scales}, {"stack", s->size.stack},         {"flash", flash_bytes(s)},
      {"ram", ram_need(s)},
  };
  json_t *o = json_object();
  for (size_t i = 0; i < sizeof column / sizeof *column; i++)
    json_object_set_new(o, column[i].key, bytes_json(s->missing ? -1 : column[i].v));
  json_object_set_new(o, "arena", json_integer(s->arena));
  return o;
}

/* All of them before any work: a misspelt name should not come after half a table. */
int load_targets(Arena *a, const Options *o, Target ***targets) {
  const char *list = o->targets ? o->targets : o->target;
  int n = 0;
  if (!list || !*list) error("no targets given: --targets A,B,C");
  while (*list) {
    size_t len = strcspn(list, ",");
    if (len == 0) error("--targets: an empty name before '%s'", list);
    *targets = arena_grow(a, *targets, n, sizeof **targets);
    Target *t = load_target(a, arena_strndup(a, list, len));
    for (int i = 0; i < n; i++)
      if (strcmp((*targets)[i]->name, t->name) == 0) error("target '%s' is given twice", t->name);
    (*targets)[n++] = t;
    list += len + (list[len] == ',');
  }
  return n;
}
