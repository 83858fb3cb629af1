/* driver.h - the command line: one file per verb (cmd_<verb>.c, a row in verbs.def), options
 * read in one place, and the job that all verbs share: model, policy, samples, target, passes. */
#ifndef QCC_DRIVER_H
#define QCC_DRIVER_H

#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "driver/search/search.h"

/* A policy as the command line names it: a file, a preset, or neither. */
typedef struct PolicyName { const char *file, *preset; } PolicyName;

/* Output and input of a model that are a state: --state output=input. */
typedef struct StatePair { const char *output, *input; } StatePair;

/* What a network may take at most (budget.c). */
typedef enum BudgetKind { BUDGET_FLASH, BUDGET_RAM, BUDGET_LATENCY } BudgetKind;
typedef struct Budget {
  BudgetKind kind;
  const char *target;           /* that it is for; NULL: every one */
  const char *text;             /* as given: "48KiB" */
  int64_t most;                 /* bytes, instructions or nanoseconds */
  bool is_time;                 /* nanoseconds */
} Budget;

typedef struct Options {
  const char *verb;
  int n_arg;
  const char **arg;             /* positional arguments */
  const char *policy, *preset, *target, *targets, *calib, *output, *stop_after, *emit, *name,
      *optimize;
  const char *lora, *input, *labels, *against, *metric, *candidates, *budgets, *method, *compiler, *tensor, *opt,
      *variant, *sensitivity, *search, *calibrate, *costs;
  int64_t limit;                /* samples; 0: all */
  int threads;                  /* of the compiler itself; 0: all cores */
  bool json, on_target, layers, expand, verbose, keep, emulate, quiet, help, version,
      bench;
  int n_bind;
  DimBinding *bind;             /* --dim name=n */
  int n_fixed;
  FixedInput *fixed;            /* [n_fixed] --fix name=file */
  int n_state;
  StatePair *state;             /* [n_state] --state output=input */
  int n_policy;
  PolicyName *policies;         /* [n_policy] each --policy and --preset: some verbs take several */
  int n_budget;
  Budget *budget;               /* [n_budget] --max-flash, --max-ram, --max-latency */
} Options;

/* Exit statuses beside 0 and those of error() and bug(). */
enum { EXIT_CHECK_FAILED = 2 };

typedef struct Verb {
  const char *name;
  int (*run)(Arena *a, const Options *o);
  const char *options;          /* long options it takes, separated by spaces */
  const char *usage;            /* what follows `qcc [verb]` */
  const char *summary;
} Verb;
extern const Verb verbs[];
extern const int n_verbs;

/* Everything a verb needs about one compilation. */
typedef struct Job {
  Arena *a;
  const Options *o;
  Graph *model;                 /* as read, with inputs and adapter of the policy: the float reference */
  Graph *g;                     /* what the passes work on */
  Policy *policy;
  Target *target;
  Samples *calib;
  PlanReport report;
  Context cx;
  const char *name;             /* prefix */
} Job;

/* ---- job.c ----------------------------------------------------------------------------------- */

/* Reads model, policy, target and calibration data. `target` overrides the option; NULL: none. */
Job *new_job(Arena *a, const Options *o, const char *target);
/* Makes the context and the graph of a job whose model, policy, target, calibration data and name are set. */
void start_job(Job *j);
/* Runs the passes behind `start_after` up to and with `stop_after`; NULL: from the first, to the
 * last. */
void compile_job(Job *j, const char *start_after, const char *stop_after);
/* Generated files in `dir`, with report and lock file. */
void write_job(Job *j, const char *dir);
/* error() when flash or RAM of the target do not hold the constants and the arena; by region. */
void check_fit(Job *j);
CodegenOptions codegen_options(const Job *j);
HarnessIo harness_io(const Job *j);
int compiler_of(const Options *o);   /* which of the target's compilers */
/* A model of either kind, by its ending. */
Graph *read_model(Arena *a, const Options *o);

/* ---- measure.c: what a network takes on a target, from what its compiler makes of it --------- */

typedef struct TargetSize {
  const Target *target;
  const char *missing;          /* package with the target's compiler, without which nothing but the
                                   arena is known; NULL: it is here */
  ObjectSize size;
  int64_t arena;
  int64_t state;                /* bytes of what lives from call to call */
  RunResult run;                /* `counted` where latency was asked for */
} TargetSize;

/* Compiles a job that has come to LAST_COMMON_PASS for a target, in a folder below `dir`; counts an
 * inference where a budget is for latency. */
