/* dynamic.c - activations whose scales are found at run time, and the layers that multiply their
 * codes (docs/numerics.md).
 *
 * DynamicQuantize cuts rows of `row` elements into runs of `size`, each with a scale of its own:
 * that of its largest magnitude.  Columns that its second input lists count for nothing.  With a third
 * output there are zero points, of one run: that of DynamicQuantizeLinear (integer.c), in codes of int8.  DConv and
 * DGemm are integer sums like those of QConv and QGemm, which become real numbers again: inputs x
 * codes, w codes, bias, scales of the output channels, multiples of the weights' groups, scales of x, its zero point.
 * FConv and FGemm are the same of codes that are floats of 8 bits (E4M3), whose sums are exact in a double
 * as well; FMatMul is the product of two tensors of such.  Their outputs may be such codes, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

/* ---- the codes */

/* How scales lie over the elements of a tensor. */
typedef struct Runs {
  int64_t rows, row;     /* of so many elements */
  int64_t size, per_row; /* elements of a run, the last of a row may be shorter; runs */
} Runs;

static Runs get_runs(const Node *n) {
  int64_t all = n_elements(is_op(n, "DynamicQuantize") ? n->in[0] : n->out[0]);
  Runs r = {.row = attr_int(n, "row", all)};
  r.size = attr_int(n, "size", r.row);
  if (r.row < 1 || all % r.row != 0 || r.size < 1 || r.size > r.row)
    error_at(n->loc, "%s: %lld elements cannot be cut in rows of %lld and runs of %lld", op_name(n),
             (long long)all, (long long)r.row, (long long)r.size);
  r.rows = all / r.row;
  r.per_row = (r.row + r.size - 1) / r.size;
  return r;
}

static const Format *format_of_runs(const Node *n) {
  const char *name = attr_str(n, "format", "int8");
  const Format *f = find_format(name);
  if (!f || dtype_bytes(f->dtype) != 1 || f->vector > 1 || f->book_size > 0)
    error_at(n->loc, "%s: activations have no format '%s'", op_name(n), name);
  return f;
}

void infer_dynamic_quantize(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  need_type(n, 0, DT_F32);
  Runs r = get_runs(n);
  format_of_runs(n);
  need_type(n, 1, DT_I32);
  const Tensor *skip = in_tensor(n, 1);
  if (skip) need_vector(n, 1, "list of columns", n_elements(skip));
  set_type(n, 0, DT_I8, x->rank, x->dim, x->layout);
  set_type(n, 1, DT_F32, 1, (const int64_t[]){r.rows * r.per_row}, LAYOUT_NONE);
  if (!has_out(n, 2)) return;
  if (r.rows * r.per_row != 1 || skip) error_at(n->loc, "%s: a zero point is that of one run", op_name(n));
  set_type(n, 2, DT_I32, 1, (const int64_t[]){1}, LAYOUT_NONE);
}

/* NaN counts for nothing, like codes of it. */
static float largest_of(const float *x, const bool *left_out, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; i++)
    if (!left_out[i]) most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
  return most;
}

void eval_dynamic_quantize(const Node *n, const void *const *in, void *const *out) {
  Runs r = get_runs(n);
  const Format *f = format_of_runs(n);
  const float *x = in[0];
  const int32_t *skip = in_data(n, in, 1);
  int8_t *codes = out[0];
  if (has_out(n, 2)) {
    quantize_by_range(n_elements(n->in[0]), x, DT_I8, codes, out[1], out[2]);
    return;
  }
  float *scale = out[1], hi = (float)attr_int(n, "hi", 127), clip = (float)attr_float(n, "clip", 1);
  bool *left_out = scratch(r.row, sizeof *left_out);
  for (int64_t k = 0; skip && k < n_elements(n->in[1]); k++)
    if (skip[k] >= 0 && skip[k] < r.row) left_out[skip[k]] = true;
  for (int64_t i = 0; i < r.rows * r.row; i++) {
    int64_t at = i % r.row, count = r.row - at < r.size ? r.row - at : r.size;
    if (at % r.size == 0) *scale++ = largest_of(x + i, left_out + at, count) * clip / hi;
    float v = x[i] / scale[-1];
    v = isnan(v) ? 0 : v < -hi ? -hi : v > hi ? hi : v;
    codes[i] = left_out[at] ? 0 : (int8_t)code_near(f, (double)v);
  }
  free(left_out);
}

