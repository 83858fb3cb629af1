/* emit_float.c - calls of the float kernels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/emit.h"

static const char *bias_of(Emitter *e, const Node *n) {
  const Tensor *b = optional_input(n, 2);
  return b && is_const(b) ? constant_array(e, b, "b") : pointer_to(e, b);
}

void emit_conv(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_conv_f32");
  write_window(e, n, n->in[1]);
  write_group(e, n, k);
  write_activation(e, n);
  close_params(e);
  const char *w = weight_array(e, n, k), *b = bias_of(e, n);
  call(e, "qcc_%s(&p, %s, %s, %s, %s%s)", k->name, pointer_to(e, n->in[0]), w, b,
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}

void write_gemm(Emitter *e, const Node *n) {
  int64_t cols = n->in[1]->dim[0];
  open_params(e, "qcc_gemm_f32");
  field(e, "rows", n_elements(n->out[0]) / cols);
  field(e, "depth", n_elements(n->in[1]) / cols);
  field(e, "cols", cols);
  write_activation(e, n);
  close_params(e);
}

void emit_gemm(Emitter *e, const Node *n, const Kernel *k) {
  write_gemm(e, n);
  const char *w = weight_array(e, n, k), *b = bias_of(e, n);
  call(e, "qcc_%s(&p, %s, %s, %s, %s%s)", k->name, pointer_to(e, n->in[0]), w, b,
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}

/* WConv and WGemm: codes, scales and a row of scratch. */
void emit_weight_only(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *w = n->in[1];
  const QuantSpec *q = w->quant;
  int64_t channels = w->dim[0], groups = q->n > channels ? q->n / channels : 1;
  if (is_op(n, "WConv")) {
    open_params(e, "qcc_conv_f32");
    write_window(e, n, w);
    field(e, "group", attr_int(n, "group", 1));
    write_activation(e, n);
    close_params(e);
  } else {
    write_gemm(e, n);
  }
  open_named(e, "qcc_codes", "q");
  fprintf(e->calls, ".w = {");
  write_packing(e, n, k);
  fprintf(e->calls, "}, ");
  field(e, "size", q->group);
  field(e, "n_groups", groups);
  const char *m = "NULL";
  if (q->multiple) m = write_plain_multiples(e, q->multiple, channels, groups);
  else close_params(e);
  /* A scale per channel, repeated where there is one for all. */
  int64_t n_scale = q->multiple ? channels : channels * groups;
  float *scale = arena_alloc(e->a, n_scale * (int64_t)sizeof *scale);
  for (int64_t i = 0; i < n_scale; i++)
    scale[i] = q->multiple ? q->channel_scale[i] : q->scale[q->axis < 0 ? 0 : i];
  const char *codes = weight_array(e, n, k), *s = float_array(e, "s", n_scale, scale),
             *b = bias_of(e, n);
  const char *beside = write_outliers(e, n);
  call(e, "qcc_%s(&p, &q, %s%s, %s, %s, %s, %s, %s, %s)", k->name, beside, pointer_to(e, n->in[0]), codes, s,
       m, b, scratch_pointer(e, n), pointer_to(e, n->out[0]));
}

void emit_matmul(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *a = n->in[0], *b = n->in[1];
  open_params(e, "qcc_matmul_f32");
  write_matmul(e, n);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s%s)", k->name, pointer_to(e, a), pointer_to(e, b),
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
  finish_activation(e, n);
}

void emit_averagepool(Emitter *e, const Node *n, const Kernel *k) {
  Window w;
  get_window(n, n->in[0], NULL, &w);
  open_params(e, "qcc_avgpool_f32");
  write_window(e, n, NULL);
  field(e, "count_pad", attr_int(n, "count_include_pad", 0));
  field(e, "pad_bottom", w.spatial == 2 ? w.pad_end[0] : 0);
  field(e, "pad_right", w.pad_end[w.spatial - 1]);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s%s)", k->name, pointer_to(e, n->in[0]), scratch_argument(e, n, k),
       pointer_to(e, n->out[0]));
}

