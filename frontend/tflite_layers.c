/* tflite_layers.c - convolutions, products, pools and Softmax.  Images have channels last there as in our
 * graphs; weights of convolutions are [O][kh][kw][I], of depthwise ones [1][kh][kw][O]. */
#include <string.h>

#include "frontend/tflite_reader.h"

/* Fields of the options' tables. */
enum { CONV_PADDING = 0, CONV_STRIDE_W, CONV_STRIDE_H, CONV_FUSED, CONV_DILATION_W, CONV_DILATION_H };
enum { DEPTHWISE_MULTIPLIER = 3, DEPTHWISE_FUSED, DEPTHWISE_DILATION_W, DEPTHWISE_DILATION_H };
enum { POOL_FILTER_W = 3, POOL_FILTER_H, POOL_FUSED };
enum { DENSE_FUSED = 0, DENSE_FORMAT, DENSE_KEEP_DIMS };
enum { SOFTMAX_BETA = 0, MEAN_KEEP_DIMS = 0 };
enum { PADDING_SAME = 0, PADDING_VALID = 1 };

/* Padding and strides, which lie in the first three fields of all of them. */
static void set_window(TfliteOp *op, Node *n) {
  Graph *g = op->r->graph;
  int64_t padding = flat_int(&op->options, CONV_PADDING, 1, PADDING_SAME);
  int64_t strides[2] = {flat_int(&op->options, CONV_STRIDE_H, 4, 0), flat_int(&op->options, CONV_STRIDE_W, 4, 0)};
  if (padding != PADDING_SAME && padding != PADDING_VALID)
    error_at(op->loc, "padding %lld is neither SAME nor VALID", (long long)padding);
  set_str(g, n, "auto_pad", padding == PADDING_SAME ? "SAME_UPPER" : "VALID");
  set_ints(g, n, "strides", 2, strides);
}

static void set_dilations(TfliteOp *op, Node *n, int field_h, int field_w) {
  int64_t v[2] = {flat_int(&op->options, field_h, 4, 1), flat_int(&op->options, field_w, 4, 1)};
  set_ints(op->r->graph, n, "dilations", 2, v);
}

/* The real numbers of weights or a bias: those of constant codes, or the constant itself. */
static Tensor *constant(TfliteOp *op, int i, int rank) {
  Tensor *t = tflite_needed(op, i);
  if (!is_const(t) || t->rank != rank)
    error_at(op->loc, "input %d, '%s', is not a constant of %d dimensions", i, t->name, rank);
  return tflite_real(op, i);
}

/* The bias or NULL, and how many inputs the node has with it. */
static Tensor *bias_of(TfliteOp *op, int *n_in) {
  *n_in = tflite_input(op, 2) ? 3 : 2;
  return *n_in == 3 ? constant(op, 2, 1) : NULL;
}

static void give_conv(TfliteOp *op, Tensor *w, int64_t group, int dilation_h, int dilation_w, int fused) {
  int n_in;
  Tensor *x = tflite_image(op, tflite_real(op, 0)), *b = bias_of(op, &n_in);
  Node *n = tflite_layer(op, "Conv", n_in, (Tensor *[]){x, w, b});
  set_window(op, n);
  set_dilations(op, n, dilation_h, dilation_w);
  set_int(op->r->graph, n, "group", group);
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], flat_int(&op->options, fused, 1, 0));
}

void read_tflite_conv(TfliteOp *op) {
  Tensor *x = tflite_needed(op, 0), *codes = tflite_needed(op, 1);
  codes->layout = LAYOUT_NHWC;
  Tensor *w = constant(op, 1, 4);
  w->layout = LAYOUT_NHWC;
  int64_t channels = codes->dim[3], depth = x->rank > 0 ? x->dim[x->rank - 1] : 0;
  if (channels < 1 || depth % channels != 0)
    error_at(op->loc, "%lld input channels do not divide into groups of %lld", (long long)depth, (long long)channels);
  give_conv(op, w, depth / channels, CONV_DILATION_H, CONV_DILATION_W, CONV_FUSED);
}

/* [1][kh][kw][O] as [O][kh][kw][1]; a scale for each of O where there are several. */
static Tensor *depthwise_weights(TfliteOp *op, const Tensor *w) {
  Graph *g = op->r->graph;
  int64_t channels = w->dim[3], taps = w->dim[1] * w->dim[2], bytes = dtype_bytes(w->dtype);
  char *to = arena_alloc(g->arena, channels * taps * bytes + 1);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < taps; t++)
      memcpy(to + (c * taps + t) * bytes, (const char *)w->data + (t * channels + c) * bytes, (size_t)bytes);
  int64_t dim[4] = {channels, w->dim[1], w->dim[2], 1};
  Tensor *turned = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_channels", w->name)), w->dtype, 4, dim, to);
  turned->layout = LAYOUT_NHWC;
  turned->loc = w->loc;
  set_origin(turned, w);
  if (!w->quant) return turned;
  turned->quant = new_quant(g, w->quant->format, w->quant->axis < 0 ? -1 : 0, 0, w->quant->n);
  if (w->quant->axis >= 0 && w->quant->axis != 3)
    error_at(op->loc, "weights have scales along dimension %d, expected 3", w->quant->axis);
  memcpy(turned->quant->scale, w->quant->scale, (size_t)w->quant->n * sizeof *w->quant->scale);
  memcpy(turned->quant->zero, w->quant->zero, (size_t)w->quant->n * sizeof *w->quant->zero);
  return add_op(g, -1, "Dequantize", fresh_name(g, arena_printf(g->arena, "%s_real", turned->name)), 1, &turned);
}

