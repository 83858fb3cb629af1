/* cmd_compile.c - qcc MODEL: compiles to C, or writes the graph as text. */
#include <string.h>
#include <sys/stat.h>

#include "driver/driver.h"

int cmd_compile(Arena *a, const Options *o);

enum { INLINE_ELEMENTS = 16 };

static void emit_one_file(const Job *j, const char *path) {
  FILE *f = open_file(path);
  print_graph(f, j->g, NULL, 0);
  close_file(f, path);
}

/* The graph with its large constants in a safetensors file beside it; all in one where there is
 * no beside. */
static void emit_graph(Arena *a, const Job *j, const char *path) {
  struct stat s;
  bool exists = path && stat(path, &s) == 0;
  if (!path || strcmp(path, "-") == 0 || (exists && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode))) {
    emit_one_file(j, path ? path : "-");
    return;
  }
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const char *dir = slash ? arena_strndup(a, path, (size_t)(slash - path) + 1) : ".";
  if (!*name || (exists && S_ISDIR(s.st_mode)))
    error("--output: expected a file for the graph, found the folder '%s'", path);
  size_t n = strlen(name);
  const char *stem =
      n > 6 && strcmp(name + n - 6, ".graph") == 0 ? arena_strndup(a, name, n - 6) : name;
  const char *temporary = open_folder(a, dir), *file = arena_printf(a, "%s/%s", temporary, name);
  FILE *f = open_file(file);
  print_graph(f, j->g, arena_printf(a, "%s/%s.safetensors", temporary, stem), INLINE_ELEMENTS);
  close_file(f, file);
  finish_folder(a, temporary, dir);
}

static void print_summary(Job *j, const char *dir) {
  CodegenOptions options = codegen_options(j);
  ConstantBytes c = count_constants(j->g, &j->cx, &options);
  double gap = j->g->arena_bound ? 100.0 * (double)(j->g->arena_bytes - j->g->arena_bound) /
                                       (double)j->g->arena_bound
                                 : 0;
  printf("%s: %d layers for %s in %s\n", j->name, j->g->n_node, j->target->name, dir);
  printf("  weights %lld bytes, biases %lld, tables %lld\n", (long long)c.weights,
         (long long)c.biases, (long long)c.tables);
  printf("  arena %lld bytes (%.1f %% above the lower bound of its schedule)\n",
         (long long)j->g->arena_bytes, gap);
  for (int i = 0; i < j->report.n_note; i++)
    printf("  note: %s: %s\n", j->report.note[i].node, j->report.note[i].text);
}

/* Measured in a folder for work: a network that is over budget leaves no output. */
static bool keeps_budgets(Job *j) {
  if (j->o->n_budget == 0) return true;
  check_budgets(j->o, 1, &j->target);
  TargetSize s = measure_job(j, work_folder(j->a, false));
  return within_budgets(j->a, j->o, j->name, &s);
}

int cmd_compile(Arena *a, const Options *o) {
  if (o->emit && strcmp(o->emit, "graph") != 0)
    error("--emit: expected graph, found '%s'", o->emit);
  if (!o->emit && !o->output) error("no output folder given: -o DIR");
  if (!o->emit && o->stop_after)
    error("--stop-after needs --emit graph: C comes after the last pass");
  Job *j = new_job(a, o, o->target ? o->target : o->emit ? NULL : "host");
  if (o->emit) {
    /* The model as read, or as it is after a pass. */
    if (o->stop_after) compile_job(j, NULL, o->stop_after);
    emit_graph(a, j, o->output);
    return 0;
  }
  compile_job(j, NULL, NULL);
  check_fit(j);
  if (!keeps_budgets(j)) return EXIT_CHECK_FAILED;
  const char *temporary = open_folder(a, o->output);
  write_job(j, temporary);
  finish_folder(a, temporary, o->output);
  CodegenOptions c = codegen_options(j);
  if (o->json) write_report(stdout, j->g, &j->cx, &c);
  else if (!o->quiet) print_summary(j, o->output);
  return 0;
}
