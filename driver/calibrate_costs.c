/* calibrate_costs.c - measures what the kernels of a target cost: random layers (cost_nets.c) become
 * programs, which run once with a mark between layers; the costs of a kernel are those that explain
 * what all its calls took (fit.c). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/cost_nets.h"
#include "driver/driver.h"
#include "targets/costs.h"
#include "targets/kernels.h"

enum { LEAST_CALLS = 8 };

/* The builds that a table has. */
static const struct {
  const char *optimize, *flag;
} builds[] = {{"balanced", "-O2"}, {"balanced", "-Os"}};
enum { N_BUILDS = sizeof builds / sizeof *builds };

/* All calls of one kernel. */
typedef struct Calls {
  const char *kernel;
  bool alone;
  int n;
  double *feature; /* [n][N_COST_FEATURES] */
  double *took;    /* [n] */
} Calls;

typedef struct Measured {
  Arena *a;
  int n;
  Calls *calls; /* [n] */
  bool is_time;
} Measured;

static Calls *calls_of(Measured *m, const char *kernel, bool alone) {
  for (int i = 0; i < m->n; i++)
    if (m->calls[i].alone == alone && strcmp(m->calls[i].kernel, kernel) == 0) return &m->calls[i];
  m->calls = arena_grow(m->a, m->calls, m->n, sizeof *m->calls);
  m->calls[m->n] = (Calls){.kernel = kernel, .alone = alone};
  return &m->calls[m->n++];
}

static void add_call(Measured *m, const Graph *g, const Node *n, const Kernel *k, double took) {
  if (!k || took <= 0) return;
  Calls *c = calls_of(m, k->name, is_alone(g, n));
  c->took = arena_grow(m->a, c->took, c->n, sizeof *c->took);
  c->feature = arena_grow(m->a, c->feature, c->n, N_COST_FEATURES * sizeof *c->feature);
  c->took[c->n] = took;
  count_features(n, c->feature + (int64_t)c->n++ * N_COST_FEATURES);
}

/* One network of random layers, built and run. */
static void measure_net(Measured *m, const Options *o, const char *dir, const char *target,
                        int number) {
  Arena *a = new_arena();
  RunResult r = {0};
  Job j = {.a = a, .o = o, .target = load_target(a, target), .name = "costs"};
  j.model = random_cost_net(a, number);
  j.policy = cost_net_policy(a, o->optimize);
  j.calib = random_cost_samples(a, j.model);
  start_job(&j);
  find_pass("inputs")->run(j.model, &j.cx);
  compile_job(&j, NULL, NULL);
  Samples *s = samples_for(&j, j.calib);
  const char *folder = arena_printf(a, "%s/%s%s-%d", dir, o->optimize, o->opt, number);
  if (mkdir(folder, 0777) != 0) error("%s: cannot be made", folder);
  run_job(&j, folder, s, sample_room(a, s->n, output_bytes(j.g)), true, j.g->n_node, &r);
  for (int i = 0; i < j.g->n_node && i < r.n_mark; i++)
    add_call(m, j.g, j.g->node[i], variant_kernel(j.g->node[i], r.variant), (double)r.mark[i]);
  m->is_time = r.is_time;
  free_arena(a);
}

static int by_kernel(const void *a, const void *b) {
  const KernelCost *x = a, *y = b;
  int order = strcmp(x->kernel, y->kernel);
  return order ? order : x->alone - y->alone;
}

static CostBuild fit_build(Measured *m, const Options *o) {
  CostBuild b = {.optimize = o->optimize, .flag = o->opt};
  b.kernel = arena_alloc(m->a, (m->n + 1) * (int64_t)sizeof *b.kernel);
  for (int i = 0; i < m->n; i++) {
    const Calls *c = &m->calls[i];
    if (c->n < LEAST_CALLS) continue;
    b.kernel[b.n] = fit_costs(m->a, c->kernel, c->n, c->feature, c->took);
    b.kernel[b.n++].alone = c->alone;
  }
  qsort(b.kernel, (size_t)b.n, sizeof *b.kernel, by_kernel);
  return b;
}

void calibrate_costs(Arena *a, const Options *o, const char *target, const char *path) {
  CostTable t = {.n_build = N_BUILDS, .build = arena_alloc(a, N_BUILDS * (int64_t)sizeof *t.build)};
  if (o->n_arg > 0) error("unexpected argument '%s': --calibrate measures no model", o->arg[0]);
  if (load_target(a, target)->n_variant)
    error("--calibrate: target '%s' has variants, each with kernels of its own", target);
  const char *dir = work_folder(a, false);
  int done = 0, all = N_BUILDS * n_cost_nets();
  for (int b = 0; b < N_BUILDS; b++) {
    Options build = *o;
    Measured m = {.a = a};
    build.optimize = builds[b].optimize;
    build.opt = builds[b].flag;
    build.quiet = true;
    for (int i = 0; i < n_cost_nets(); i++) {
      measure_net(&m, &build, dir, target, i);
      if (!o->quiet) show_progress("measuring kernels", ++done, all);
    }
    t.is_time = m.is_time;
    t.build[b] = fit_build(&m, &build);
  }
  FILE *f = open_file(path);
  write_costs(f, &t, target);
  close_file(f, path);
}
