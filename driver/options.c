/* options.c - reads the command line by the table options.def; every verb names the options it
 * takes. */
#include "driver/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LIMIT = 1000000000, MAX_THREADS = 1024, MAX_VERBS = 32 };
#define MAX_DIM (INT64_C(1) << 40)

static int64_t number(const char *option, const char *text, int64_t most) {
  char *end;
  long long v = strtoll(text, &end, 10); /* saturates, which is out of range as well */
  if (!isdigit((unsigned char)text[0]) || *end || v < 1 || v > most)
    error("--%s: expected a whole number from 1 to %lld, found '%s'", option, (long long)most,
          text);
  return v;
}

#define TEXT_SETTER(function, member) \
  static void function(Arena *a, Options *o, const char *v) { (void)a; o->member = v; }
#define FLAG_SETTER(function, member) \
  static void function(Arena *a, Options *o, const char *v) { (void)a, (void)v; o->member = true; }
TEXT_SETTER(set_target, target)
TEXT_SETTER(set_targets, targets)
TEXT_SETTER(set_calib, calib)
TEXT_SETTER(set_lora, lora)
TEXT_SETTER(set_input_file, input)
TEXT_SETTER(set_labels, labels)
TEXT_SETTER(set_against, against)
TEXT_SETTER(set_metric, metric)
TEXT_SETTER(set_candidates, candidates)
TEXT_SETTER(set_budgets, budgets)
TEXT_SETTER(set_method, method)
TEXT_SETTER(set_name, name)
TEXT_SETTER(set_stop_after, stop_after)
TEXT_SETTER(set_emit, emit)
TEXT_SETTER(set_tensor, tensor)
TEXT_SETTER(set_variant, variant)
TEXT_SETTER(set_sensitivity, sensitivity)
TEXT_SETTER(set_search, search)
TEXT_SETTER(set_calibrate, calibrate)
TEXT_SETTER(set_costs, costs)
FLAG_SETTER(set_on_target, on_target)
FLAG_SETTER(set_emulate, emulate)
FLAG_SETTER(set_layers, layers)
FLAG_SETTER(set_bench, bench)
FLAG_SETTER(set_expand, expand)
FLAG_SETTER(set_keep, keep)
FLAG_SETTER(set_json, json)
FLAG_SETTER(set_verbose, verbose)
FLAG_SETTER(set_quiet, quiet)
FLAG_SETTER(set_help, help)
FLAG_SETTER(set_version, version)

static void add_policy(Arena *a, Options *o, PolicyName p) {
  o->policies = arena_grow(a, o->policies, o->n_policy, sizeof *o->policies);
  o->policies[o->n_policy++] = p;
}

static void set_policy(Arena *a, Options *o, const char *v) {
  o->policy = v;
  add_policy(a, o, (PolicyName){.file = v});
}

static void set_preset(Arena *a, Options *o, const char *v) {
  o->preset = v;
  add_policy(a, o, (PolicyName){.preset = v});
}

static void add_budget(Arena *a, Options *o, BudgetKind kind, const char *v) {
  o->budget = arena_grow(a, o->budget, o->n_budget, sizeof *o->budget);
  o->budget[o->n_budget++] = read_budget(a, kind, v);
}

static void set_max_flash(Arena *a, Options *o, const char *v) {
  add_budget(a, o, BUDGET_FLASH, v);
}

static void set_max_ram(Arena *a, Options *o, const char *v) { add_budget(a, o, BUDGET_RAM, v); }

static void set_max_latency(Arena *a, Options *o, const char *v) {
  add_budget(a, o, BUDGET_LATENCY, v);
}

static void set_output(Arena *a, Options *o, const char *v) {
  (void)a;
  if (!*v) error("--output: expected a path, found ''");
  o->output = v;
}

static void set_optimize(Arena *a, Options *o, const char *v) {
  (void)a;
  if (strcmp(v, "size") && strcmp(v, "balanced") && strcmp(v, "speed"))
    error("--optimize: expected size, balanced or speed, found '%s'", v);
  o->optimize = v;
}

static void set_compiler(Arena *a, Options *o, const char *v) {
  (void)a;
  if (strcmp(v, "0") && strcmp(v, "1")) error("--compiler: expected 0 or 1, found '%s'", v);
  o->compiler = v;
}

static void set_opt(Arena *a, Options *o, const char *v) {
  (void)a;
  if (strncmp(v, "-O", 2) != 0 || !v[2] || !strchr("0123sz", v[2]) || v[3])
    error("--opt: expected -O0, -O1, -O2, -O3, -Os or -Oz, found '%s'", v);
  o->opt = v;
}

static void set_limit(Arena *a, Options *o, const char *v) {
  (void)a;
  o->limit = number("limit", v, MAX_LIMIT);
}

static void set_threads(Arena *a, Options *o, const char *v) {
  (void)a;
  o->threads = (int)number("threads", v, MAX_THREADS);
}

static void set_dim(Arena *a, Options *o, const char *v) {
  const char *eq = strrchr(v, '=');
  if (!eq || eq == v) error("--dim: expected NAME=VALUE, found '%s'", v);
  o->bind = arena_grow(a, o->bind, o->n_bind, sizeof *o->bind);
  const char *name = arena_strndup(a, v, (size_t)(eq - v));
  const char *option = arena_printf(a, "dim %s", name);
  o->bind[o->n_bind++] = (DimBinding){name, number(option, eq + 1, MAX_DIM)};
}

