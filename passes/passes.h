/* passes.h - what a pass may use.  A pass is a free function in its own file with a row in
 * passes.def. */
#ifndef QCC_PASSES_H
#define QCC_PASSES_H

#include "ir/ir.h"
#include "ir/policy.h"
#include "targets/targets.h"

/* What a low-rank adapter did to the layers of the graph (quant/lora.c). */
typedef struct AdaptedLayer {
  const char *node;
  int64_t rank;
} AdaptedLayer;
typedef struct Adapted {
  uint64_t hash;                 /* of the adapter */
  bool merged;                   /* into the weights; else computed beside them */
  const char *base;              /* format of the weights before they were merged */
  int n;
  AdaptedLayer *layer;           /* [n] */
} Adapted;

/* Everything outside the graph that passes depend on. */
typedef struct Context {
  Arena *arena;
  const Policy *policy;          /* never NULL; an empty policy means float code */
  const Target *target;          /* NULL: none chosen */
  const Samples *calib;          /* of the graph's inputs after pass `inputs`, or NULL */
  struct PlanReport *report;     /* what passes tell the user, filled in as they run */
  FILE *verbose;                 /* NULL: quiet */
  /* Shows work in progress, or NULL; called from one thread at a time. */
  void (*progress)(const char *what, int64_t done, int64_t total);
  const Adapted *adapted;        /* set by pass lora, or NULL: there is no adapter */
  struct Resolution *resolution; /* what resolve_policy() decided for every node; NULL before */
} Context;

typedef struct Note { const char *node, *text; } Note;

/* A part of the network that is computed in bands of rows. */
typedef struct Patch {
  const char *first, *last;      /* nodes of the graph before */
  int n_node;
  int64_t bands;
  int64_t macs, extra_macs;      /* of the part as a whole, and what the bands compute again */
} Patch;

