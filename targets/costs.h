/* costs.h - what kernels cost on a target: for each a sum over features of the call
 * (cost_features.def), measured on random shapes.  targets/costs/TARGET.yaml has those of a built-in
 * target. */
#ifndef QCC_COSTS_H
#define QCC_COSTS_H

#include "targets/targets.h"

enum {
  N_COST_FEATURES = 0
#define FEATURE(...) +1
#include "targets/cost_features.def"
#undef FEATURE
};

typedef struct KernelCost {
  const char *kernel;            /* name in the table of kernels */
  bool alone;                    /* where no other node of the network has it, so that it is compiled for that call */
  int64_t calls;                 /* of different shapes that it was measured on */
  double error, worst;           /* of the sum, relative: root of the mean square, largest */
  double cost[N_COST_FEATURES];  /* of one of each; none is negative */
} KernelCost;

/* Costs of kernels that are compiled in one way. */
typedef struct CostBuild {
  const char *optimize;          /* size, balanced or speed */
  const char *flag;              /* "-O2", "-Os" */
  int n;
  KernelCost *kernel;            /* [n] sorted by name */
} CostBuild;

typedef struct CostTable {
  bool is_time;                  /* nanoseconds, not instructions */
  int n_build;
  CostBuild *build;              /* [n_build] */
} CostTable;

/* The table in a file, or a built-in one by name. */
const CostTable *load_costs(Arena *a, const char *name);
const CostBuild *find_build(const CostTable *t, const char *optimize, const char *flag);
void write_costs(FILE *f, const CostTable *t, const char *target);

/* How often each feature is there in a call of the node's kernel, [N_COST_FEATURES]. */
void count_features(const Node *n, double *feature);
/* What a node takes; NAN where the table does not have its kernel. */
double predict_node(const CostBuild *b, const Graph *g, const Node *n);
/* Is the node the only one of the graph with its kernel? */
bool is_alone(const Graph *g, const Node *n);

/* ---- fit.c: non-negative least squares -------------------------------------------------------- */

/* The x [columns], none of them negative, that makes the squared length of a x - b least; a [rows][columns]. */
void fit_nonnegative(Arena *a, int rows, int columns, const double *matrix, const double *b, double *x);
/* The same for the costs of a kernel by what `calls` calls of it took, [calls] of features
 * [calls][N_COST_FEATURES]: relative errors count. */
KernelCost fit_costs(Arena *a, const char *kernel, int calls, const double *feature, const double *took);

#endif
