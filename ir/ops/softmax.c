/* softmax.c - Softmax and LogSoftmax: exp(x - max) over its sum, along one axis.
 *
 * Before opset 13 the axis (default 1) meant: flatten to two dimensions there, and normalize rows.
 * infer() writes what holds into the node, so that nobody after it needs the opset: `axis`
 * as an index from 0, and `flat` = 1 where more than one dimension is normalized together. */
#include <math.h>

#include "ir/ops/ops.h"

void infer_softmax(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  need_float(n, 0);
  bool old = g->opset > 0 && g->opset < 13;
  if (x->rank == 0) error_at(n->loc, "%s: input is a scalar", op_name(n));
  bool given = find_attr(n, "axis") != NULL;
  /* Old models could say axis = rank: rows of one element; nobody means that. */
  int axis = get_axis(n, given ? attr_int(n, "axis", -1) : old && x->rank > 1 ? 1 : -1, x->rank);
  set_int(g, n, "axis", axis);
  remove_attr(n, "flat");
  if (old && dims_product(x->dim, axis + 1, x->rank) != 1) set_int(g, n, "flat", 1);
  set_like(n, 0, x);
}

static void normalize(DType t, const void *x, void *y, int64_t from, int64_t count, int64_t step,
                      bool log_of) {
  double max = -INFINITY, sum = 0;
  for (int64_t i = 0; i < count; i++) {
    double v = get_real(t, x, from + i * step);
    if (!(v <= max)) max = v;
  }
  for (int64_t i = 0; i < count; i++) sum += exp(get_real(t, x, from + i * step) - max);
  double log_sum = log(sum);
  for (int64_t i = 0; i < count; i++) {
    double v = get_real(t, x, from + i * step) - max;
    set_real(t, y, from + i * step, log_of ? v - log_sum : exp(v) / sum);
  }
}

void eval_softmax(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int axis = get_axis(n, attr_int(n, "axis", -1), x->rank);
  bool flat = attr_int(n, "flat", 0) != 0;
  int64_t outer = dims_product(x->dim, 0, axis);
  int64_t count = flat ? dims_product(x->dim, axis, x->rank) : x->dim[axis];
  int64_t inner = flat ? 1 : dims_product(x->dim, axis + 1, x->rank);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++)
      normalize(x->dtype, in[0], out[0], o * count * inner + i, count, inner,
                is_op(n, "LogSoftmax"));
}