void emit_softmax(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  int axis = axis_of(n, x, -1);
  /* Before opset 13 everything from the axis on was one row. */
  int end = attr_int(n, "flat", 0) ? x->rank : axis + 1;
  call(e, "qcc_%s(%lld, %lld, %lld, %s, %s%s)", k->name, (long long)count_in(x, 0, axis),
       (long long)count_in(x, axis, end), (long long)count_in(x, end, x->rank), pointer_to(e, x),
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}

void emit_layernorm(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  int64_t last = count_in(x, axis_of(n, x, -1), x->rank);
  const char *to = n->n_out > 1
                       ? arena_printf(e->a, ", %s, %s", pointer_to(e, n->out[1]),
                                      pointer_to(e, n->n_out > 2 ? n->out[2] : NULL))
                       : "";
  call(e, "qcc_%s(%lld, %lld, %s, %s, %s, %s, %s%s)", k->name, (long long)(last ? n_elements(x) / last : 0),
       (long long)last, float_text(e, attr_float(n, "epsilon", 1e-5)), pointer_to(e, n->in[1]),
       bias_of(e, n), pointer_to(e, x), pointer_to(e, n->out[0]), to);
}

void emit_instancenorm(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  int64_t c = x->dim[x->rank - 1], batch = x->dim[0];
  call(e, "qcc_%s(%lld, %lld, %lld, %s, %s, %s, %s, %s)", k->name, (long long)batch,
       (long long)(n_elements(x) / batch / c), (long long)c,
       float_text(e, attr_float(n, "epsilon", 1e-5)), pointer_to(e, n->in[1]), bias_of(e, n),
       pointer_to(e, x), pointer_to(e, n->out[0]));
}

void emit_hadamard(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0], *signs = optional_input(n, 1);
  int64_t last = x->dim[x->rank - 1], block = attr_int(n, "block", last);
  int core = hadamard_core(block);
  const char *matrix = "NULL";
  if (core > 1) {
    int64_t *v = arena_alloc(e->a, (int64_t)core * core * (int64_t)sizeof *v);
    for (int i = 0; i < core * core; i++) v[i] = hadamard_sign(core, i / core, i % core);
    matrix = int_array(e, "h", "int8_t", (int64_t)core * core, v);
  }
  open_params(e, "qcc_hadamard");
  field(e, "rows", n_elements(x) / last), field(e, "n", last);
  field(e, "block", block), field(e, "core", core);
  field(e, "inverse", attr_int(n, "inverse", 0));
  fprintf(e->calls, ".scale = %s, ", float_text(e, 1 / sqrt((double)block)));
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s, %s)", k->name, pointer_to(e, signs), matrix, pointer_to(e, x),
       pointer_to(e, n->out[0]));
  finish_activation(e, n);
}

/* Names in the kernels' enumerations, with the attributes that become a and b. */
static const struct Function {
  const char *op, *name, *a, *b;
  double a_default, b_default;
} functions[] = {
    {"Abs", "ABS", 0, 0, 0, 0}, {"Neg", "NEG", 0, 0, 0, 0}, {"Exp", "EXP", 0, 0, 0, 0},
    {"Log", "LOG", 0, 0, 0, 0}, {"Sqrt", "SQRT", 0, 0, 0, 0},
    {"Reciprocal", "RECIPROCAL", 0, 0, 0, 0}, {"Floor", "FLOOR", 0, 0, 0, 0},
    {"Ceil", "CEIL", 0, 0, 0, 0}, {"Round", "ROUND", 0, 0, 0, 0}, {"Sign", "SIGN", 0, 0, 0, 0},
    {"Sin", "SIN", 0, 0, 0, 0}, {"Cos", "COS", 0, 0, 0, 0}, {"Erf", "ERF", 0, 0, 0, 0},
    {"Sigmoid", "SIGMOID", 0, 0, 0, 0}, {"Tanh", "TANH", 0, 0, 0, 0}, {"Relu", "RELU", 0, 0, 0, 0},
    {"LeakyRelu", "LEAKY", "alpha", 0, 0.01, 0}, {"Elu", "ELU", "alpha", 0, 1, 0},
    {"Selu", "SELU", "alpha", "gamma", 1.67326319217681884765625, 1.05070102214813232421875},
    {"HardSigmoid", "HARDSIGMOID", "alpha", "beta", 0.2, 0.5},
    {"HardSwish", "HARDSWISH", 0, 0, 0, 0}, {"Softplus", "SOFTPLUS", 0, 0, 0, 0},
    {"Softsign", "SOFTSIGN", 0, 0, 0, 0}, {"ThresholdedRelu", "THRESHOLDED", "alpha", 0, 1, 0},
    {"Gelu", "GELU", 0, 0, 0, 0}, {"Mish", "MISH", 0, 0, 0, 0},
    {"Clip", "CLIP", "min", "max", -INFINITY, INFINITY}, {"Add", "ADD", 0, 0, 0, 0},
    {"Sub", "SUB", 0, 0, 0, 0}, {"Mul", "MUL", 0, 0, 0, 0}, {"Div", "DIV", 0, 0, 0, 0},
    {"Pow", "POW", 0, 0, 0, 0}, {"Min", "MIN", 0, 0, 0, 0}, {"Max", "MAX", 0, 0, 0, 0},
    {"PRelu", "PRELU", 0, 0, 0, 0}, {"ReduceSum", "REDUCE_SUM", 0, 0, 0, 0},
    {"ReduceMean", "REDUCE_MEAN", 0, 0, 0, 0}, {"ReduceMax", "REDUCE_MAX", 0, 0, 0, 0},
    {"ReduceMin", "REDUCE_MIN", 0, 0, 0, 0}, {"ReduceProd", "REDUCE_PROD", 0, 0, 0, 0},
    {"ReduceL2", "REDUCE_L2", 0, 0, 0, 0},
};

