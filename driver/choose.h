/* choose.h - what `qcc search` keeps in mind (cmd_search.c and the choose_*.c). */
#ifndef QCC_CHOOSE_H
#define QCC_CHOOSE_H

#include "driver/driver.h"
#include "driver/search/knapsack.h"

/* What a budget may limit.  What the first ones count is added up over the layers; the others
 * are known of a network as a whole. */
typedef enum LimitKind {
  LIMIT_WEIGHTS,
  LIMIT_FLASH,
  LIMIT_LATENCY,
  N_ADDED,
  LIMIT_RAM = N_ADDED,
  LIMIT_DROP,
  N_LIMITS,
} LimitKind;

typedef struct Limit {
  const char *text; /* as given; NULL: there is none */
  double most;      /* bytes, instructions, nanoseconds; a share of the samples */
  bool is_time;     /* nanoseconds */
} Limit;

/* A choice that was compiled and measured.  NAN: nobody asked for it yet. */
typedef struct Trial {
  int *choice; /* [n_group] */
  double cost; /* by the metric */
  double take[N_LIMITS];
  double predicted_flash; /* before it was compiled; NAN: no limit is for it, or the search was stopped */
  double error;           /* noise over signal of the outputs */
  double accuracy, float_accuracy;
} Trial;

/* What lies beside the constants of layers with a mixture of candidates in one kind of layers, the
 * first candidate in all others (choose_code.c). */
typedef struct CodeBytes {
  uint64_t key; /* of the mixture */
  double bytes;
} CodeBytes;

typedef struct Chooser {
  Job *j;
  BitSpace *s;
  const Metric *metric;
  const Method *method;
  Limit limit[N_LIMITS];
  Cost *layer_cost;      /* [n_layer][n_candidate] or NULL: not measured yet */
  double *cost;          /* [n_group][n_candidate] */
  double *take[N_ADDED]; /* [n_group][n_candidate], or NULL */
  double fixed[N_ADDED]; /* what the network takes beside that */
  uint64_t *kernels;     /* [n_layer] hash of the kernels that candidates have for the layer */
  int *kind;             /* [n_layer] the first layer of the same kind */
  double first_code;     /* beside the constants of layers, the first candidate everywhere */
  int n_code;
  CodeBytes *code; /* [n_code] */
  int n_trial;
  Trial *trial;      /* [n_trial] */
  const char *dir;   /* work folder */
  const char *state; /* file that a search goes on from */
  uint64_t key;      /* of all that trials depend on */
} Chooser;

/* ---- choose_limits.c */

/* Those of --budget, and those of the policy that are not among them. */
void read_limits(Arena *a, const char *text, Limit limit[N_LIMITS]);
void read_policy_limits(const Policy *p, Limit limit[N_LIMITS]);
/* "flash=48KiB, ram=24KiB" */
const char *list_limits(Arena *a, const Limit limit[N_LIMITS]);
/* "weights", "12345 bytes of weights". */
const char *limit_name(LimitKind kind);
const char *limit_text(Arena *a, const Limit *l, LimitKind kind, double value);
bool keeps_to_limits(const Chooser *c, const Trial *t);

/* ---- choose_measure.c */

/* What each candidate takes in each group, from the network with one candidate everywhere. */
void measure_takes(Chooser *c);
/* Compiles a choice [n_group] and measures it, as far as that was not done: its error, and if
 * that is less than `to_beat` all that limits ask for. */
const Trial *try_choice(Chooser *c, const int *choice, double to_beat);
/* The choice for all layers. */
int *layer_choice(Arena *a, const BitSpace *s, const int *choice);
/* Flash of a choice, compiled in a folder of that name. */
double build_flash(const Chooser *c, const int *choice, const char *name);

/* ---- choose_code.c */

/* Takes note of the kernels of a network that has one candidate everywhere; once for each. */
void add_kernels(Chooser *c, const Graph *g);
/* Sets the kinds of layers, when kernels are known. */
void find_kinds(Chooser *c);
double sum_takes(const Chooser *c, LimitKind m, const int *choice);
/* Bytes without compiling the choice itself. */
double predict_flash(Chooser *c, const int *choice);
/* Does it keep to the limit for flash, as far as can be foretold? */
bool may_fit(Chooser *c, const int *choice);

/* ---- choose_state.c */

/* Takes costs and trials over that a search with the same key left. */
void read_state(Chooser *c);
void write_state(const Chooser *c);

/* ---- choose_best.c */

/* The problem for the additive limits, or only weights where `weights_only`. */
Knapsack knapsack_of(const Chooser *c, bool weights_only);
/* The best choice that keeps to all limits; error() when there is none. */
const Trial *choose_best(Chooser *c);
/* Was the search asked to stop? */
bool is_stopped(void);
void watch_for_stop(void);

/* ---- choose_refine.c: a choice that is better than `best` by measurement, or that itself. */
const Trial *refine(Chooser *c, const Trial *best);

/* ---- choose_write.c: the policy, its lock file, the Pareto front. */

void write_choice(Chooser *c, const Trial *t);
void print_choice(const Chooser *c, const Trial *t);
#endif
