/* pool.c - gradients of pools.  An average spreads its cotangent evenly over its window, which is a
 * depthwise ConvTranspose with weights of 1; a greatest element hands it on, by an operator of its own. */
#include "ir/grad/rules.h"
#include "ir/ops/ops.h"

/* 1 / what each output position is divided by, shaped so that it broadcasts to y. */
static Tensor *position_shares(Vjp *v, const Node *n, const Window *w) {
  const Tensor *y = n->out[0];
  int64_t dim[MAX_RANK], positions = window_positions(w);
  for (int d = 0; d < y->rank; d++) dim[d] = d == 0 || d == channel_axis(y) ? 1 : y->dim[d];
  Window wide = *w;
  widen_window(&wide);
  float *share = arena_alloc(vjp_graph(v)->arena, positions * (int64_t)sizeof *share + 1);
  for (int64_t p = 0; p < positions; p++) {
    int64_t divisor = average_divisor(n, &wide, p);
    share[p] = divisor > 0 ? (float)(1 / (double)divisor) : 0;
  }
  Tensor *t =
      new_const(vjp_graph(v), fresh_name(vjp_graph(v), "grad"), DT_F32, y->rank, dim, share);
  t->layout = y->layout;
  return t;
}

/* Weights of 1 for one input and one output channel in each group. */
static Tensor *depthwise_ones(Vjp *v, const Window *w, const Tensor *x) {
  bool last = x->layout == LAYOUT_NHWC;
  Tensor like = {.rank = x->rank, .layout = x->layout, .dtype = DT_F32};
  like.dim[0] = w->channels;
  like.dim[last ? x->rank - 1 : 1] = 1;
  for (int d = 0; d < w->spatial; d++) like.dim[d + (last ? 1 : 2)] = w->kernel[d];
  return constant_like(v, 1, &like);
}

void vjp_average_pool(Vjp *v, const Node *n) {
  Window w;
  get_window(n, n->in[0], NULL, &w);
  Tensor *d = times(v, cotangent(v, n, 0), position_shares(v, n, &w));
  Tensor *ones = depthwise_ones(v, &w, n->in[0]);
  w.group = w.channels;
  give(v, n, 0, slide_window(v, "ConvTranspose", &w, d, ones));
}

void vjp_global_average_pool(Vjp *v, const Node *n) {
  double count = (double)n_elements(n->in[0]) / (double)n_elements(n->out[0]);
  give(v, n, 0, expand_like(v, scaled(v, cotangent(v, n, 0), 1 / count), n->in[0]));
}

void vjp_max_pool(Vjp *v, const Node *n) {
  Node *spread = begin_op(v, "MaxPoolGrad", 2, (Tensor *[]){n->in[0], cotangent(v, n, 0)});
  copy_attributes(v, spread, n);
  give(v, n, 0, end_op(v, spread));
}

/* Elements that share the greatest value share the cotangent. */
void vjp_global_max_pool(Vjp *v, const Node *n) {
  const Tensor *x = n->in[0];
  bool reduced[MAX_RANK];
  for (int d = 0; d < x->rank; d++) reduced[d] = d > 0 && d != channel_axis(x);
  Tensor *is_it = as_float(v, apply2(v, "Equal", n->in[0], n->out[0]));
  give(v, n, 0, times(v, over(v, cotangent(v, n, 0), sum_over(v, is_it, reduced)), is_it));
}