void infer_dynamic_dequantize(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  need_type(n, 0, DT_I8);
  need_type(n, 1, DT_F32);
  set_type(n, 0, DT_F32, x->rank, x->dim, x->layout);
  Runs r = get_runs(n);
  format_of_runs(n);
  need_vector(n, 1, "scale", r.rows * r.per_row);
  need_type(n, 2, DT_I32);
  need_vector(n, 2, "zero point", 1);
}

void eval_dynamic_dequantize(const Node *n, const void *const *in, void *const *out) {
  Runs r = get_runs(n);
  const Format *f = format_of_runs(n);
  const int8_t *codes = in[0];
  const float *scale = in[1];
  const int32_t *zero = in_data(n, in, 2);
  float *y = out[0];
  for (int64_t i = 0; i < r.rows * r.row; i++)
    y[i] = (float)(code_value(f, codes[i]) - (zero ? *zero : 0)) * scale[i / r.row * r.per_row + i % r.row / r.size];
}

/* ---- layers */

enum { IN_X, IN_W, IN_BIAS, IN_SCALE, IN_MULTIPLE, IN_X_SCALE, IN_X_ZERO };

static bool is_conv(const Node *n) { return is_op(n, "DConv") || is_op(n, "FConv"); }

/* Of the activations that a layer multiplies. */
static const Format *format_of_x(const Node *n) {
  bool integers = is_op(n, "DConv") || is_op(n, "DGemm");
  return find_format(integers ? "int8" : "fp8_e4m3");
}

/* The float operator whose sums the layer's are, on tensors that pose as real ones. */
typedef struct Shim {
  Tensor x, w;
  Tensor *in[2];
  Node node;
} Shim;

static const Node *float_node(const Node *n, Shim *s) {
  s->x = *n->in[IN_X];
  s->w = *n->in[IN_W];
  s->x.dtype = s->w.dtype = DT_F32;
  s->x.quant = s->w.quant = NULL;
  s->x.data = s->w.data = NULL;
  s->in[0] = &s->x, s->in[1] = &s->w;
  s->node = *n;
  s->node.in = s->in;
  s->node.n_in = 2;
  s->node.op = find_op(is_conv(n) ? "Conv" : "Gemm");
  return &s->node;
}

/* Outputs that have a quantization are codes. */
static void make_codes(Node *n) {
  const QuantSpec *q = n->out[0]->quant;
  if (!q) return;
  if (q->format != format_of_x(n) || is_op(n, "DConv") || is_op(n, "DGemm"))
    error_at(n->loc, "%s: outputs cannot be %s", op_name(n), q->format->name);
  n->out[0]->dtype = q->format->dtype;
}

/* The codes of y, which this frees, behind the activation. */
static void put_codes(const Node *n, float *y, void *codes) {
  Tensor real = *n->out[0], *out = &real;
  real.dtype = DT_F32;
  Node as_float = *n;
  as_float.out = &out;
  apply_fused_activation(&as_float, y);
  quantize_reals(n->out[0], y, codes);
  free(y);
}

