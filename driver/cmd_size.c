/* cmd_size.c - qcc size: what the network takes on each target, with each policy, from the real
 * compilers' objects. */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/driver.h"

int cmd_size(Arena *a, const Options *o);

/* One policy on all targets. */
typedef struct Table {
  const char *policy; /* as the command line has it; NULL: none */
  int wide;           /* characters of the column of policies; 0: there is one only */
  json_t *rows;       /* NULL: text */
} Table;

static json_t *row_json(const Table *t, const TargetSize *s) {
  json_t *o = json_pack("{s:s?, s:s}", "policy", t->policy, "target", s->target->name);
  json_object_update_new(o, size_json(s));
  return o;
}

static void print_row(const Table *t, const TargetSize *s) {
  if (t->wide) printf("%-*s ", t->wide, t->policy);
  if (s->missing) {
    printf("%-16s %s (install %s)%*s%9lld\n", s->target->name, "not compiled", s->missing, 4, "",
           (long long)s->arena);
    return;
  }
  printf("%-16s %9lld %9lld %9lld %9lld %9lld %9lld\n", s->target->name, (long long)s->size.code,
         (long long)s->size.constants, (long long)s->size.weights, (long long)s->size.scales,
         (long long)s->arena, (long long)s->size.stack);
}

/* Are all budgets kept? */
static bool measure_policy(Arena *a, const Options *o, const Table *t, int n, Target **targets,
                           const char *dir) {
  Job *j = new_job(a, o, NULL);
  compile_job(j, NULL, LAST_COMMON_PASS);
  const char *what = t->wide ? arena_printf(a, "%s by %s", j->name, t->policy) : j->name;
  bool within = true;
  if (mkdir(dir, 0777) != 0) error("%s: cannot be made", dir);
  for (int i = 0; i < n; i++) {
    TargetSize s = measure_target(j, targets[i], dir);
    if (t->rows) json_array_append_new(t->rows, row_json(t, &s));
    else print_row(t, &s);
    within &= within_budgets(a, o, what, &s);
  }
  return within;
}

static const char *policy_text(const PolicyName *p) { return p->file ? p->file : p->preset; }

static int width_of_policies(const Options *o) {
  int wide = (int)strlen("policy");
  for (int i = 0; i < o->n_policy; i++) {
    int n = (int)strlen(policy_text(&o->policies[i]));
    wide = n > wide ? n : wide;
  }
  return o->n_policy > 1 ? wide : 0;
}

static void print_head(const Table *t) {
  if (t->wide) printf("%-*s ", t->wide, "policy");
  printf("%-16s %9s %9s %9s %9s %9s %9s   (bytes)\n", "target", "code", "constants", "weights",
         "scales", "arena", "stack");
}

int cmd_size(Arena *a, const Options *o) {
  Target **targets = NULL;
  int n = load_targets(a, o, &targets);
  check_budgets(o, n, targets);
  const char *dir = work_folder(a, o->keep);
  Table t = {.wide = width_of_policies(o), .rows = o->json ? json_array() : NULL};
  if (!t.rows) print_head(&t);
  bool within = true;
  for (int i = 0; i < o->n_policy || i == 0; i++) {
    Arena *own = new_arena();
    Options one = *o;
    if (o->n_policy) {
      one.policy = o->policies[i].file, one.preset = o->policies[i].preset;
      t.policy = policy_text(&o->policies[i]);
    }
    within &= measure_policy(own, &one, &t, n, targets, arena_printf(own, "%s/%d", dir, i));
    free_arena(own);
  }
  if (t.rows) {
    json_dumpf(t.rows, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(t.rows);
  }
  return within ? 0 : EXIT_CHECK_FAILED;
}
