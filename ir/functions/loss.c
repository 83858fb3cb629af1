/* loss.c - the bodies of NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: the probability of each
 * label's class is gathered, weighted and reduced. */
#include <string.h>

#include "ir/functions.h"

static bool is_reduction(const Node *n, const char *name) {
  return strcmp(attr_str(n, "reduction", "mean"), name) == 0;
}

static void check_loss(const Body *b) {
  const Node *n = b->n;
  const Tensor *x = b->in[0], *label = b->in[1], *weight = body_input(b, 2);
  char tx[DIMS_TEXT], tl[DIMS_TEXT];
  bool fits = x->rank >= 2 && label->rank == x->rank - 1 && x->dim[0] == label->dim[0];
  for (int d = 2; fits && d < x->rank; d++) fits = x->dim[d] == label->dim[d - 1];
  if (!fits)
    error_at(n->loc, "%s: labels of shape %s do not fit %s", op_name(n), dims_text(tl, sizeof tl, label),
             dims_text(tx, sizeof tx, x));
  if (label->dtype != DT_I32 && label->dtype != DT_I64)
    error_at(n->loc, "%s: labels are %s, expected int32 or int64", op_name(n), dtype_name(label->dtype));
  if (weight && (weight->rank != 1 || weight->dim[0] != x->dim[1]))
    error_at(n->loc, "%s: weights have shape %s, expected [%lld]", op_name(n),
             dims_text(tl, sizeof tl, weight), (long long)x->dim[1]);
  if (!is_reduction(n, "mean") && !is_reduction(n, "sum") && !is_reduction(n, "none"))
    error_at(n->loc, "%s: unknown reduction '%s'", op_name(n), attr_str(n, "reduction", ""));
}

/* A number of the labels' type. */
static Tensor *put_label(Body *b, int64_t v) {
  DType t = b->in[1]->dtype;
  Tensor *c = new_const(b->g, fresh_name(b->g, arena_printf(b->g->arena, "%s_label", b->n->name)), t, 0,
                        NULL, arena_alloc(b->g->arena, dtype_bytes(t)));
  put_int(t, c->data, 0, v);
  return c;
}

static Tensor *put_choice(Body *b, Tensor *condition, Tensor *yes, Tensor *no) {
  return put_op(b, "Where", 3, (Tensor *[]){condition, yes, no});
}

static Tensor *put_total(Body *b, const char *op, Tensor *x) {
  return put1_with(b, op, x, "keepdims", 0);
}

/* The loss of the logarithms of probabilities, x[batch][classes][...]. */
static Tensor *put_likelihood(Body *b, Tensor *x) {
  const Tensor *labels = b->in[1];
  Tensor *weight = body_input(b, 2), *label = b->in[1], *ignored = NULL, *factor = NULL;
  Tensor *zero = put_real(b, x->dtype, 0);
  const Attr *ignore = find_attr(b->n, "ignore_index");
  int64_t dim[MAX_RANK];
  memcpy(dim, x->dim, sizeof dim);
  dim[1] = 1;
  if (ignore) {
    ignored = put2(b, "Equal", label, put_label(b, ignore->i));
    label = put_choice(b, ignored, put_label(b, 0), label);
  }
  Node *pick = start_node(b, "GatherElements", 2, (Tensor *[]){x, put_reshape(b, label, x->rank, dim)});
  set_int(b->g, pick, "axis", 1);
  Tensor *loss = put1(b, "Neg", put_reshape(b, finish_node(b, pick), labels->rank, labels->dim));
  if (weight) factor = put2(b, "Gather", weight, label);
  if (factor) loss = put2(b, "Mul", loss, factor);
  if (ignored) loss = put_choice(b, ignored, zero, loss);
  if (is_reduction(b->n, "none")) return loss;
  if (is_reduction(b->n, "sum")) return put_total(b, "ReduceSum", loss);
  if (!ignored && !factor) return put_total(b, "ReduceMean", loss);
  if (!factor) factor = put_real(b, x->dtype, 1);
  if (ignored) factor = put_choice(b, ignored, zero, factor);
  return put2(b, "Div", put_total(b, "ReduceSum", loss), put_total(b, "ReduceSum", factor));
}

bool body_likelihood_loss(Body *b) {
  check_loss(b);
  b->out[0] = put_likelihood(b, b->in[0]);
  return true;
}

bool body_cross_entropy(Body *b) {
  check_loss(b);
  b->out[1] = put2(b, "Sub", b->in[0], put_reduce(b, "ReduceLogSumExp", b->in[0], 1, (int64_t[]){1}));
  b->out[0] = put_likelihood(b, b->out[1]);
  return true;
}
