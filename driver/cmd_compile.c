/* cmd_compile.c - qcc MODEL: compiles to C, or writes the graph as text. */
#include <string.h>

#include "driver/driver.h"

int cmd_compile(Arena *a, const Options *o);

enum { INLINE_ELEMENTS = 16 };

/* The graph with its large constants in a safetensors file beside it. */
static void emit_graph(Arena *a, const Job *j, const char *path) {
  if (!path || strcmp(path, "-") == 0) {
    print_graph(stdout, j->g, NULL, 0);
    return;
  }
  size_t n = strlen(path);
  const char *stem = n > 6 && strcmp(path + n - 6, ".graph") == 0 ? arena_strndup(a, path, n - 6) : path;
  const char *weights = arena_printf(a, "%s.safetensors", stem);
  FILE *f = open_file(path);
  print_graph(f, j->g, weights, INLINE_ELEMENTS);
  close_file(f, path);
}

static void print_summary(const Job *j, const char *dir) {
  ConstantBytes c = count_constants(j->a, j->g);
  double gap = j->g->arena_bound ? 100.0 * (double)(j->g->arena_bytes - j->g->arena_bound) / (double)j->g->arena_bound : 0;
  printf("%s: %d layers for %s in %s\n", j->name, j->g->n_node, j->target->name, dir);
  printf("  weights %lld bytes, biases %lld, tables %lld\n", (long long)c.weights, (long long)c.biases, (long long)c.tables);
  printf("  arena %lld bytes (%.1f %% above the lower bound of its schedule)\n", (long long)j->g->arena_bytes, gap);
  for (int i = 0; i < j->report.n_note; i++) printf("  note: %s: %s\n", j->report.note[i].node, j->report.note[i].text);
}

int cmd_compile(Arena *a, const Options *o) {
  if (o->emit && strcmp(o->emit, "graph") != 0) error("--emit: expected graph, found '%s'", o->emit);
  if (!o->emit && !o->output) error("no output folder given: -o DIR");
  if (!o->emit && o->stop_after) error("--stop-after needs --emit graph: C comes after the last pass");
  Job *j = new_job(a, o, o->target ? o->target : o->emit ? NULL : "host");
  if (o->emit) {
    /* The model as read, or as it is after a pass. */
    if (o->stop_after) compile_job(j, NULL, o->stop_after);
    emit_graph(a, j, o->output);
    return 0;
  }
  compile_job(j, NULL, NULL);
  check_fit(j);
  const char *temporary = open_folder(a, o->output);
  write_job(j, temporary);
  finish_folder(a, temporary, o->output);
  if (!o->quiet) print_summary(j, o->output);
  return 0;
}