TargetSize measure_target(const Job *common, Target *target, const char *dir);
/* The same for a job that has come to the end. */
TargetSize measure_job(Job *j, const char *dir);
/* The optimisation level of the sizes, and a run of that build over at most so many samples. */
const char *size_opt(const Job *j);
const char *run_opt(const Job *j); /* of run_job */
void measure_run(Job *j, const char *dir, int64_t samples, int layers, RunResult *run);
/* Bytes of ROM, and of RAM with states and the bound of the stack where there is one; -1: not known. */
int64_t flash_bytes(const TargetSize *s);
int64_t ram_need(const TargetSize *s);
/* {code, constants, weights, scales, stack, flash, ram, arena}, null where not known. */
struct json_t *size_json(const TargetSize *s);
/* The targets of --targets, or the one of --target; error() when there are none. */
int load_targets(Arena *a, const Options *o, Target ***targets);

/* ---- budget.c -------------------------------------------------------------------------------- */

Budget read_budget(Arena *a, BudgetKind kind, const char *text);
/* Text to instructions or nanoseconds: "1.5M", "2ms"; -1 when it is neither. */
int64_t parse_latency(const char *text, bool *is_time);
/* error() when a budget is for none of the targets, or in a unit that its target is not measured in. */
void check_budgets(const Options *o, int n, Target *const *targets);
bool has_budget(const Options *o, BudgetKind kind, const Target *t);
/* Says on stderr by how much budgets are exceeded; `what` is the network.  Are none? */
bool within_budgets(Arena *a, const Options *o, const char *what, const TargetSize *s);

/* ---- calibrate_costs.c ------------------------------------------------------------------------ */

/* Measures what the kernels of a target cost and writes the table to a file ("-": stdout). */
void calibrate_costs(Arena *a, const Options *o, const char *target, const char *path);

/* ---- predict.c -------------------------------------------------------------------------------- */

/* What a compiled job takes when it is built with `flag`, by the table of its target: the sum, and each
 * node [n_node] where that is not NULL.  NAN where there is no table, or it lacks a kernel. */
double predict_job(const Job *j, const char *flag, bool is_time, double *node);

/* ---- space.c --------------------------------------------------------------------------------- */

/* The layers that the policy leaves open, with their candidates; runs the passes up to `calibrate`. */
BitSpace *new_space(Job *j);
/* That of --metric, else of the policy's search section. */
const Metric *chosen_metric(const Job *j);

/* ---- files.c --------------------------------------------------------------------------------- */

/* A fresh folder for work, removed when the program ends unless `keep`. */
const char *work_folder(Arena *a, bool keep);
/* A temporary folder beside `dir`, so that finish_folder can rename it; removed on an error. */
const char *open_folder(Arena *a, const char *dir);
void finish_folder(Arena *a, const char *temporary, const char *dir);
FILE *open_file(const char *path);   /* "-": stdout */
/* Writes a file by way of a temporary one. */
void close_file(FILE *f, const char *path);

/* ---- progress.c ------------------------------------------------------------------------------ */

void show_progress(const char *what, int64_t done, int64_t total);

/* ---- score.c: running samples ----------------------------------------------------------------- */

/* Labels of n samples, each the index of one of the first output's elements. */
int *read_labels(Arena *a, const char *path, int64_t n, int64_t classes);

/* Samples of --input with the states that the float network has in each. */
Samples *recorded_samples(const Job *j);
/* Samples for the graph as the passes left it: from --input, else --calib, else `otherwise`
 * random ones. */
Samples *job_samples(Job *j, int64_t otherwise, bool *random);
/* Builds the job for its target and runs it over samples of the compiled graph; outputs as
 * stored. */
void run_job(Job *j, const char *dir, const Samples *s, uint8_t *outputs, bool count, int n_layer,
             RunResult *result);
/* Name of the variant that ran, NULL where the target has none; and "TARGET (VARIANT)". */
const char *variant_name(const Job *j, const RunResult *r);
const char *target_text(const Job *j, const RunResult *r);
/* Runs graph g over samples (of graph `owner`, whose inputs they are for): outputs of all
 * samples, as stored. */
void run_samples_on(const Graph *g, const Samples *s, uint8_t *outputs);
/* The samples as the compiled graph takes them: codes where the input became codes. Caller's
 * arena. */
Samples *samples_for(const Job *j, const Samples *s);
int64_t output_bytes(const Graph *g);
int64_t input_bytes(const Graph *g);

#endif
