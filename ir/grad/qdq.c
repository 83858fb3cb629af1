/* qdq.c - gradients through rounding.  The cotangent of codes is that of the real numbers that they stand
 * for; it passes rounding unchanged where a number is within the range of the codes, and stops elsewhere (the
 * straight-through estimator: Bengio, Leonard, Courville 2013).
 *
 * For scales that are inputs this is the rule of LSQ (Esser et al. 2020): with v = x / s and code q, an element
 * gives the scale d (q - zero - v) within the range and d (q - zero) beyond.  DequantizeLinear adds
 * d (q - zero), QuantizeLinear takes d v away. */
#include "ir/grad/rules.h"
#include "ir/ops/ops.h"

static Tensor *within(Vjp *v, Tensor *x, Tensor *lo, Tensor *hi) {
  return apply2(v, "And", apply2(v, "GreaterOrEqual", x, lo), apply2(v, "LessOrEqual", x, hi));
}

/* ---- scales and zero points as inputs */

/* A scale or zero point as real numbers that broadcast to the node's input. */
static Tensor *spread(Vjp *v, const Node *n, Tensor *t) {
  const Tensor *x = n->in[0];
  int64_t block = attr_int(n, "block_size", 0), dim[MAX_RANK];
  if (t->dtype != DT_F32) t = as_float(v, t);
  if (n_elements(t) == 1 && block == 0) return reshape(v, t, 0, NULL, LAYOUT_NONE);
  int axis = get_axis(n, attr_int(n, "axis", 1), x->rank);
  for (int d = 0; d < x->rank; d++) dim[d] = d == axis ? x->dim[d] : 1;
  if (block == 0) return reshape(v, t, x->rank, dim, x->layout);
  int64_t *from = arena_alloc(vjp_graph(v)->arena, x->dim[axis] * (int64_t)sizeof *from + 1);
  for (int64_t i = 0; i < x->dim[axis]; i++) from[i] = i / block;
  Tensor *index =
      new_const_i64(vjp_graph(v), fresh_name(vjp_graph(v), "grad_index"), (int)x->dim[axis], from);
  Node *gather = begin_op(v, "Gather", 2, (Tensor *[]){t, index});
  set_int(vjp_graph(v), gather, "axis", axis);
  return end_op(v, gather);
}

static Tensor *zero_point(Vjp *v, const Node *n) {
  return in_tensor(n, 2) ? spread(v, n, n->in[2]) : number(v, 0);
}

/* Sums what the elements give their scale. */
static void give_scale(Vjp *v, const Node *n, Tensor *share) {
  if (!wants(v, n, 1)) return;
  int first = vjp_graph(v)->n_node;
  Tensor *each = expand_like(v, spread(v, n, n->in[1]), n->in[0]);
  differentiate_from(v, first, each, share);
}

void vjp_quantize_linear(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0), *zero = zero_point(v, n);
  float lo, hi;
  code_limits(n->out[0]->dtype, &lo, &hi);
  Tensor *ratio = over(v, n->in[0], spread(v, n, n->in[1]));
  Tensor *inside = within(v, ratio, minus(v, number(v, (double)lo), zero),
                          minus(v, number(v, (double)hi), zero));
  Tensor *passed = select_where(v, inside, d, number(v, 0));
  give(v, n, 0, passed);
  give_scale(v, n, apply1(v, "Neg", times(v, passed, ratio)));
}

void vjp_dequantize_linear(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0);
  give(v, n, 0, d);
  if (wants(v, n, 1))
    give_scale(v, n, times(v, d, minus(v, as_float(v, n->in[0]), zero_point(v, n))));
}

/* ---- scales of the tensors themselves */

/* The real number of a code at the end of the range, for every scale, so that it broadcasts to t. */
static Tensor *range_end(Vjp *v, const Tensor *t, int32_t code) {
  const QuantSpec *q = t->quant;
  Tensor like = {.dtype = DT_F32, .rank = q->axis < 0 ? 0 : t->rank, .layout = t->layout};
  for (int d = 0; d < like.rank; d++) like.dim[d] = q->group > 0 || d == q->axis ? t->dim[d] : 1;
  Tensor *end = constant_like(v, 0, &like);
  for (int64_t i = 0; i < n_elements(end); i++) {
    int64_t k = q->group > 0 ? scale_index(t, q, i) : i;
    ((float *)end->data)[i] = q->scale[k] * (float)(code - q->zero[k]);
  }
  return end;
}

void vjp_quantize(Vjp *v, const Node *n) {
  const Tensor *codes = n->out[0];
  const Format *f = codes->quant->format;
  Tensor *inside = within(v, n->in[0], range_end(v, codes, f->lo), range_end(v, codes, f->hi));
  give(v, n, 0, select_where(v, inside, cotangent(v, n, 0), number(v, 0)));
}

void vjp_dequantize(Vjp *v, const Node *n) { give(v, n, 0, cotangent(v, n, 0)); }
