/* grad.h - gradients of graphs, as graphs: reverse-mode differentiation by the rules in the vjp
 * column of ops.def, losses, and products with the Hessian.
 *
 * A cotangent of a tensor is the gradient of the loss with respect to it.  It is a float tensor of the
 * same shape and layout.  For a tensor of codes it is that of the real numbers that the codes stand for,
 * so gradients pass rounding as if it were not there, wherever nothing is clipped. */
#ifndef QCC_GRAD_H
#define QCC_GRAD_H

#include "ir/ir.h"

/* ---- grad/gradient.c */

/* A copy of g, in its arena, that computes `loss` as output 0 and its gradient with respect to wrt[i], any
 * float tensor of g, as output 1 + i: zeros where the loss does not depend on it.  The gradient of a loss
 * of several elements is that of their sum.  Shapes must be static, tensors float32. error_at() where a
 * node between them has no rule; piecewise functions have the slope of one side in their kinks.
 *
 * Tensors keep their names.  The result is an ordinary graph, and its gradient can be taken again,
 * where the rules of its operators are made of operators that have rules. */
Graph *gradient(const Graph *g, const Tensor *loss, int n, Tensor *const *wrt);

/* ---- grad/loss.c */

typedef enum LossKind {
  /* -sum of target * log p, with p the Softmax of the output: of what is before it where the output is
   * one already; over its axis, or the last, the mean of all others */
  LOSS_CROSS_ENTROPY,
  LOSS_SQUARED_ERROR,  /* mean of (output - target)^2 */
} LossKind;

/* Whether y is made by a Softmax, so that a divergence is its natural loss. */
bool is_distribution(const Tensor *y);
/* Appends the loss of output y of g, and gives g one more input, *target, of y's shape: probabilities, 1 for a
 * label and 0 for others, or real numbers.  With the network's own output as target, the gradient of
 * the cross-entropy is that of the Kullback-Leibler divergence from it. */
Tensor *add_loss(Graph *g, Tensor *y, LossKind kind, Tensor **target);

/* ---- grad/hessian.c */

enum { MAX_LOSS_INPUTS = 64 };

/* The mean over all samples of a loss, as a function of some of the constants of its graph. */
typedef struct LossFunction {
  const Graph *g;           /* computes the loss of one sample */
  const Tensor *loss;       /* of one element */
  int n;
  Tensor *const *weight;    /* [n] float32 constants of g */
  const Samples *samples;   /* for the inputs of g, targets too */
} LossFunction;

/* product[l] = (H v)_l, both [n][elements of weight l].  The error is that of a central difference over
 * 1e-3 of the length of all weights: below 1e-3 for smooth losses. */
void hessian_vector(const LossFunction *f, const float *const *v, double **product);

typedef struct TraceOptions {
  int64_t least, most;      /* probes */
  int64_t samples;          /* that each of them looks at */
  double tolerance;         /* enough when that share of the sum of all traces is its standard error */
  uint64_t seed;            /* the same seed gives the same probes */
  void (*progress)(const char *what, int64_t done, int64_t total);  /* or NULL */
} TraceOptions;

typedef struct Trace {
  double value;             /* an estimate */
  double error;             /* its standard error */
} Trace;

/* trace[l] = the trace of the block of the Hessian that belongs to weight l.  Returns how many probes it
 * took. */
int64_t hessian_traces(const LossFunction *f, const TraceOptions *o, Trace *trace);
/* square[l] = mean over the samples of the squares of all elements of the gradient of weight l. */
void gradient_squares(const LossFunction *f, Trace *square);

#endif
