/* norm.c - the bodies of normalizations: y = (x - mean) / deviation, with what each of them takes them over,
 * and x over a norm, a sum of neighbouring channels, or what Softmax divides by. */
#include "ir/functions.h"

/* (x - mean) / sqrt(variance + epsilon) over some dimensions; not `centred`: the mean is taken for 0. */
static Tensor *put_normalized(Body *b, Tensor *x, int n, const int64_t *axes, bool centred,
                              double epsilon) {
  if (centred) x = put2(b, "Sub", x, put_reduce(b, "ReduceMean", x, n, axes));
  Tensor *variance = put_reduce(b, "ReduceMean", put2(b, "Mul", x, x), n, axes);
  if (epsilon > 0) variance = put2(b, "Add", variance, put_real(b, x->dtype, epsilon));
  return put2(b, "Div", x, put1(b, "Sqrt", variance));
}

static Tensor *put_scaled(Body *b, Tensor *x, Tensor *scale, Tensor *shift) {
  if (scale) x = put2(b, "Mul", x, scale);
  return shift ? put2(b, "Add", x, shift) : x;
}

static double epsilon_of(const Body *b) { return attr_float(b->n, "epsilon", (double)1e-5f); }

/* All spatial dimensions of x; how many. */
static int spatial_axes(const Tensor *x, int64_t *axes) {
  for (int d = 2; d < x->rank; d++) axes[d - 2] = d;
  return x->rank - 2;
}

static void need_rank(const Body *b, const Tensor *x, int rank) {
  char text[DIMS_TEXT];
  if (x->rank < rank)
    error_at(b->n->loc, "%s: input has shape %s, expected at least %d dimensions", op_name(b->n),
             dims_text(text, sizeof text, x), rank);
}

/* ---- by channels */

bool body_batch_norm(Body *b) {
  Tensor *x = b->in[0], *p[5];
  need_rank(b, x, 2);
  for (int i = 1; i < 5; i++) p[i] = put_along(b, put_cast(b, b->in[i], x->dtype), x->rank, 1);
  Tensor *deviation =
      put1(b, "Sqrt", put2(b, "Add", p[4], put_real(b, x->dtype, epsilon_of(b))));
  Tensor *scale = put2(b, "Div", p[1], deviation);
  b->out[0] = put_scaled(b, put2(b, "Sub", x, p[3]), scale, p[2]);
  return true;
}

bool body_instance_norm(Body *b) {
  Tensor *x = b->in[0];
  int64_t axes[MAX_RANK];
  int n = spatial_axes(x, axes);
  Tensor *y = put_normalized(b, x, n, axes, true, epsilon_of(b));
  b->out[0] = put_scaled(b, y, put_along(b, b->in[1], x->rank, 1), put_along(b, b->in[2], x->rank, 1));
  return true;
}

/* A parameter for each channel, or for each group (opset 18) repeated for its channels. */
static Tensor *put_by_channel(Body *b, Tensor *p, int64_t groups, int64_t channels) {
  const char *what = p == b->in[1] ? "scale" : "bias";
  if (p->rank != 1 || (p->dim[0] != channels && p->dim[0] != groups))
    error_at(b->n->loc, "GroupNormalization: %s has %lld elements, expected %lld or %lld", what,
             (long long)n_elements(p), (long long)channels, (long long)groups);
  if (p->dim[0] == channels) return p;
  int64_t column[2] = {groups, 1}, full[2] = {groups, channels / groups};
  p = put2(b, "Expand", put_reshape(b, p, 2, column), put_ints(b, 2, full));
  return put_reshape(b, p, 1, &channels);
}

/* The groups are rows of a LayerNormalization without parameters. */
bool body_group_norm(Body *b) {
  Tensor *x = b->in[0], *scale = b->in[1], *shift = b->in[2];
  int64_t groups = attr_int(b->n, "num_groups", 0);
  need_rank(b, x, 2);
  for (int i = 0; i < 3; i++) need_float(b->n, i);
  int64_t channels = x->dim[1];
  if (groups < 1 || channels % groups)
    error_at(b->n->loc, "GroupNormalization: %lld channels can't be divided in %lld groups",
             (long long)channels, (long long)groups);
  int64_t rows[3] = {x->dim[0], groups, x->dim[0] && groups ? n_elements(x) / x->dim[0] / groups : 0};
  int64_t last = 2;
  Tensor *y = put_normalized(b, put_reshape(b, x, 3, rows), 1, &last, true, epsilon_of(b));
  scale = put_by_channel(b, put_cast(b, scale, x->dtype), groups, channels);
  shift = put_by_channel(b, put_cast(b, shift, x->dtype), groups, channels);
  b->out[0] = put_scaled(b, put_reshape(b, y, x->rank, x->dim), put_along(b, scale, x->rank, 1),
                         put_along(b, shift, x->rank, 1));
  return true;
}

/* ---- from an axis on */

bool body_layer_norm(Body *b) {
  Tensor *x = b->in[0], *shift = body_input(b, 2);
  int axis = get_axis(b->n, attr_int(b->n, "axis", -1), x->rank), n = 0;
  int64_t axes[MAX_RANK];
  for (int d = axis; d < x->rank; d++) axes[n++] = d;
  bool centred = is_op(b->n, "LayerNormalization");
  Tensor *y = put_normalized(b, x, n, axes, centred, epsilon_of(b));
  b->out[0] = put_scaled(b, y, put_reshape(b, b->in[1], n, x->dim + axis),
                         shift ? put_reshape(b, shift, n, x->dim + axis) : NULL);
  return !has_out(b->n, 1);
}

