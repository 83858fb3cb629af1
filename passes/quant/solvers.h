/* solvers.h - which code each weight gets: what a solver is given, and what solvers share.
 *
 * A solver is two functions.  `fit` says which scale a run of weights would have; all scales are
 * then made usable by integer kernels (weights.c); `round` chooses the codes by these final scales.
 */
#ifndef QCC_SOLVERS_H
#define QCC_SOLVERS_H

#include "passes/passes.h"
#include "passes/quant/factor.h"
#include "passes/quant/moments.h"

struct Layer;
/* What steps [from, to) of some output channels should be, with all feedback so far (feedback.c). */
typedef struct Targets {
  const struct Layer *l;
  const Factor *f;
  int64_t channel, n;      /* the first, and how many */
  int64_t from, to;        /* steps */
  const double *t;         /* [n][stride] from step `from` on */
  int64_t stride;
} Targets;
/* Sets drop [n][stride] where a code shall be 0. */
typedef void DropFn(const Targets *a, bool *drop);

/* A layer of weights on its way to codes. */
typedef struct Layer {
  const Solver *solver;
  const WeightChoice *choice;
  const Tensor *t;         /* the codes; its first dimension counts output channels */
  const float *w;          /* [elements of t] the reals */
  int64_t channels, row;   /* output channels, elements of each */
  QuantSpec *q;            /* format, axis, group, n; final scales when `round` is called */
  int8_t *codes;           /* [channels][row] */
  const Moments *x;        /* of the inputs; NULL: the solver needs none */
  double *square;          /* [groups of x][row] diagonals of its Hessians, or NULL */
  float *importance;       /* [channels / alike][row] mean square of each weight's input, or NULL */
  int64_t alike;           /* channels in a row that share that */
  const float *dense;      /* w before some were set to 0, or NULL: none were */
  DropFn *drop;            /* of a solver with feedback; NULL: no code is to be 0 */
  int64_t drop_every;      /* asked for so many columns of one channel; 0: for blocks of channels */
  struct Outliers *outliers; /* weights that are kept beside the codes, or NULL */
} Layer;

/* Scale of n weights; anything that is not positive: they are all 0. */
typedef float FitFn(const float *w, const float *importance, int64_t n, const Format *f);
/* Sets the codes. Returns NULL, or what the user should know of it. */
typedef const char *RoundFn(Layer *l);

#define SOLVER(name, fit, round, needs, can, summary) \
  FitFn fit;                                          \
  RoundFn round;
#include "ir/solvers.def"
#undef SOLVER

/* Smallest code used for weights: -127 of int8, so that |code| fits 7 bits, all codes of
 * narrower formats. */
int32_t smallest_code(const Format *f);
/* The scale at which no weight is clipped; 0 when all are 0. */
float full_scale(const float *w, int64_t n, const Format *f);
int8_t nearest_code(float w, float scale, const Format *f);
/* The same for n weights of a row from where a vector of the format begins. */
void nearest_codes(const double *w, int64_t n, float scale, const Format *f, int8_t *codes);
/* The same for weights of a layer from `element` on, whose channel may have a codebook. */
void nearest_levels(const Layer *l, int64_t element, const double *w, int64_t n, float scale,
                    int8_t *codes);
/* Elements of the row from `column`, where one begins, that are coded together. */
int64_t vector_at(const Layer *l, int64_t column);
/* The scale at which weights are as large as suits a format of vectors best. */
float typical_scale(const float *w, int64_t n, const Format *f);
/* The multiple of a group nearest to m, 1 to 255 or what the choice's scale_bits hold, with as many
 * significant bits as the format allows. */
uint8_t nearest_multiple(double m, const Layer *l);
/* The scale with which a run, rounded to nearest, has the least error at the layer's outputs, of those that
 * the solver fits to it after its largest weights are cut off; the layer has a Hessian (clip.c). */
float clipped_scale(const Layer *l, const float *w, int64_t n, int64_t from);
/* The scale that the solver gives the n weights w, which stand for elements from `from` on, without
 * the outliers among them. */
float fit_part(const Layer *l, const float *w, int64_t from, int64_t n);
/* The importance of a run of weights of one scale from `element` on, or NULL. */
const float *importance_from(const Layer *l, int64_t element);
/* Calls fn for every run of n weights that share scale number `index`; `from` is the run's first
 * element.  In parallel: fn may write what belongs to its run only. */
typedef void RunFn(void *ctx, const float *w, int64_t n, int64_t from, int64_t index);
void for_each_run(const Tensor *t, const QuantSpec *q, RunFn *fn, const float *w, void *ctx);

/* ---- books.c: codebooks of few levels -------------------------------------------------------- */

/* The `count` levels of -127 to 127, rising, that n points are nearest to: least sum of weight * (x -
 * nearest level)^2, which is returned. */
double choose_levels(const double *x, const double *weight, int64_t n, int count, int8_t *levels);
/* Sets the codebooks of q, whose scales are final. */
void fit_books(Graph *g, Layer *l);

/* ---- prune.c: weights that become 0 ---------------------------------------------------------- */

bool is_pruned(const WeightChoice *c);
/* How many of n weights are dropped; with a pattern, n of one run. */
int64_t count_dropped(const WeightChoice *c, int64_t n);
/* Marks `count` of n, those with the smallest scores; of equal ones the first. */
void drop_smallest(const double *score, int64_t n, int64_t count, bool *drop);
/* The weights with those that matter least set to 0; from malloc. */
float *prune_weights(const Layer *l);

/* ---- outliers.c: weights that are kept beside the codes -------------------------------------- */

/* What a weight comes to that should be `now` and has a code worth q, where an error costs `cost` per
 * square: q, or more exactly `now` where it is kept. */
double settle_weight(const Layer *l, int64_t element, double now, double q, double cost);
/* Which costs may be had, by what each column of a group's channels costs in the solver's loop. */
void set_outlier_limit(Layer *l, int64_t group, const double *cost);

/* ---- feedback.c: rounding that makes up for its own errors ----------------------------------- */

enum { FEEDBACK_BLOCK = 128 };
/* Changes what channels [from, from + n), whose inputs have the Hessian f, should be: target
 * [n][row] holds their weights. */
typedef void AimFn(const Layer *l, const Factor *f, int64_t from, int64_t n, double *target);
/* Codes of output channels [from, from + n), whose inputs have the Hessian f; aim may be NULL.
 * Returns the loss sum e (H + damping) e^T. The result does not depend on `block`, the columns that
 * are finished before the feedback to all others is computed. */
double round_with_feedback(Layer *l, const Factor *f, int64_t from, int64_t n, AimFn *aim,
                           int64_t block);
/* The same for all channels, by the Hessian of each one's group, columns in that order (factor.h).
 * Falls back to the nearest codes where a Hessian cannot be factored. */
const char *round_groups(Layer *l, AimFn *aim, int order);
/* What act_order of the policy says. */
int order_of(const Layer *l);

#endif