/* Collected for report.json. */
typedef struct PlanReport {
  int n_patch;
  Patch *patch;
  int64_t unpatched_arena;       /* bytes without the patches; 0: there are none */
  int n_note;
  Note *note;                    /* e.g. "stays in float: no integer kernel" */
} PlanReport;
void add_note(Context *cx, const char *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

typedef struct Pass {
  const char *name;
  void (*run)(Graph *g, Context *cx);
  const char *summary;
} Pass;
extern const Pass passes[];
extern const int n_passes;
/* The last pass whose result does not depend on the target. */
#define LAST_COMMON_PASS "halves"
const Pass *find_pass(const char *name);
/* Runs the passes behind `start_after` (NULL: from the first) up to and with `stop_after` (NULL:
 * the last). The verifier runs after every pass in debug builds. */
void run_passes(Graph *g, Context *cx, const char *start_after, const char *stop_after);

/* ---- resolve.c: which choice applies to a node's weights or a tensor's activations ----------- */

/* Weights that are kept beside the codes. */
typedef struct OutlierChoice {
  const char *rule;              /* row of quant/outliers.def */
  double rate;                   /* at most this share of them; 0: none */
  double iqr;                    /* squeeze: ranges between the quartiles beyond which they are large */
  double sensitive;              /* squeeze: share that goes to those whose loss would cost most */
  double threshold;              /* spqr: cost that is too much, in those of losing a weight */
} OutlierChoice;
typedef struct WeightChoice {
  const Format *format;          /* NULL: floats ... */
  DType real;                    /* ... of this type: DT_F32, DT_F16 or DT_BF16 */
  int granularity;               /* GRAN_TENSOR, GRAN_CHANNEL, GRAN_GROUP */
  int64_t group;
  int64_t scale_bits;            /* of a group's multiple; 0: 8 */
  const char *solver;            /* row of solvers.def */
  bool clip;                     /* weights are cut off where that makes the outputs' error least */
  double damp;                   /* share of a Hessian's mean diagonal that is added to it */
  bool own_books;                /* formats with codebooks: one for each channel */
  bool act_order;                /* columns with the largest inputs are rounded first */
  double alpha;                  /* share of the inputs' mismatch that is made up for */
  int64_t sweeps;                /* times that every weight is rounded anew, given all others */
  double sparsity;               /* share of the weights that becomes 0 */
  int64_t keep, of;              /* at most `keep` in `of` weights of a channel are not 0; 0: any */
  bool compact;                  /* stored as tightly as the format allows */
  bool fast;                     /* never mind the size; neither: as `optimize` says */
  OutlierChoice outliers;
  int64_t correct;               /* rank of the products beside them that make up for rounding; 0: none */
  bool by_weights;               /* these are nearest to the weights, not by what the outputs lose */
  const Rule *won;               /* rule that decided the format, or NULL: preset/defaults */
  Loc loc;
} WeightChoice;
enum { GRAN_TENSOR, GRAN_CHANNEL, GRAN_GROUP, GRAN_TOKEN };
typedef struct ActChoice {
  const Format *format;          /* NULL: floats ... */
  DType real;                    /* ... of this type: DT_F32 or DT_F16 */
  bool symmetric;
  bool dynamic;                  /* layers find the scales of what they read at run time: */
  int granularity;               /* GRAN_TENSOR, GRAN_TOKEN, GRAN_GROUP */
  int64_t group;                 /* elements per scale with the last */
  double clip;                   /* share of the largest magnitude that the codes reach */
  double columns;                /* magnitude from which on columns are real; INFINITY: none */
  const char *method;            /* minmax percentile entropy mse auto */
  double percentile;             /* of values inside the range, by method percentile */
  const Rule *won;
  Loc loc;
} ActChoice;
/* Decides for every node of the simplified graph, sets cx->resolution, and reports rules that match
 * nothing, weights without a group size, ties that differ.  May be called again on a changed graph;
 * nodes that are made after the last call are decided when they are asked for. */
void resolve_policy(Graph *g, Context *cx);
WeightChoice weight_choice(const Graph *g, const Context *cx, const Node *n);
ActChoice act_choice(const Graph *g, const Context *cx, const Node *n);   /* for the outputs of n */
ActChoice input_choice(const Graph *g, const Context *cx, const Tensor *t); /* for a graph input */
/* The word of the policy for a choice of weights or activations. */
const char *format_text(const Format *f, DType real);
/* The constant that holds a node's weights (Conv, ConvTranspose, Gemm, MatMul), or NULL. */
const Tensor *node_weights(const Node *n);

/* ---- quant/branch.c, quant/lora.c ------------------------------------------------------------- */

/* Is the node half of a low-rank branch?  The policy's choices do not reach it: it is real. */
bool is_low_rank(const Node *n);
/* What the adapter did to the layer of that name, or NULL. */
const AdaptedLayer *find_adapted(const Adapted *a, const char *node);

/* ---- lower/widen.c -------------------------------------------------------------------------- */

/* May give the node a copy of its weights in a wider type, for which the target has vector kernels. */
void widen_weights(Graph *g, const Target *target, Node *n);

/* ---- explain.c, expand.c, lock.c: the policy as the user sees it ----------------------------- */

/* Per weight and activation tensor the choice and the line that made it; `tensor` (a tensor or
 * node of the simplified graph) limits it to one, NULL gives all. Resolves the policy where that
 * has not been done. */
void explain_policy(FILE *f, Graph *g, Context *cx, const char *tensor, bool json);
/* The policy with its preset written out, as YAML that reads back to the same settings. */
void expand_policy(FILE *f, const Policy *p);
/* policy.lock.yaml, after the pipeline has run: a policy that compiles to the same bytes without
 * calibration data, with the choice, range and bits of every tensor. */
void write_lock(FILE *f, const Graph *g, const Context *cx);

/* Bits for each element of codes t with its share of what lies beside the codes and of the scales:
 * float32 each, or a multiple per group and a float32 per channel; and of codebooks. */
double bits_per_element(const Graph *g, const Tensor *t);

/* ---- solvers.def: which code each weight gets ------------------------------------------------ */

/* What a solver can do beyond choosing integers one by one. */
enum {
  CAN_VECTORS = 1,  /* round weights that have one code together */
  CAN_BOOKS = 2,    /* round to the levels of a codebook */
  CAN_FLOATS = 4,   /* codes that are patterns of floats */
  CAN_SUMS = 8,     /* make codebooks of vectors that are added; no other solver knows such codes */
  CAN_DROP = 16,    /* set some weights to 0 */
  CAN_ANY = CAN_VECTORS | CAN_BOOKS | CAN_FLOATS,
};
struct Layer;
typedef struct Solver {
  const char *name;
  /* The scale for a run of n weights of given importance (NULL: equal); see quant/solvers.h. */
  float (*fit)(const float *w, const float *importance, int64_t n, const Format *f);
  const char *(*round)(struct Layer *l);  /* codes by the final scales */
  int needs;                              /* NEEDS_... of quant/moments.h */
  int can;                                /* CAN_... below */
  const char *summary;
} Solver;
const Solver *find_solver(const char *name);
extern const Solver solvers[];
extern const int n_solvers;
/* Names of those that can do one of these, with `between` between them. */
void name_solvers(char *text, size_t size, int can, const char *between);

#endif