static const struct Function *function_of(const Node *n) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (is_op(n, functions[i].op)) return &functions[i];
  bug("no kernel function for %s", n->op->name);
}

/* An attribute, or from opset 11 on Clip's constant input. */
static double parameter(const Node *n, int i, const char *attr, double otherwise) {
  const Tensor *t = is_op(n, "Clip") ? optional_input(n, i) : NULL;
  if (t) return ((const float *)t->data)[0];
  return attr ? attr_float(n, attr, otherwise) : otherwise;
}

void emit_unary(Emitter *e, const Node *n, const Kernel *k) {
  const struct Function *f = function_of(n);
  bool tanh_gelu = is_op(n, "Gelu") && strcmp(attr_str(n, "approximate", "none"), "tanh") == 0;
  call(e, "qcc_%s(QCC_%s%s, %s, %s, %lld, %s, %s)", k->name, f->name, tanh_gelu ? "_TANH" : "",
       float_text(e, parameter(n, 1, f->a, f->a_default)),
       float_text(e, parameter(n, 2, f->b, f->b_default)), (long long)n_elements(n->out[0]),
       pointer_to(e, n->in[0]), pointer_to(e, n->out[0]));
}

static const char *operand(Emitter *e, const Node *n, int i) {
  return is_const(n->in[i]) ? constant_array(e, n->in[i], i ? "cb" : "ca") : pointer_to(e, n->in[i]);
}

/* Of equal shapes, the activation within the kernel. */
void emit_binary_activated(Emitter *e, const Node *n, const Kernel *k) {
  write_activation_constant(e, n);
  call(e, "qcc_%s(QCC_%s, &act, %lld, %s, %s, %s)", k->name, function_of(n)->name,
       (long long)n_elements(n->out[0]), operand(e, n, 0), operand(e, n, 1),
       pointer_to(e, n->out[0]));
}

void emit_binary(Emitter *e, const Node *n, const Kernel *k) {
  bool broadcast = strstr(k->name, "broadcast") != NULL;
  if (broadcast) write_broadcast(e, n);
  const char *shape =
      broadcast ? "&s" : arena_printf(e->a, "%lld", (long long)n_elements(n->out[0]));
  call(e, "qcc_%s(QCC_%s, %s, %s, %s, %s)", k->name, function_of(n)->name, shape,
       operand(e, n, 0), operand(e, n, 1), pointer_to(e, n->out[0]));
  finish_activation(e, n);
}

unsigned reduced_mask(const Node *n) {
  const Tensor *x = n->in[0];
  int64_t axes[MAX_RANK];
  int count = optional_input(n, 1) ? const_ints(n->in[1], axes, MAX_RANK)
                                   : attr_ints(n, "axes", axes, MAX_RANK);
  unsigned mask = 0;
  if (count < 0) error_at(n->loc, "no kernel for %s with axes that are computed", n->op->name);
  for (int i = 0; i < count; i++) mask |= 1u << (axes[i] < 0 ? axes[i] + x->rank : axes[i]);
  if (count == 0 && !attr_int(n, "noop_with_empty_axes", 0)) mask = (1u << x->rank) - 1;
  return mask;
}