void read_tflite_depthwise(TfliteOp *op) {
  const Tensor *x = tflite_needed(op, 0), *w = tflite_needed(op, 1);
  if (!is_const(w) || w->rank != 4 || w->dim[0] != 1)
    error_at(op->loc, "input 1, '%s', is not a constant of 4 dimensions, the first 1", w->name);
  int64_t depth = x->rank == 4 ? x->dim[3] : 0, multiplier = flat_int(&op->options, DEPTHWISE_MULTIPLIER, 4, 0);
  if (depth < 1 || w->dim[3] % depth != 0 || (multiplier != 0 && depth != w->dim[3] / multiplier))
    error_at(op->loc, "%lld channels of weights are no multiple of the input's %lld", (long long)w->dim[3],
             (long long)depth);
  give_conv(op, depthwise_weights(op, w), depth, DEPTHWISE_DILATION_H, DEPTHWISE_DILATION_W, DEPTHWISE_FUSED);
}

void read_tflite_dense(TfliteOp *op) {
  Graph *g = op->r->graph;
  Tensor *x = tflite_needed(op, 0), *w = constant(op, 1, 2), *b, *y;
  int64_t rows[2] = {0, w->dim[1]}, count = n_elements(x);
  int n_in, rank = x->rank;
  if (flat_int(&op->options, DENSE_FORMAT, 1, 0) != 0) error_at(op->loc, "shuffled weights are not supported");
  if (rows[1] < 1 || count % rows[1] != 0)
    error_at(op->loc, "%lld elements do not divide into rows of %lld", (long long)count, (long long)rows[1]);
  rows[0] = count / rows[1];
  int64_t dim[MAX_RANK];
  memcpy(dim, x->dim, sizeof dim);
  bool flatten = rank != 2 || x->dim[1] != rows[1];
  x = flatten ? tflite_reshaped(op, x, 2, rows, LAYOUT_NONE) : x;
  if (x->quant && flatten)
    x = add_op(g, -1, "Dequantize", fresh_name(g, arena_printf(g->arena, "%s_real", x->name)), 1, &x);
  else if (x->quant) x = tflite_real(op, 0);
  b = bias_of(op, &n_in);
  Node *n = tflite_layer(op, "Gemm", n_in, (Tensor *[]){x, w, b});
  set_int(g, n, "transB", 1);
  infer_node(g, n);
  y = n->out[0];
  if (flat_int(&op->options, DENSE_KEEP_DIMS, 1, 0) && rank != 2) {
    dim[rank - 1] = w->dim[0];
    y = tflite_reshaped(op, y, rank, dim, LAYOUT_NONE);
  }
  tflite_give(op, 0, y, flat_int(&op->options, DENSE_FUSED, 1, 0));
}

/* The greatest of codes is the code of the greatest; a mean is computed. */
void read_tflite_pool(TfliteOp *op) {
  int64_t fused = flat_int(&op->options, POOL_FUSED, 1, 0);
  int64_t kernel[2] = {flat_int(&op->options, POOL_FILTER_H, 4, 0), flat_int(&op->options, POOL_FILTER_W, 4, 0)};
  bool codes = strcmp(op->onnx, "MaxPool") == 0 && fused == 0;
  Tensor *x = tflite_image(op, codes ? tflite_needed(op, 0) : tflite_real(op, 0));
  Node *n = codes ? tflite_node(op, op->onnx, 1, &x) : tflite_layer(op, op->onnx, 1, &x);
  set_window(op, n);
  set_ints(op->r->graph, n, "kernel_shape", 2, kernel);
  n->out[0]->quant = x->quant;
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], fused);
}

/* Of an image over its height and width: an average pool. */
void read_tflite_mean(TfliteOp *op) {
  Graph *g = op->r->graph;
  int64_t axes[MAX_RANK], keep = flat_int(&op->options, MEAN_KEEP_DIMS, 1, 0);
  const Tensor *codes = tflite_needed(op, 0);
  int count = tflite_ints(op, 1, axes, MAX_RANK);
  unsigned reduced = 0;
  for (int i = 0; i < count; i++) {
    if (axes[i] < -codes->rank || axes[i] >= codes->rank)
      error_at(op->loc, "axis %lld is outside the input's %d dimensions", (long long)axes[i], codes->rank);
    axes[i] += axes[i] < 0 ? codes->rank : 0;
    reduced |= 1u << axes[i];
  }
  Tensor *x = tflite_real(op, 0);
  bool image = codes->rank == 4 && reduced == 6;
  if (image) x = tflite_image(op, x);
  Node *n = tflite_layer(op, image ? "AveragePool" : "ReduceMean", 1, &x);
  if (image) {
    set_ints(g, n, "kernel_shape", 2, x->dim + 1);
  } else {
    set_ints(g, n, "axes", count, axes);
    set_int(g, n, "keepdims", keep);
  }
  infer_node(g, n);
  Tensor *y = n->out[0];
  if (image && !keep) y = tflite_reshaped(op, y, 2, (int64_t[]){x->dim[0], x->dim[3]}, LAYOUT_NONE);
  tflite_give(op, 0, y, 0);
}

void read_tflite_softmax(TfliteOp *op) {
  float beta = flat_float(&op->options, SOFTMAX_BETA, 0);
  if (beta != 1) error_at(op->loc, "beta is %g, expected 1", (double)beta);
  tflite_needed(op, 0);
  Node *n = tflite_layer(op, "Softmax", 1, (Tensor *[]){tflite_real(op, 0)});
  set_int(op->r->graph, n, "axis", -1);
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], 0);
}
