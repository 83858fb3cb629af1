/* cmd_size.c - qcc size: what the network takes on each target, from the real compilers'
 * objects. */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/driver.h"

int cmd_size(Arena *a, const Options *o);

typedef struct Row { const char *target, *missing; ObjectSize size; int64_t arena; } Row;

static Row measure(Job *common, Target *target, const char *dir) {
  Arena *a = common->a;
  const Options *o = common->o;
  Job j = *common;
  j.cx.target = j.target = target;
  j.g = clone_graph(common->g);
  compile_job(&j, LAST_COMMON_PASS, NULL);
  int which = compiler_of(o);
  Row r = {.target = j.target->name,
           .missing = missing_compiler(j.target, which),
           .arena = j.g->arena_bytes};
  if (r.missing) return r;
  const char *folder = arena_printf(a, "%s/%s", dir, j.target->name);
  if (mkdir(folder, 0777) != 0) error("%s: cannot be made", folder);
  write_job(&j, folder);
  CodegenOptions c = codegen_options(&j);
  const char *opt = o->opt ? o->opt : strcmp(c.optimize, "speed") == 0 ? "-O2" : "-Os";
  const char *object = arena_printf(a, "%s/%s.o", folder, j.name);
  char *log = NULL;
  const char *const extra[] = {"-ffunction-sections", NULL}; /* shows who calls whom */
  if (!compile_object(a, j.target, which, opt, extra, arena_printf(a, "%s/%s.c", folder, j.name),
                      object, &log))
    bug("the generated code does not compile for %s:\n%s", j.target->name, log);
  SizeSymbols symbols = size_symbols(a, j.g, j.name);
  if (!read_object_size(a, object, &symbols, &r.size))
    bug("%s cannot be read", object);
  return r;
}

static json_t *row_json(const Row *r) {
  json_t *o = json_pack("{s:s}", "target", r->target);
  const struct { const char *key; int64_t v; } column[] = {
    {"code", r->size.code},
    {"constants", r->size.constants},
    {"weights", r->size.weights},
    {"scales", r->size.scales},
    {"stack", r->size.stack},
  };
  for (size_t i = 0; i < sizeof column / sizeof *column; i++)
    json_object_set_new(o, column[i].key,
                        r->missing || column[i].v < 0 ? json_null() : json_integer(column[i].v));
  json_object_set_new(o, "arena", json_integer(r->arena));
  return o;
}

static void print_row(const Row *r) {
  if (r->missing) {
    printf("%-16s %s (install %s)%*s%9lld\n", r->target, "not compiled", r->missing, 4, "",
           (long long)r->arena);
    return;
  }
  printf("%-16s %9lld %9lld %9lld %9lld %9lld %9lld\n", r->target, (long long)r->size.code,
         (long long)r->size.constants, (long long)r->size.weights, (long long)r->size.scales,
         (long long)r->arena, (long long)r->size.stack);
}

/* All of them before any work: a misspelt name should not come after half a table. */
static int load_targets(Arena *a, const char *list, Target ***targets) {
  int n = 0;
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

int cmd_size(Arena *a, const Options *o) {
  const char *list = o->targets ? o->targets : o->target;
  if (!list || !*list) error("no targets given: --targets A,B,C");
  Target **targets = NULL;
  int n = load_targets(a, list, &targets);
  Job *j = new_job(a, o, NULL);
  compile_job(j, NULL, LAST_COMMON_PASS);
  const char *dir = work_folder(a, o->keep);
  json_t *rows = json_array();
  if (!o->json)
    printf("%-16s %9s %9s %9s %9s %9s %9s   (bytes)\n", "target", "code", "constants", "weights",
           "scales", "arena", "stack");
  for (int i = 0; i < n; i++) {
    Row r = measure(j, targets[i], dir);
    if (o->json) json_array_append_new(rows, row_json(&r));
    else print_row(&r);
  }
  if (o->json) {
    json_dumpf(rows, stdout, JSON_INDENT(2));
    putchar('\n');
  }
  json_decref(rows);
  return 0;
}
