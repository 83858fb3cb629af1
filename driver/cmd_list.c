/* cmd_list.c - qcc list: the tables of the compiler, as they are compiled in. */
#include <jansson.h>
#include <string.h>

#include "driver/driver.h"
#include "ir/embed.h"
#include "driver/search/knapsack.h"

int cmd_list(Arena *a, const Options *o);

typedef struct Out { json_t *rows; bool json; } Out;

static void row(Out *o, const char *name, const char *summary) {
  if (o->json)
    json_array_append_new(o->rows, json_pack("{s:s, s:s}", "name", name, "summary", summary));
  else printf("%-24s %s\n", name, summary);
}

static void list_ops(Arena *a, Out *o) {
  for (int i = 0; i < n_ops(); i++) {
    const OpDef *op = op_at(i);
    row(o, op->name, arena_printf(a, "%s%s", op->summary, op->vjp ? "; differentiable" : ""));
  }
}

static void list_passes(Arena *a, Out *o) {
  (void)a;
  for (int i = 0; i < n_passes; i++) row(o, passes[i].name, passes[i].summary);
}

static void list_formats(Arena *a, Out *o) {
  (void)a;
  row(o, "float", "floats of 32 bits");
  row(o, "float16", "floats of 16 bits, 5 of exponent and 10 of significand, up to 65504");
  row(o, "bfloat16", "the upper 16 bits of a float, 8 of exponent and 7 of significand");
  for (int i = 0; i < n_formats(); i++)
    if (format_at(i)->summary != NULL) row(o, format_at(i)->name, format_at(i)->summary);
}

static void list_solvers(Arena *a, Out *o) {
  (void)a;
  for (int i = 0; i < n_solvers; i++) row(o, solvers[i].name, solvers[i].summary);
}

static void list_transforms(Arena *a, Out *o) {
  (void)a;
  for (int i = 0; i < n_transforms; i++) row(o, transforms[i].name, transforms[i].summary);
}

static void list_metrics(Arena *a, Out *o) {
  (void)a;
  for (int i = 0; i < n_metrics; i++) row(o, metrics[i].name, metrics[i].summary);
}

static void list_methods(Arena *a, Out *o) {
  (void)a;
  for (int i = 0; i < n_methods; i++) row(o, methods[i].name, methods[i].summary);
}

static void list_targets(Arena *a, Out *o) {
  for (int i = 0; i < n_targets(); i++)
    row(o, target_name_at(i), load_target(a, target_name_at(i))->summary);
}

static void list_kernels(Arena *a, Out *o) {
  for (int i = 0; i < n_kernels(); i++) {
    const Kernel *k = kernel_at(i);
    row(o, k->name,
        arena_printf(a, "%s, %s, runtime/%s", k->op, k->isa ? k->isa : "any target", k->header));
  }
}

/* The comment that a preset begins with, on one line: it says what the preset is. */
static const char *leading_comment(Arena *a, const char *text) {
  const char *comment = "";
  while (*text == '#') {
    text += 1 + strspn(text + 1, " ");
    size_t n = strcspn(text, "\n");
    comment = arena_printf(a, "%s%s%.*s", comment, *comment ? " " : "", (int)n, text);
    text += n + (text[n] == '\n');
  }
  return comment;
}

static void list_presets(Arena *a, Out *o) {
  const char *prefix = "passes/presets/";
  for (int i = 0; i < n_embedded_files; i++) {
    const char *path = embedded_files[i].path;
    if (strncmp(path, prefix, strlen(prefix)) != 0) continue;
    const char *name = path + strlen(prefix);
    row(o, arena_strndup(a, name, strlen(name) - strlen(".yaml")),
        leading_comment(a, (const char *)embedded_files[i].begin));
  }
}

static void list_keys(Arena *a, Out *o) {
  for (int i = 0; i < n_policy_keys; i++) {
    const PolicyKey *k = &policy_keys[i];
    row(o, k->key,
        arena_printf(a, "%s%s%s%s", k->summary, k->words ? " (" : "", k->words ? k->words : "",
                     k->words ? ")" : ""));
  }
}

static const struct { const char *name; void (*list)(Arena *a, Out *o); } tables[] = {
  {"ops", list_ops}, {"passes", list_passes}, {"formats", list_formats}, {"solvers", list_solvers},
  {"transforms", list_transforms}, {"metrics", list_metrics}, {"methods", list_methods},
  {"targets", list_targets}, {"kernels", list_kernels}, {"presets", list_presets}, {"keys", list_keys},
};

int cmd_list(Arena *a, const Options *o) {
  if (o->n_arg != 1)
    error("qcc list takes one of ops, passes, formats, solvers, transforms, metrics, methods, targets, kernels, presets, "
          "keys");
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    if (strcmp(tables[i].name, o->arg[0]) != 0) continue;
    Out out = {json_array(), o->json};
    tables[i].list(a, &out);
    if (o->json) {
      json_dumpf(out.rows, stdout, JSON_INDENT(2));
      putchar('\n');
    }
    json_decref(out.rows);
    return 0;
  }
  const char *names[sizeof tables / sizeof *tables];
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) names[i] = tables[i].name;
  const char *near = nearest_name(o->arg[0], names, (int)(sizeof tables / sizeof *tables));
  if (near) error("there is no table '%s'; did you mean '%s'?", o->arg[0], near);
  error("there is no table '%s': ops, passes, formats, solvers, transforms, targets, kernels, presets "
        "or keys",
        o->arg[0]);
}
