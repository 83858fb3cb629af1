/* pipeline.c - runs the passes of passes.def in order.  Every pass leaves a graph that verifies and
 * that the interpreter can run; debug builds check the first after each pass. */
#include <string.h>

#include "passes/passes.h"

#define PASS(name, function, summary) void function(Graph *g, Context *cx);
#include "passes/passes.def"
#undef PASS

const Pass passes[] = {
#define PASS(name, function, summary) {#name, function, summary},
#include "passes/passes.def"
#undef PASS
};
const int n_passes = sizeof passes / sizeof *passes;

const Pass *find_pass(const char *name) {
  for (int i = 0; i < n_passes; i++)
    if (strcmp(passes[i].name, name) == 0) return &passes[i];
  return NULL;
}

void run_passes(Graph *g, Context *cx, const char *start_after, const char *stop_after) {
  int first = start_after ? (int)(find_pass(start_after) - passes) + 1 : 0;
  for (int i = first; i < n_passes; i++) {
    if (cx->verbose) fprintf(cx->verbose, "pass %s\n", passes[i].name);
    passes[i].run(g, cx);
    remove_dead(g);
    settle_loops(g);
    restore_names(g);
    g->stage = passes[i].name;
#ifndef NDEBUG
    verify_graph(g);
#endif
    if (stop_after && strcmp(stop_after, passes[i].name) == 0) return;
  }
}

void add_note(Context *cx, const char *node, const char *fmt, ...) {
  PlanReport *r = cx->report;
  if (!r) return;
  va_list ap;
  va_start(ap, fmt);
  char text[512];
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  r->note = arena_grow(cx->arena, r->note, r->n_note, sizeof *r->note);
  r->note[r->n_note++] = (Note){node, arena_strdup(cx->arena, text)};
}