bool body_mean_variance(Body *b) {
  Tensor *x = b->in[0];
  int64_t axes[MAX_RANK] = {0, 2, 3};
  int n = attr_ints(b->n, "axes", axes, MAX_RANK);
  need_float(b->n, 0);
  if (n == 0) n = 3;
  for (int i = 0; i < n; i++) axes[i] = get_axis(b->n, axes[i], x->rank);
  b->out[0] = put_normalized(b, x, n, axes, true, 1e-18);
  return true;
}

/* ---- com.microsoft: with a residual in front, and without a mean */

static Tensor *put_last_norm(Body *b, bool centred, Tensor *x, Tensor *scale, Tensor *shift) {
  const Tensor *given[] = {scale, shift};
  for (int i = 0; i < 2; i++)
    if (given[i] && (given[i]->rank != 1 || x->rank < 1 || given[i]->dim[0] != x->dim[x->rank - 1]))
      error_at(b->n->loc, "%s: %s has %lld elements, expected one for each of the last dimension",
               op_name(b->n), i ? "beta" : "gamma", (long long)n_elements(given[i]));
  Node *n = start_node(b, centred ? "LayerNormalization" : "RMSNormalization", shift ? 3 : 2,
                       (Tensor *[]){x, scale, shift});
  set_float(b->g, n, "epsilon", attr_float(b->n, "epsilon", centred ? 1e-12 : (double)1e-5f));
  set_int(b->g, n, "axis", -1);
  return finish_node(b, n);
}

bool body_simplified_norm(Body *b) {
  if (attr_int(b->n, "axis", -1) != -1 && attr_int(b->n, "axis", -1) != b->in[0]->rank - 1)
    error_at(b->n->loc, "SimplifiedLayerNormalization: only the last axis is supported");
  b->out[0] = put_last_norm(b, false, b->in[0], b->in[1], NULL);
  return true;
}

/* Inputs x, skip, gamma, and beta where there is a mean, then the bias of x; output 3 is the sum. */
bool body_skip_norm(Body *b) {
  bool centred = is_op(b->n, "SkipLayerNormalization");
  Tensor *shift = centred ? body_input(b, 3) : NULL, *bias = body_input(b, centred ? 4 : 3);
  Tensor *x = put2(b, "Add", b->in[0], b->in[1]);
  if (bias) x = put2(b, "Add", x, bias);
  b->out[0] = put_last_norm(b, centred, x, b->in[2], shift);
  b->out[3] = x;
  for (int i = 1; i < 3; i++)
    if (body_wants(b, i)) error_at(b->n->loc, "%s: output %d is not supported", op_name(b->n), i + 1);
  return true;
}

/* ---- x over something */

bool body_lp_norm(Body *b) {
  Tensor *x = b->in[0];
  int64_t p = attr_int(b->n, "p", 2), axis = get_axis(b->n, attr_int(b->n, "axis", -1), x->rank);
  need_float(b->n, 0);
  if (p != 1 && p != 2) error_at(b->n->loc, "LpNormalization: p is %lld, expected 1 or 2", (long long)p);
  Tensor *norm = put_reduce(b, p == 1 ? "ReduceL1" : "ReduceL2", x, 1, &axis);
  /* Where all is 0, so is the output. */
  Tensor *zero = put_real(b, x->dtype, 0), *one = put_real(b, x->dtype, 1);
  norm = put_op(b, "Where", 3, (Tensor *[]){put2(b, "Equal", norm, zero), one, norm});
  b->out[0] = put2(b, "Div", x, norm);
  return true;
}

/* The mean over neighbouring channels is that of a pool along them, zeros beside them included. */
bool body_lrn(Body *b) {
  Tensor *x = b->in[0];
  int64_t size = attr_int(b->n, "size", 1), before = (size - 1) / 2;
  need_rank(b, x, 2);
  if (x->dim[0] == 0 || x->dim[1] == 0) return false;
  int64_t flat[4] = {x->dim[0], 1, x->dim[1], n_elements(x) / x->dim[0] / x->dim[1]};
  Tensor *square = put_reshape(b, put2(b, "Mul", x, x), 4, flat);
  Node *pool = start_node(b, "AveragePool", 1, &square);
  set_ints(b->g, pool, "kernel_shape", 2, (int64_t[]){size, 1});
  set_ints(b->g, pool, "pads", 4, (int64_t[]){before, 0, size - 1 - before, 0});
  set_int(b->g, pool, "count_include_pad", 1);
  Tensor *mean = put_reshape(b, finish_node(b, pool), x->rank, x->dim);
  mean = put2(b, "Mul", mean, put_real(b, x->dtype, attr_float(b->n, "alpha", (double)1e-4f)));
  mean = put2(b, "Add", mean, put_real(b, x->dtype, attr_float(b->n, "bias", 1)));
  Tensor *root = put2(b, "Pow", mean, put_real(b, x->dtype, -attr_float(b->n, "beta", 0.75)));
  b->out[0] = put2(b, "Mul", x, root);
  return true;
}

bool body_softmax(Body *b) {
  Tensor *x = b->in[0];
  int64_t axes[MAX_RANK];
  int axis = axis_of(b->n, x, -1), end = attr_int(b->n, "flat", 0) ? x->rank : axis + 1, n = 0;
  for (int d = axis; d < end; d++) axes[n++] = d;
  x = put2(b, "Sub", x, put_reduce(b, "ReduceMax", x, n, axes));
  Tensor *power = put1(b, "Exp", x), *sum = put_reduce(b, "ReduceSum", power, n, axes);
  b->out[0] = is_op(b->n, "Softmax") ? put2(b, "Div", power, sum) : put2(b, "Sub", x, put1(b, "Log", sum));
  return true;
}
