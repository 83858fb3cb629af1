/* search.h - which format the weights of each layer get.
 *
 * A layer is a Conv or Gemm whose format the policy's rules leave open; candidates are what it may
 * get.  A metric says what each candidate costs each layer (ir/metrics.def); the compiler itself says
 * what it takes of the budgets.  Choosing is then a knapsack problem with one item per group of
 * layers (knapsack.h). */
#ifndef QCC_SEARCH_H
#define QCC_SEARCH_H

#include "ir/grad.h"
#include "passes/passes.h"

/* ---- candidates.c ---------------------------------------------------------------------------- */

/* Settings of the policy for the weights of a layer. */
typedef struct Candidate {
  const char *name; /* as the user wrote it: "int4", "int4/gptq/g32" */
  Settings set;     /* dotted keys below weights. */
} Candidate;

/* Reads "int8,int4/gptq/g32": a format each, and behind slashes a solver, a group size, or
 * `tensor` or `channel`; error_at() the place of the text when it is something else; NULL: it is
 * that of --candidates.  Returns how many. */
int read_candidates(Arena *a, const char *text, const Loc *place, Candidate **list);

/* ---- layers.c -------------------------------------------------------------------------------- */

typedef struct BitLayer {
  const char *name;   /* of the node */
  const char *output; /* by which rules know it */
  int node;           /* its index in g->node; in[1] are its weights */
  int group;          /* layers of one group get the same candidate */
  int64_t weights;    /* elements */
  float **decoded;    /* [n_candidate][weights] what is left of the weights with each candidate */
} BitLayer;

/* Outputs of the float network, found when they are first needed. */
typedef struct ExactOutputs {
  const Samples *samples;
  float *value; /* [samples->n][elements of output 0] */
} ExactOutputs;
enum { MAX_EXACT = 2 }; /* those of `samples` and of `all` */

/* What is to be chosen, and what is known for it. */
typedef struct BitSpace {
  Arena *a;
  Graph *g;          /* the float network, simplified and calibrated */
  const Context *cx; /* with the policy that is to be completed */
  int n_candidate, n_layer, n_group;
  const Candidate *candidate; /* [n_candidate] */
  BitLayer *layer;            /* [n_layer] in execution order */
  const Samples *samples;     /* that costs are measured on; the graph's inputs */
  const Samples *all;         /* as many as there are, samples the first of them */
  const int *label;           /* [all->n] of output 0, or NULL */
  ExactOutputs *exact;        /* [MAX_EXACT] */
} BitSpace;

/* The layers of s->g that the policy leaves open, in groups; error() when there are none. */
void find_layers(BitSpace *s);
/* Sets `decoded` of every layer: the weights are quantized as the policy and each candidate say. */
void decode_candidates(BitSpace *s);

/* ---- compile.c: the network with a choice made ------------------------------------------------ */

enum { AS_BEFORE = -1 }; /* in a choice: what the policy says without it */

/* The policy with a rule for every layer: choice[n_layer] are candidates or AS_BEFORE;
 * why[n_layer] (or NULL) are the comments of these rules. */
Policy *assign_policy(Arena *a, const BitSpace *s, const int *choice, const char *const *why);
/* s->g as the passes up to `stop_after` (NULL: the last) leave it with a choice; all of it, and
 * of what cx becomes, in `a`. */
Graph *compile_choice(Arena *a, const BitSpace *s, const int *choice, const char *stop_after,
                      Context *cx);
/* Compares the outputs of the integer network with a choice with those of the float network. */
Score score_choice(const BitSpace *s, const int *choice, const Samples *samples);

/* ---- ir/metrics.def: what a format costs a layer --------------------------------------------- */

typedef struct Cost {
  double value; /* 0: nothing is lost */
  double error; /* standard error of that, 0: none is known */
} Cost;

enum {
  METRIC_LABELS = 1, /* looks at labels where there are some */
};

/* Sets cost[n_layer][n_candidate]. */
typedef void MetricFn(const BitSpace *s, Cost *cost);

typedef struct Metric {
  const char *name;
  MetricFn *fn;
  int needs; /* METRIC_... */
  const char *summary;
} Metric;
extern const Metric metrics[];
extern const int n_metrics;
/* NULL gives the default; error() on an unknown name. */
const Metric *find_metric(const char *name);

/* ---- loss.c: derivatives ---------------------------------------------------------------------- */

/* The loss of output 0 on the space's samples as a function of the weights of its layers. 
 * Without labels the targets are what the float network says, or `drawn` from what it says. */
LossFunction make_loss(const BitSpace *s, bool drawn);
/* Which of a loss's weights has that name; -1: none. */
int weight_number(const LossFunction *f, const char *name);
/* cost[n_layer][n_candidate] = trace per weight times the squared error of the weights. */
void weigh_errors(const BitSpace *s, const LossFunction *f, const Trace *trace, Cost *cost);

/* ---- changes.c: what the network does when one layer changes ---------------------------------- */

/* Called for every sample, layer and candidate; samples one after another in their order. 
 * `exact` and `got` are the elements of tensor t: the layer's output, or output 0 of the graph. */
typedef double ChangeFn(const BitSpace *s, const Tensor *t, int64_t sample, const float *exact,
                        const float *got);
/* cost[n_layer][n_candidate]: the mean of fn over all samples and its standard error; fn sees the
 * layer's own output, or that of the network (`at_end`). */
void measure_changes(const BitSpace *s, bool at_end, ChangeFn *fn, Cost *cost);

#endif