void infer_dynamic_layer(Graph *g, Node *n) {
  if (!in_tensor(n, IN_SCALE) || !in_tensor(n, IN_X_SCALE))
    error_at(n->loc, "%s: scales of weights and input are missing", op_name(n));
  if (!inputs_ready(n)) return;
  const Tensor *w = n->in[IN_W], *multiple = in_tensor(n, IN_MULTIPLE);
  need_type(n, IN_X, DT_I8);
  if (dtype_bytes(w->dtype) != 1)
    error_at(n->loc, "%s: weights are %s, expected codes", op_name(n), dtype_name(w->dtype));
  Shim s;
  float_node(n, &s)->op->infer(g, &s.node);
  make_codes(n);
  int64_t channels = w->dim[0], depth = channels ? n_elements(w) / channels : 0;
  need_type(n, IN_BIAS, DT_F32);
  need_vector(n, IN_BIAS, "bias", channels);
  need_type(n, IN_SCALE, DT_F32);
  need_vector(n, IN_SCALE, "scale", channels);
  need_type(n, IN_MULTIPLE, DT_U8);
  int64_t size = attr_int(n, "group_size", 0);
  if (multiple && (size < 1 || n_elements(multiple) != channels * ((depth + size - 1) / size)))
    error_at(n->loc, "%s: multiples do not fit groups of %lld", op_name(n), (long long)size);
  int64_t outputs = channels ? n_elements(n->out[0]) / channels : 0;
  int64_t run = attr_int(n, "x_size", depth), runs = run > 0 ? (depth + run - 1) / run : 0;
  need_type(n, IN_X_SCALE, DT_F32);
  int64_t scales = n_elements(n->in[IN_X_SCALE]);
  if (scales < 1 || (runs > 1 ? scales != outputs * runs : outputs % scales != 0))
    error_at(n->loc, "%s: %lld scales for %lld rows of x", op_name(n), (long long)scales,
             (long long)outputs);
  need_type(n, IN_X_ZERO, DT_I32);
  need_vector(n, IN_X_ZERO, "zero point of x", 1);
  if (in_tensor(n, IN_X_ZERO) && (scales != 1 || runs != 1))
    error_at(n->loc, "%s: a zero point of x goes with one scale", op_name(n));
}

/* The zero point of the weights of channel c. */
static int32_t zero_of_weights(const Node *n, int64_t c) {
  const QuantSpec *q = n->in[IN_W]->quant;
  return q && q->group == 0 ? q->zero[q->n > 1 ? c : 0] : 0;
}

/* Codes less their zero points, times the multiples of their groups: exact in a float. */
static float *integer_weights(const Node *n, const int8_t *codes, const uint8_t *multiple) {
  const Tensor *t = n->in[IN_W];
  int64_t count = n_elements(t), depth = count / t->dim[0], size = attr_int(n, "group_size", depth);
  int64_t groups = (depth + size - 1) / size;
  float *w = scratch(count, sizeof *w);
  for (int64_t i = 0; i < count; i++) {
    double units = t->quant ? code_value(t->quant->format, codes[i]) : codes[i];
    units -= zero_of_weights(n, i / depth);
    w[i] = (float)(units * (multiple ? multiple[i / depth * groups + i % depth / size] : 1));
  }
  return w;
}

/* y[rows][channels] += sums over elements [from, to) of the rows of x and w, times the scale of that
 * run of x. */
static void add_run(const Node *n, const float *x, const float *w, int64_t from, int64_t to,
                    const float *x_scale, int64_t runs, float *y) {
  int64_t channels = n->in[IN_W]->dim[0], depth = n->in[IN_W]->dim[1];
  int64_t rows = n_elements(n->out[0]) / channels, count = to - from;
  float *a = scratch(rows * count, sizeof *a), *b = scratch(channels * count, sizeof *b);
  float *sum = scratch(rows * channels, sizeof *sum);
  for (int64_t r = 0; r < rows; r++)
    memcpy(a + r * count, x + r * depth + from, (size_t)count * sizeof *a);
  for (int64_t o = 0; o < channels; o++)
    memcpy(b + o * count, w + o * depth + from, (size_t)count * sizeof *b);
  matmul_f32(rows, channels, count, a, b, NULL, sum);
  for (int64_t i = 0; i < rows * channels; i++) y[i] += sum[i] * x_scale[i / channels * runs];
  free(a);
  free(b);
  free(sum);
}

