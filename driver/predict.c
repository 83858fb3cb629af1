/* predict.c - what a network takes on its target, by the table of what the target's kernels cost. */
#include <math.h>

#include "driver/driver.h"
#include "targets/costs.h"

static const CostBuild *build_of(const Job *j, const char *flag, bool is_time) {
  const char *name = j->o->costs ? j->o->costs : j->target->costs;
  if (!name || j->target->n_variant || compiler_of(j->o) != 0) return NULL;
  const CostTable *t = load_costs(j->a, name);
  CodegenOptions c = codegen_options(j);
  return t->is_time == is_time ? find_build(t, c.optimize, flag) : NULL;
}

double predict_job(const Job *j, const char *flag, bool is_time, double *node) {
  const CostBuild *b = build_of(j, flag, is_time);
  double sum = b ? 0 : NAN;
  for (int i = 0; i < j->g->n_node; i++) {
    double v = b ? predict_node(b, j->g, j->g->node[i]) : NAN;
    if (node) node[i] = v;
    sum += v;
  }
  return sum;
}