static void set_fix(Arena *a, Options *o, const char *v) {
  const char *eq = strchr(v, '=');
  if (!eq || eq == v || !eq[1]) error("--fix: expected NAME=FILE, found '%s'", v);
  o->fixed = arena_grow(a, o->fixed, o->n_fixed, sizeof *o->fixed);
  o->fixed[o->n_fixed++] = (FixedInput){arena_strndup(a, v, (size_t)(eq - v)), eq + 1};
}

static void set_state(Arena *a, Options *o, const char *v) {
  const char *eq = strchr(v, '=');
  if (!eq || eq == v || !eq[1]) error("--state: expected OUTPUT=INPUT, found '%s'", v);
  o->state = arena_grow(a, o->state, o->n_state, sizeof *o->state);
  o->state[o->n_state++] = (StatePair){arena_strndup(a, v, (size_t)(eq - v)), eq + 1};
}

typedef struct Option {
  const char *name;
  char letter;
  const char *argument;
  void (*set)(Arena *a, Options *o, const char *v);
  const char *help;
} Option;

static const Option table[] = {
#define OPTION(name, letter, argument, set, help) {name, letter, argument, set, help},
#include "driver/options.def"
#undef OPTION
};
enum { N_OPTIONS = sizeof table / sizeof *table };

static bool takes(const Verb *v, const char *name) {
  size_t n = strlen(name);
  for (const char *s = v->options; (s = strstr(s, name)); s += n)
    if ((s == v->options || s[-1] == ' ') && (s[n] == ' ' || s[n] == 0)) return true;
  return strcmp(name, "help") == 0 || strcmp(name, "version") == 0;
}

static const Option *find_long(const char *s, size_t n) {
  const char *names[N_OPTIONS];
  for (int i = 0; i < N_OPTIONS; i++) {
    names[i] = table[i].name;
    if (strlen(table[i].name) == n && strncmp(table[i].name, s, n) == 0) return &table[i];
  }
  char word[64];
  snprintf(word, sizeof word, "%.*s", (int)(n < 63 ? n : 63), s);
  const char *near = nearest_name(word, names, N_OPTIONS);
  if (near) error("unknown option --%s; did you mean --%s?", word, near);
  error("unknown option --%s; qcc --help lists them", word);
}

static const Option *find_letter(char c) {
  for (int i = 0; i < N_OPTIONS; i++)
    if (table[i].letter && table[i].letter == c) return &table[i];
  error("unknown option -%c; qcc --help lists them", c);
}

static const Verb *find_verb(const char *name) {
  for (int i = 0; i < n_verbs; i++)
    if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
  return NULL;
}

static void add_arg(Arena *a, Options *o, const char *s) {
  o->arg = arena_grow(a, o->arg, o->n_arg, sizeof *o->arg);
  o->arg[o->n_arg++] = s;
}

/* Reads one option at argv[i]; returns how many words it took. */
static int read_option(Arena *a, Options *o, const Verb *v, int argc, char **argv, int i) {
  const char *s = argv[i], *value = NULL;
  const Option *option;
  int used = 1;
  if (s[1] == '-') {
    const char *eq = strchr(s, '=');
    option = find_long(s + 2, eq ? (size_t)(eq - s - 2) : strlen(s + 2));
    value = eq ? eq + 1 : NULL;
    if (value && !option->argument) error("--%s takes no value", option->name);
  } else {
    option = find_letter(s[1]);
    if (s[2]) value = s + 2;
    if (value && !option->argument) error("-%c takes no value", option->letter);
  }
  if (option->argument && !value) {
    /* A value that looks like an option is a forgotten value; --name=--value permits it. */
    if (i + 1 >= argc || strncmp(argv[i + 1], "--", 2) == 0)
      error("--%s needs a value: --%s %s", option->name, option->name, option->argument);
    value = argv[i + 1];
    used = 2;
  }
  if (!takes(v, option->name))
    error("qcc %s does not take --%s; qcc %s --help lists its options", v->name, option->name,
          v->name);
  option->set(a, o, value);
  return used;
}

/* The verb may be left out, so that a misspelt one looks like a model; but a model is a file, or
 * has a name that looks like one. */
static void check_model_name(const char *s) {
  const char *names[MAX_VERBS];
  if (strpbrk(s, "./") || access(s, F_OK) == 0) return;
  for (int i = 0; i < n_verbs; i++) names[i] = verbs[i].name;
  const char *near = nearest_name(s, names, n_verbs);
  if (near) error("unknown verb '%s'; did you mean '%s'?", s, near);
  error("'%s' is neither a verb nor a model; qcc --help lists the verbs", s);
}

const Verb *read_options(Arena *a, int argc, char **argv, Options *o) {
  const Verb *v = argc > 1 ? find_verb(argv[1]) : NULL;
  int i = v ? 2 : 1;
  if (!v && argc > 1 && argv[1][0] != '-') check_model_name(argv[1]);
  if (!v) v = &verbs[0];
  o->verb = v->name;
  while (i < argc) {
    if (argv[i][0] == '-' && argv[i][1]) i += read_option(a, o, v, argc, argv, i);
    else add_arg(a, o, argv[i++]);
  }
  return v;
}

void print_verb_help(FILE *f, const Verb *v) {
  fprintf(f, "usage: qcc %s%s%s\n\n%s\n\n", v == &verbs[0] ? "" : v->name,
          v == &verbs[0] ? "" : " ", v->usage, v->summary);
  for (int i = 0; i < N_OPTIONS; i++) {
    if (!takes(v, table[i].name)) continue;
    char left[40];
    snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].argument ? " " : "",
             table[i].argument ? table[i].argument : "");
    if (table[i].letter) fprintf(f, "  -%c, %-22s %s\n", table[i].letter, left, table[i].help);
    else fprintf(f, "      %-22s %s\n", left, table[i].help);
  }
}
