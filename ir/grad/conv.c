/* conv.c - gradients of Conv and ConvTranspose, which are each other's: the gradient of one's input is the
 * other with the same weights and geometry.
 *
 * The gradient of the weights is a convolution as well.  It slides the cotangent over the input: strides
 * become dilations and the reverse, channels of the input become its samples, samples its channels. With
 * groups, what is summed over stays in the group: for input [N,g*C,..] and cotangent [N,g*O,..] it reads
 * [C,g*N,..] and weights [g*O,N,..], and makes [C,g*O,kernel], of which the weights' [g*O,C,kernel] is a
 * transposition.  A pointwise kernel is a plain matrix product. */
#include "ir/grad/rules.h"
#include "ir/ops/ops.h"

/* What a stride leaves over at the end of the input is negative padding. */
static int64_t end_padding(const Window *w, int d) {
  int64_t extent = (w->kernel[d] - 1) * w->dilation[d] + 1;
  return (w->out[d] - 1) * w->stride[d] + extent - w->in[d] - w->pad[d];
}

Tensor *slide_window(Vjp *v, const char *op, const Window *w, Tensor *x, Tensor *weights) {
  Graph *g = vjp_graph(v);
  bool transposed = op[4] == 'T', ragged = false;
  Node *n = begin_op(v, op, 2, (Tensor *[]){x, weights});
  int64_t pads[6], extra[3];
  for (int d = 0; d < w->spatial; d++) {
    int64_t end = end_padding(w, d);
    pads[d] = w->pad[d];
    pads[w->spatial + d] = end > 0 ? end : 0;
    extra[d] = end < 0 ? -end : 0;
    ragged |= end < 0;
  }
  set_int(g, n, "group", w->group);
  set_ints(g, n, "strides", w->spatial, w->stride);
  set_ints(g, n, "dilations", w->spatial, w->dilation);
  set_ints(g, n, "pads", 2 * w->spatial, pads);
  if (transposed && ragged) set_ints(g, n, "output_padding", w->spatial, extra);
  return end_op(v, n);
}

/* ---- the gradient of the weights */

static Tensor *swap(Vjp *v, Tensor *x, int i, int j) {
  int perm[MAX_RANK];
  for (int d = 0; d < x->rank; d++) perm[d] = d == i ? j : d == j ? i : d;
  return transpose(v, x, perm, x->layout);
}

/* [N,g*C,..] to [C,g*N,..], or both with the channels last. */
static Tensor *channels_as_samples(Vjp *v, Tensor *x, int64_t group) {
  int64_t dim[MAX_RANK];
  int axis = channel_axis(x), rank = 0;
  for (int d = 0; d < x->rank; d++) {
    if (d == axis) dim[rank++] = group;
    dim[rank++] = d == axis ? x->dim[d] / group : x->dim[d];
  }
  Tensor *t = swap(v, reshape(v, x, rank, dim, LAYOUT_NONE), 0, axis + 1);
  for (int d = 0; d < x->rank; d++) dim[d] = x->dim[d];
  dim[0] = x->dim[axis] / group;
  dim[axis] = group * x->dim[0];
  return reshape(v, t, x->rank, dim, x->layout);
}

/* Of the positions of the kernel the first ones: ragged ends make more. */
static Tensor *cut(Vjp *v, Tensor *t, const Window *w) {
  int first = t->layout == LAYOUT_NHWC ? 1 : 2;
  int64_t start[3] = {0}, axes[3];
  bool whole = true;
  for (int d = 0; d < w->spatial; d++) {
    axes[d] = first + d;
    whole &= t->dim[first + d] == w->kernel[d];
  }
  if (whole) return t;
  Node *n = begin_op(v, "Slice", 1, &t);
  set_ints(vjp_graph(v), n, "starts", w->spatial, start);
  set_ints(vjp_graph(v), n, "ends", w->spatial, w->kernel);
  set_ints(vjp_graph(v), n, "axes", w->spatial, axes);
  return end_op(v, n);
}