/* The order of the products and sums is that of the kernels, in float32. */
void eval_dynamic_layer(const Node *n, const void *const *in, void *const *out) {
  Shim s;
  const Node *f = float_node(n, &s);
  const int8_t *codes = in[IN_X];
  const float *bias = in_data(n, in, IN_BIAS), *scale = in[IN_SCALE], *x_scale = in[IN_X_SCALE];
  const int32_t *x_zero = in_data(n, in, IN_X_ZERO);
  int64_t count = n_elements(n->in[IN_X]), channels = n->in[IN_W]->dim[0];
  int64_t depth = n_elements(n->in[IN_W]) / channels, size = attr_int(n, "x_size", depth);
  int64_t outputs = n_elements(n->out[0]) / channels, runs = (depth + size - 1) / size;
  int64_t per_scale = outputs * runs / n_elements(n->in[IN_X_SCALE]);
  bool to_codes = n->out[0]->dtype == DT_I8;
  float *x = scratch(count, sizeof *x);
  float *y = to_codes ? scratch(outputs * channels, sizeof *y) : out[0];
  float *w = integer_weights(n, in[IN_W], in_data(n, in, IN_MULTIPLE));
  for (int64_t i = 0; i < count; i++)
    x[i] = (float)(code_value(format_of_x(n), codes[i]) - (x_zero ? *x_zero : 0));
  if (runs == 1) {
    f->op->eval(f, (const void *const[]){x, w}, (void *const[]){y});
    for (int64_t i = 0; i < outputs * channels && !x_zero; i++) y[i] *= x_scale[i / channels / per_scale];
  } else {
    memset(y, 0, (size_t)(outputs * channels) * sizeof *y);
    for (int64_t r = 0, at = 0; r < runs; r++, at += size)
      add_run(n, x, w, at, depth < at + size ? depth : at + size, x_scale + r, runs, y);
  }
  for (int64_t i = 0; i < outputs * channels; i++) {
    float factor = x_zero ? x_scale[0] * scale[i % channels] : scale[i % channels], product = y[i] * factor;
    y[i] = product + (bias ? bias[i % channels] : 0);
  }
  if (to_codes) put_codes(n, y, out[0]);
  free(x);
  free(w);
}

int64_t dynamic_macs(const Node *n) { return is_conv(n) ? conv_macs(n) : gemm_macs(n); }

/* ---- the product of two tensors of codes */

static const Node *float_product(const Node *n, Shim *s) {
  float_node(n, s);
  s->node.op = find_op("MatMul");
  return &s->node;
}

void infer_fmatmul(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  need_type(n, IN_X, DT_I8);
  need_type(n, IN_W, DT_I8);
  Shim s;
  float_product(n, &s)->op->infer(g, &s.node);
  make_codes(n);
}

void eval_fmatmul(const Node *n, const void *const *in, void *const *out) {
  Shim s;
  const Node *f = float_product(n, &s);
  int64_t count = n_elements(n->out[0]);
  float *real[2], scale = (float)attr_float(n, "scale", 1);
  bool to_codes = n->out[0]->dtype == DT_I8;
  float *y = to_codes ? scratch(count, sizeof *y) : out[0];
  for (int k = 0; k < 2; k++) {
    int64_t size = n_elements(n->in[k]);
    real[k] = scratch(size, sizeof *real[k]);
    for (int64_t i = 0; i < size; i++)
      real[k][i] = (float)code_value(format_of_x(n), ((const int8_t *)in[k])[i]);
  }
  f->op->eval(f, (const void *const[]){real[0], real[1]}, (void *const[]){y});
  for (int64_t i = 0; i < count; i++) y[i] = y[i] * scale + 0.0f;
  if (to_codes) put_codes(n, y, out[0]);
  for (int k = 0; k < 2; k++) free(real[k]);
}