void emit_reduce(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  unsigned mask = reduced_mask(n);
  open_params(e, "qcc_reduce");
  field(e, "rank", x->rank);
  field_ints(e, "dim", x->rank, x->dim);
  field(e, "axes", mask);
  close_params(e);
  call(e, "qcc_%s(QCC_%s, &p, %s, %s%s)", k->name, function_of(n)->name, pointer_to(e, x),
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}

/* ---- Resize: source rows and columns are found by resizing the coordinates themselves -------- */

/* out[i]: the (fractional) source coordinate of output index i along dimension `axis` (1 or 2). */
static float *source_coordinates(Emitter *e, const Node *n, int axis) {
  const Tensor *x = n->in[0], *y = n->out[0];
  Tensor fx = *x, fy = *y;
  fx.dtype = fy.dtype = DT_F32;
  fx.quant = fy.quant = NULL;
  /* Batch and channels stay, because an input may give all sizes. */
  int64_t h = x->dim[1], w = x->dim[2], c = x->dim[3], oh = y->dim[1], ow = y->dim[2];
  int64_t n_in = n_elements(x);
  float *in = arena_alloc(e->a, n_in * 4), *out = arena_alloc(e->a, n_elements(y) * 4);
  for (int64_t i = 0; i < n_in; i++) in[i] = (float)(axis == 1 ? i / (w * c) % h : i / c % w);
  Tensor **inputs = arena_alloc(e->a, n->n_in * (int64_t)sizeof *inputs), *outputs[1] = {&fy};
  const void **data = arena_alloc(e->a, n->n_in * (int64_t)sizeof *data);
  for (int i = 0; i < n->n_in; i++)
    inputs[i] = i ? n->in[i] : &fx, data[i] = i ? (n->in[i] ? n->in[i]->data : NULL) : in;
  Node shim = *n;
  shim.in = inputs;
  shim.out = outputs;
  shim.op->eval(&shim, data, (void *const[]){out});
  float *coordinate = arena_alloc(e->a, (axis == 1 ? oh : ow) * 4);
  for (int64_t i = 0; i < (axis == 1 ? oh : ow); i++)
    coordinate[i] = out[i * (axis == 1 ? ow * c : c)];
  return coordinate;
}

void emit_resize(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0], *y = n->out[0];
  bool linear = strncmp(k->name, "resize_linear", 13) == 0;
  const char *arg[4];
  for (int axis = 1; axis <= 2; axis++) {
    int64_t count = y->dim[axis];
    float *c = source_coordinates(e, n, axis), *frac = arena_alloc(e->a, count * 4);
    int64_t *whole = arena_alloc(e->a, count * (int64_t)sizeof *whole);
    for (int64_t i = 0; i < count; i++) {
      whole[i] = (int64_t)(linear ? floorf(c[i]) : rintf(c[i]));
      frac[i] = c[i] - (float)whole[i];
    }
    arg[axis * 2 - 2] = int_array(e, axis == 1 ? "rows" : "cols", "int32_t", count, whole);
    arg[axis * 2 - 1] = linear ? float_array(e, axis == 1 ? "rowf" : "colf", count, frac) : NULL;
  }
  open_params(e, "qcc_resize");
  field(e, "batch", x->dim[0]), field(e, "in_h", x->dim[1]), field(e, "in_w", x->dim[2]),
      field(e, "channels", x->dim[3]);
  field(e, "out_h", y->dim[1]), field(e, "out_w", y->dim[2]),
      field(e, "elem", dtype_bytes(x->dtype));
  close_params(e);
  if (linear)
    call(e, "qcc_%s(&p, %s, %s, %s, %s, %s, %s)", k->name, arg[0], arg[1], arg[2], arg[3],
         pointer_to(e, x), pointer_to(e, y));
  else
    call(e, "qcc_%s(&p, %s, %s, %s, %s)", k->name, arg[0], arg[2], pointer_to(e, x),
         pointer_to(e, y));
}