/* From [C,O,kernel], or [C,kernel,O], to the order of the weights: [O,C,kernel] or [O,kernel,C]. */
static Tensor *as_weights(Vjp *v, Tensor *t, Layout layout) {
  int perm[MAX_RANK], last = t->rank - 1;
  int axis = layout == LAYOUT_NHWC ? last : 1, from = t->layout == LAYOUT_NHWC ? last : 1;
  int at = from == 1 ? 2 : 1;
  for (int d = 0; d <= last; d++) perm[d] = d == 0 ? from : d == axis ? 0 : at++;
  return transpose(v, t, perm, layout);
}

/* x and y are the sides of a convolution with the window w: input and gradient of the output. */
static Tensor *weight_gradient(Vjp *v, const Window *w, Tensor *x, Tensor *y, Layout layout) {
  Window turned = *w;
  for (int d = 0; d < w->spatial; d++) {
    turned.stride[d] = w->dilation[d];
    turned.dilation[d] = w->stride[d];
    turned.kernel[d] = w->out[d];
    turned.out[d] = w->kernel[d];
  }
  Tensor *t = slide_window(v, "Conv", &turned, channels_as_samples(v, x, w->group),
                           swap(v, y, 0, channel_axis(y)));
  return as_weights(v, cut(v, t, w), layout);
}

/* ---- pointwise kernels on channels that are last */

static bool is_pointwise(const Window *w, const Tensor *x) {
  if (w->group != 1 || x->layout != LAYOUT_NHWC) return false;
  for (int d = 0; d < w->spatial; d++)
    if (w->kernel[d] != 1 || w->stride[d] != 1 || w->pad[d] || w->out[d] != w->in[d]) return false;
  return true;
}

/* One row per position. */
static Tensor *as_rows(Vjp *v, Tensor *x) {
  int64_t channels = x->dim[x->rank - 1];
  return reshape(v, x, 2, (int64_t[]){n_elements(x) / channels, channels}, LAYOUT_NONE);
}

static void pointwise(Vjp *v, const Node *n, const Window *w, Tensor *d) {
  Tensor *rows = as_rows(v, d), *x = n->in[0];
  if (wants(v, n, 0)) {
    int64_t dim[2] = {w->out_channels, w->channels};
    Tensor *weights = reshape(v, n->in[1], 2, dim, LAYOUT_NONE);
    give(v, n, 0, reshape_like(v, apply2(v, "Gemm", rows, weights), x));
  }
  if (!wants(v, n, 1)) return;
  Node *product = begin_op(v, "Gemm", 2, (Tensor *[]){rows, as_rows(v, x)});
  set_int(vjp_graph(v), product, "transA", 1);
  give(v, n, 1, reshape_like(v, end_op(v, product), n->in[1]));
}

static void give_bias(Vjp *v, const Node *n, Tensor *d) {
  bool reduced[MAX_RANK];
  for (int k = 0; k < d->rank; k++) reduced[k] = k != channel_axis(d);
  if (wants(v, n, 2)) give(v, n, 2, reshape_like(v, sum_over(v, d, reduced), n->in[2]));
}

/* ---- the rules */

void vjp_conv(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0), *x = n->in[0], *weights = n->in[1];
  Window w;
  get_window(n, x, weights, &w);
  give_bias(v, n, d);
  if (is_pointwise(&w, x)) {
    pointwise(v, n, &w, d);
    return;
  }
  if (wants(v, n, 0)) give(v, n, 0, slide_window(v, "ConvTranspose", &w, d, weights));
  if (wants(v, n, 1)) give(v, n, 1, weight_gradient(v, &w, x, d, weights->layout));
}

/* The convolution that this is the transposition of. */
static Window forward_window(Window w) {
  Window f = w;
  for (int d = 0; d < w.spatial; d++) {
    f.in[d] = w.out[d];
    f.out[d] = w.in[d];
  }
  f.channels = w.out_channels;
  f.out_channels = w.channels;
  return f;
}

void vjp_conv_transpose(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0), *x = n->in[0], *weights = n->in[1];
  Window w;
  get_window(n, x, weights, &w);
  w = forward_window(w);
  give_bias(v, n, d);
  if (wants(v, n, 0)) give(v, n, 0, slide_window(v, "Conv", &w, d, weights));
  if (wants(v, n, 1)) give(v, n, 1, weight_gradient(v, &w, d, x, weights->layout));
}
