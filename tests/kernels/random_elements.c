/* random_elements.c - random layers without weights: sums, products, pools, tables, softmax, moves
 * and changes between codes and reals. */
#include "tests/kernels/random_layers.h"

#include <string.h>

static Tensor *new_output(Graph *g) {
  return new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
}

static Node *new_layer(Graph *g, const char *op, int n_in, Tensor *const *in, Tensor *y) {
  return add_node(g, -1, op, fresh_name(g, "layer"), n_in, in, 1, &y);
}

static Tensor *new_input(Graph *g, DType type, int rank, const int64_t *dim) {
  return new_tensor(g, fresh_name(g, "x"), type, rank, dim);
}

/* A dimension: mostly short, sometimes longer than the vectors of a target. */
static int64_t random_size(void) { return pick(0, 2) ? pick(1, 9) : pick(1, 67); }

/* The range of an output in codes, often the whole. */
static void set_range(Graph *g, Node *n, DType type) {
  const Format *f = format_of(type);
  int lo = pick(0, 1) ? f->lo : pick(f->lo, 0);
  set_int(g, n, "lo", lo), set_int(g, n, "hi", pick(0, 1) ? f->hi : pick(lo, f->hi));
}

static void set_multiplier(Graph *g, Node *n, DType type, int64_t bound) {
  set_int(g, n, "m", ((const int32_t *)set_output(g, n, type, 1, bound)->data)[0]);
}

/* Equal shapes, or some dimensions of either side 1. */
static void random_operands(Graph *g, DType type, Tensor **in) {
  int rank = pick(1, 4);
  bool equal = pick(0, 1);
  int64_t a[4], b[4];
  for (int d = 0; d < rank; d++) {
    a[d] = b[d] = d == rank - 1 || rank == 1 ? random_size() : pick(1, 5);
    if (equal) continue;
    if (!pick(0, 2)) a[d] = 1;
    else if (!pick(0, 1)) b[d] = 1;
  }
  in[0] = new_input(g, type, rank, a);
  in[1] = new_weights(g, rank, b, type);
}

static Node *random_qadd(Graph *g, DType type) {
  Tensor *in[2];
  int most = type == DT_I16 ? INT16_MAX / 2 : INT16_MAX;
  random_operands(g, type, in);
  Node *n = new_layer(g, "QAdd", 2, in, new_output(g));
  set_int(g, n, "a_mul", pick(-most, most)), set_int(g, n, "b_mul", pick(-most, most));
  set_int(g, n, "c", pick(-(1 << 22), 1 << 22)), set_int(g, n, "shift", pick(8, 18));
  if (type == DT_I8 && !pick(0, 3)) {
    set_str(g, n, "rule", "float");
    set_int(g, n, "a_zero", pick(-128, 127)), set_int(g, n, "b_zero", pick(-128, 127));
    set_int(g, n, "y_zero", pick(-128, 127)), set_float(g, n, "y_scale", pick(10, 100) * 1e-3);
    set_float(g, n, "a_scale", pick(1, 100) * 1e-3), set_float(g, n, "b_scale", pick(-100, 100) * 1e-3);
  }
  set_range(g, n, type);
  return n;
}

static Node *random_qmul(Graph *g, DType type) {
  Tensor *in[2];
  random_operands(g, type, in);
  Node *n = new_layer(g, "QMul", 2, in, new_output(g));
  set_multiplier(g, n, type, type == DT_I16 ? 1 << 30 : 256 * 256);
  if (type == DT_I8) set_int(g, n, "a_zero", pick(-128, 127)), set_int(g, n, "b_zero", pick(-128, 127));
  return n;
}

/* int16 codes in others. */
static Node *random_requantize(Graph *g) {
  int64_t dim[2] = {random_size(), random_size()};
  Tensor *x = new_input(g, DT_I16, 2, dim), *y = new_output(g);
  y->quant = new_quant(g, find_format(pick(0, 1) ? "int16" : "int8"), -1, 0, 1);
  Node *n = new_layer(g, "QRequantize", 1, &x, y);
  set_multiplier(g, n, y->quant->format->dtype, 32768);
  return n;
}

/* One table or one for each channel, of signed or unsigned codes, sometimes that of flip_sign. */
static Node *random_lookup(Graph *g, DType result) {
  int64_t dim[2] = {random_size(), random_size()}, table[2] = {dim[1], 256};
  bool each = pick(0, 1), is_flip = result == DT_I8 && !each && !pick(0, 3);
  DType type = is_flip || pick(0, 1) ? DT_U8 : DT_I8;
  Tensor *t = new_weights(g, each ? 2 : 1, each ? table : table + 1, result);
  for (int i = 0; is_flip && i < 256; i++) ((int8_t *)t->data)[i] = (int8_t)(i - 128);
  return new_layer(g, "QLookup", 2, (Tensor *[]){new_input(g, type, 2, dim), t}, new_output(g));
}

/* Over up to two spatial dimensions; padding mostly not counted in averages. */
static Node *random_pool(Graph *g, const char *op, DType type) {
  int64_t in[2], kernel[2], stride[2], dilation[2], pad[4], pad1[2];
  for (int i = 0; i < 2; i++)
    do random_window(&in[i], &kernel[i], &stride[i], &dilation[i], &pad[i], &pad[i + 2]);
    while (pad[i] >= kernel[i] || pad[i + 2] >= kernel[i]);
  if (!pick(0, 4)) { /* a global one */
    in[0] = pick(1, 40), in[1] = pick(1, 40);
    for (int i = 0; i < 2; i++)
      kernel[i] = in[i], stride[i] = dilation[i] = 1, pad[i] = pad[i + 2] = 0;
  }
  bool flat = !pick(0, 5);
  int64_t c = random_size(), x[4] = {pick(0, 4) ? 1 : 2, in[0], flat ? c : in[1], c};
  int rank = flat ? 3 : 4;
  Tensor *t[2] = {new_input(g, type, rank, x), NULL};
  t[0]->layout = LAYOUT_NHWC;
  bool is_average = strcmp(op, "QAveragePool") == 0, padded = pad[0] || pad[1] || pad[2] || pad[3];
  int64_t taps = kernel[0] * (flat ? 1 : kernel[1]);
  if (is_average) t[1] = new_vector(g, "m", padded ? taps : 1, 1 << 20, 1 << 29);
  Node *n = new_layer(g, op, is_average ? 2 : 1, t, new_output(g));
  pad1[0] = pad[0], pad1[1] = pad[2];
  set_ints(g, n, "kernel_shape", rank - 2, kernel);
  set_ints(g, n, "strides", rank - 2, stride), set_ints(g, n, "dilations", rank - 2, dilation);
  set_ints(g, n, "pads", 2 * (rank - 2), flat ? pad1 : pad);
  if (is_average) {
    set_input(g, n, 1, set_output(g, n, type, n_elements(t[1]), taps * (type == DT_I8 ? 256 : 32768)));
    set_int(g, n, "x_zero", type == DT_I8 ? pick(-128, 127) : 0);
  } else if (strcmp(op, "AveragePool") == 0 && pick(0, 1)) {
    set_int(g, n, "count_include_pad", 1);
  } else if (strcmp(op, "TAveragePool") == 0) {
    set_range(g, n, type);
  }
  return n;
}

/* Sums, differences and products by rule tflite. */
static Node *random_tbinary(Graph *g) {
  static const char *const m[] = {"a_m", "b_m", "m"}, *const zero[] = {"a_zero", "b_zero", "y_zero"},
                           *const exponent[] = {"a_exponent", "b_exponent", "exponent"};
  Tensor *in[2];
  bool mul = pick(0, 1);
  random_operands(g, DT_I8, in);
  Node *n = new_layer(g, mul ? "TMul" : "TAdd", 2, in, new_output(g));
  for (int i = 0; i < 3; i++) {
    set_int(g, n, zero[i], pick(-128, 127)), set_int(g, n, m[i], pick(1 << 30, INT32_MAX - 1));
    set_int(g, n, exponent[i], i < 2 ? pick(-6, 0) : mul ? pick(-12, 2) : pick(-24, -18));
  }
  if (!mul) set_int(g, n, "subtract", pick(0, 1));
  if (!mul && pick(0, 3)) { /* the larger scale is twice itself, as in networks; or both are */
    int larger = pick(0, 1), both = !pick(0, 3);
    for (int i = 0; i < 2; i++)
      if (both || i == larger) set_int(g, n, m[i], 1 << 30), set_int(g, n, exponent[i], 0);
      else set_int(g, n, exponent[i], pick(-4, -1));
    if (pick(0, 3)) set_int(g, n, "subtract", 0);
  }
  set_range(g, n, DT_I8);
  return n;
}

static Node *random_tsoftmax(Graph *g) {
  int64_t dim[2] = {pick(1, 5), pick(0, 2) ? random_size() : pick(1, 300)}, size = 256;
  int32_t *table = arena_alloc(g->arena, size * 4);
  table[0] = INT32_MAX;
  for (int i = 1; i < 256; i++) table[i] = (int32_t)((int64_t)table[i - 1] * pick(50, 100) / 100);
  Tensor *t = new_const(g, fresh_name(g, "t"), DT_I32, 1, &size, table);
  return new_layer(g, "TSoftmax", 2, (Tensor *[]){new_input(g, DT_I8, 2, dim), t}, new_output(g));
}

/* Of its outputs the first is compared. */
static Node *random_tlstm(Graph *g) {
  int64_t inputs = random_size(), hidden = pick(1, 24), rows = 4 * hidden, points = 256;
  int64_t x[3] = {pick(1, 2), pick(1, 4), inputs}, w[2] = {rows, inputs}, v[2] = {rows, hidden}, m_dim[3] = {2, 2, 4};
  int64_t state[2] = {x[0], hidden}, b_dim[2] = {2, rows};
  int32_t *b = new_vector(g, "b", 2 * rows, -5000, 5000)->data, *m = arena_alloc(g->arena, 64);
  int16_t *c = arena_alloc(g->arena, x[0] * hidden * 2);
  for (int i = 0; i < 16; i++) m[i] = i & 4 ? pick(-6, 0) : pick(1 << 30, INT32_MAX - 1);
  for (int64_t i = 0; i < x[0] * hidden; i++) c[i] = (int16_t)pick(-32768, 32767);
  Tensor *in[8] = {new_input(g, DT_I8, 3, x), new_weights(g, 2, w, DT_I8), new_weights(g, 2, v, DT_I8)};
  in[3] = new_const(g, fresh_name(g, "b"), DT_I32, 2, b_dim, b);
  in[4] = new_const(g, fresh_name(g, "m"), DT_I32, 3, m_dim, m);
  in[5] = new_const(g, fresh_name(g, "t"), DT_U16, 1, &points, sigmoid_points(g->arena));
  in[6] = new_weights(g, 2, state, DT_I8);
  in[7] = new_const(g, fresh_name(g, "c"), DT_I16, 2, state, c);
  Tensor *out[3] = {new_output(g), new_tensor(g, fresh_name(g, "h"), DT_NONE, -1, NULL),
                    new_tensor(g, fresh_name(g, "c"), DT_NONE, -1, NULL)};
  Node *n = add_node(g, -1, "TLSTM", fresh_name(g, "layer"), 8, in, 3, out);
  set_int(g, n, "layout", 1), set_int(g, n, "cell_bits", pick(8, 15)), set_int(g, n, "cell_clip", pick(0, 32767));
  set_int(g, n, "keep_m", 1 << 30), set_int(g, n, "keep_exponent", -14);
  set_int(g, n, "in_m", 1 << 30), set_int(g, n, "in_exponent", pick(-18, -14));
  set_int(g, n, "out_m", pick(1 << 30, INT32_MAX - 1)), set_int(g, n, "out_exponent", pick(-23, -21));
  set_int(g, n, "y_zero", pick(-128, 127));
  return n;
}

static Node *random_softmax(Graph *g) {
  int64_t dim[2] = {pick(1, 5), pick(0, 2) ? random_size() : pick(1, 300)}, size = 256;
  uint32_t *table = arena_alloc(g->arena, 2 * size * 4), scale = (uint32_t)pick(1, 40);
  table[0] = (UINT32_C(1) << 31) / 512;
  for (int i = 1; i < 256; i++) table[i] = (uint32_t)((uint64_t)table[i - 1] * (100 - scale) / 100);
  bool scaled = pick(0, 1); /* to other scales, behind the table */
  uint64_t factor = (uint64_t)pick(1, 511);
  for (int i = 0; i < 256 && scaled; i++) table[256 + i] = (uint32_t)(table[i] * factor + (uint64_t)pick(0, 1));
  if (scaled) size = 512;
  Tensor *t = new_const(g, fresh_name(g, "t"), DT_U32, 1, &size, table);
  Node *n = new_layer(g, "QSoftmax", 2, (Tensor *[]){new_input(g, DT_I8, 2, dim), t}, new_output(g));
  if (scaled) set_int(g, n, "y_zero", pick(-128, 127));
  return n;
}

static Node *random_qmatmul(Graph *g) {
  int64_t depth = pick(1, 40), a[] = {pick(1, 3), pick(1, 9), depth}, b[] = {a[0], depth, pick(1, 67)};
  bool shared = pick(0, 1);
  Tensor *in[2] = {new_input(g, DT_I8, 3, a), new_weights(g, shared ? 2 : 3, shared ? b + 1 : b, DT_I8)};
  Node *n = new_layer(g, "QMatMul", 2, in, new_output(g));
  set_multiplier(g, n, DT_I8, depth * 256 * 256);
  set_int(g, n, "a_zero", pick(-128, 127)), set_int(g, n, "b_zero", pick(-128, 127));
  return n;
}

/* Mostly a few pixels, sometimes one long row. */
static Tensor *random_image(Graph *g, DType type) {
  bool row = !pick(0, 3);
  int64_t dim[] = {pick(1, 2), row ? 1 : pick(1, 9), row ? 1 : pick(1, 9), row ? pick(1, 300) : pick(1, 67)};
  Tensor *t = new_input(g, type, 4, dim);
  t->layout = LAYOUT_NHWC;
  return t;
}

static Tensor *new_ints(Graph *g, int64_t n, const int64_t *v) {
  int64_t *own = arena_alloc(g->arena, n * (int64_t)sizeof *v);
  memcpy(own, v, (size_t)n * sizeof *v);
  return new_const(g, fresh_name(g, "i"), DT_I64, 1, &n, own);
}

/* A part of every dimension, in steps, sometimes backwards. */
static Node *random_slice(Graph *g, Tensor *x) {
  int64_t start[4], end[4], axis[4], step[4];
  for (int d = 0; d < x->rank; d++) {
    int last = (int)x->dim[d] - 1, a = pick(0, last), b = pick(a, last);
    bool back = !pick(0, 4);
    axis[d] = d, step[d] = (back ? -1 : 1) * (pick(0, 2) ? 1 : pick(1, 3));
    start[d] = back ? b : a, end[d] = back ? a - 1 - x->dim[d] : b + 1;
  }
  Tensor *in[5] = {x, new_ints(g, x->rank, start), new_ints(g, x->rank, end),
                   new_ints(g, x->rank, axis), new_ints(g, x->rank, step)};
  return new_layer(g, "Slice", 5, in, new_output(g));
}

static Node *random_pad(Graph *g, Tensor *x) {
  static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
  const char *mode = modes[pick(0, 3)];
  int64_t pads[8], one = 1;
  for (int d = 0; d < x->rank; d++) {
    int most = (int)x->dim[d] - 1 < 5 && mode[0] != 'c' ? (int)x->dim[d] - 1 : 5;
    pads[d] = pick(0, most), pads[d + x->rank] = pick(0, most);
  }
  bool constant = mode[0] == 'c';
  Tensor *in[3] = {x, new_ints(g, 2 * x->rank, pads), constant ? new_weights(g, 1, &one, x->dtype) : NULL};
  if (constant) in[2]->rank = 0;
  Node *n = new_layer(g, "Pad", constant ? 3 : 2, in, new_output(g));
  set_str(g, n, "mode", mode);
  return n;
}

static Node *random_permutation(Graph *g, Tensor *x) {
  int64_t perm[4] = {0, 1, 2, 3};
  for (int d = 3; d > 0; d--) {
    int other = pick(0, d);
    int64_t swap = perm[d];
    perm[d] = perm[other], perm[other] = swap;
  }
  Node *n = new_layer(g, "Transpose", 1, &x, new_output(g));
  set_ints(g, n, "perm", 4, perm);
  return n;
}

/* With a constant before or behind it. */
static Node *random_concat(Graph *g, Tensor *x) {
  int axis = pick(0, 3);
  int64_t dim[4];
  for (int d = 0; d < 4; d++) dim[d] = d == axis ? pick(1, 5) : x->dim[d];
  Node *n = new_layer(g, "Concat", 2, (Tensor *[]){x, new_weights(g, 4, dim, x->dtype)}, new_output(g));
  set_int(g, n, "axis", axis);
  return n;
}

static Node *random_resize(Graph *g, Tensor *x) {
  int64_t size[4] = {x->dim[0], pick(1, 12), pick(1, 12), x->dim[3]};
  x->layout = LAYOUT_NHWC;
  Node *n = new_layer(g, "Resize", 4, (Tensor *[]){x, NULL, NULL, new_ints(g, 4, size)}, new_output(g));
  set_str(g, n, "mode", "nearest");
  return n;
}

/* Repeated along every dimension, or along those of size 1. */
static Node *random_tile(Graph *g, Tensor *x) {
  int64_t times[4];
  bool expand = pick(0, 1);
  for (int d = 0; d < 4; d++) times[d] = expand && x->dim[d] > 1 ? x->dim[d] : pick(1, 3);
  return new_layer(g, expand ? "Expand" : "Tile", 2, (Tensor *[]){x, new_ints(g, 4, times)},
                   new_output(g));
}

static Node *random_blocks(Graph *g, Tensor *x) {
  int64_t b = pick(1, 3);
  bool split = pick(0, 1);
  x->layout = LAYOUT_NHWC;
  if (split) x->dim[1] *= b, x->dim[2] *= b;
  else x->dim[3] = (x->dim[3] % 9 + 1) * b * b;
  Node *n = new_layer(g, split ? "SpaceToDepth" : "DepthToSpace", 1, &x, new_output(g));
  set_int(g, n, "blocksize", b);
  if (!split && pick(0, 1)) set_str(g, n, "mode", "CRD");
  return n;
}

/* Elements to other places. */
static Node *random_move(Graph *g, DType type) {
  int64_t dim[4] = {pick(1, 2), pick(1, 9), pick(1, 9), pick(0, 1) ? pick(1, 5) : random_size()};
  if (!pick(0, 3)) dim[2] = pick(1, 40);
  Tensor *x = new_input(g, type, 4, dim);
  switch (pick(0, 9)) {
    case 0: return random_slice(g, x);
    case 1: return random_pad(g, x);
    case 2: return random_concat(g, x);
    case 3: return random_resize(g, x);
    case 4: return random_tile(g, x);
    case 5: return random_blocks(g, x);
    case 6:
    case 7: return random_indexed(g, x);
    default: return random_permutation(g, x);
  }
}

/* Between codes and real numbers. */
static Node *random_conversion(Graph *g, DType type, bool to_codes) {
  Tensor *x = random_image(g, to_codes ? DT_F32 : type), *y = new_output(g), *t = to_codes ? y : x;
  t->quant = new_quant(g, format_of(type), -1, 0, 1);
  t->quant->scale[0] = 0.001f * (float)pick(1, 40);
  t->quant->zero[0] = type == DT_I16 ? 0 : type == DT_U8 ? pick(0, 255) : pick(-128, 127);
  return new_layer(g, to_codes ? "Quantize" : "Dequantize", 1, &x, y);
}

static Node *random_function(Graph *g, DType type) {
  static const char *const ops[] = {"Exp",  "Sigmoid",  "Tanh", "Erf",  "Gelu", "Elu",      "Selu",
                                    "Softplus", "Mish", "Relu", "Abs",  "HardSwish", "Clip"};
  int kind = pick(0, (int)(sizeof ops / sizeof *ops) - 1);
  Tensor *x = random_image(g, type);
  Node *n = new_layer(g, ops[kind], 1, &x, new_output(g));
  if (strcmp(ops[kind], "Clip") == 0) set_float(g, n, "min", -0.3), set_float(g, n, "max", 0.7);
  return n;
}

static Node *random_binary(Graph *g, DType type) {
  static const char *const ops[] = {"Add", "Sub", "Mul", "Min", "Max", "PRelu"};
  Tensor *in[2];
  int kind = pick(0, 5);
  random_operands(g, type, in);
  if (kind == 5) in[1] = new_weights(g, in[0]->rank, in[0]->dim, type); /* y has x's shape */
  Node *n = new_layer(g, ops[kind], 2, in, new_output(g));
  if (pick(0, 2)) return n;
  set_str(g, n, "activation", "Clip");
  set_float(g, n, "activation_min", pick(0, 1) ? 0 : -0.3);
  if (pick(0, 1)) set_float(g, n, "activation_max", 0.7);
  return n;
}

/* Float16 from codes, from float32 or back. */
static Node *random_cast(Graph *g) {
  if (!pick(0, 2)) {
    Node *n = random_conversion(g, pick(0, 1) ? DT_I8 : DT_U8, false);
    n->out[0]->dtype = DT_F16;
    return n;
  }
  bool narrow = pick(0, 1);
  Tensor *x = random_image(g, narrow ? DT_F32 : DT_F16);
  Node *n = new_layer(g, "Cast", 1, &x, new_output(g));
  set_int(g, n, "to", narrow ? DT_F16 : DT_F32);
  return n;
}

static Node *random_norm(Graph *g, DType type) {
  Tensor *in[3] = {random_image(g, type), NULL, NULL};
  if (pick(0, 1)) {
    Node *n = new_layer(g, pick(0, 1) ? "Softmax" : "LogSoftmax", 1, in, new_output(g));
    set_int(g, n, "axis", pick(1, 3));
    return n;
  }
  bool instance = pick(0, 1), rms = !instance && pick(0, 1), shift = instance || (!rms && pick(0, 1));
  in[1] = new_weights(g, 1, &in[0]->dim[3], DT_F32);
  if (shift) in[2] = new_weights(g, 1, &in[0]->dim[3], DT_F32);
  const char *op = instance ? "InstanceNormalization" : rms ? "RMSNormalization" : "LayerNormalization";
  Node *n = new_layer(g, op, shift ? 3 : 2, in, new_output(g));
  if (!instance) set_int(g, n, "axis", 3);
  return n;
}

static Node *random_hadamard(Graph *g) {
  int64_t block = largest_hadamard(random_size()), dim[2] = {pick(1, 4), block * pick(1, 3)};
  Tensor *in[2] = {new_input(g, DT_F32, 2, dim), NULL};
  if (pick(0, 1)) {
    in[1] = new_weights(g, 1, &dim[1], DT_I8);
    int8_t *sign = in[1]->data;
    for (int64_t i = 0; i < dim[1]; i++) sign[i] = sign[i] < 0 ? -1 : 1;
  }
  Node *n = new_layer(g, "Hadamard", in[1] ? 2 : 1, in, new_output(g));
  set_int(g, n, "block", block), set_int(g, n, "inverse", pick(0, 1));
  return n;
}

static Node *random_reduction(Graph *g, DType type) {
  static const char *const ops[] = {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"};
  Tensor *x = random_image(g, type);
  Node *n = new_layer(g, ops[pick(0, 4)], 1, &x, new_output(g));
  int64_t first = pick(0, 3), axes[] = {first, 3};
  set_ints(g, n, "axes", first < 3 ? pick(1, 2) : 1, axes);
  set_int(g, n, "keepdims", pick(0, 1));
  return n;
}

Node *random_real_elements(Graph *g, DType type) {
  switch (pick(0, 10)) {
    case 10:
      if (type == DT_F32) return random_hadamard(g);
      /* fall through */
    case 0: return random_pool(g, "MaxPool", type);
    case 1: return random_pool(g, "AveragePool", type);
    case 2: return random_binary(g, type);
    case 3:
    case 4: return random_norm(g, type);
    case 5: return random_reduction(g, type);
    case 6: return random_move(g, type);
    case 7: return type == DT_F32 ? random_conversion(g, pick(0, 1) ? DT_I8 : DT_U8, true) : random_cast(g);
    default: return random_function(g, type);
  }
}

Node *random_elements(Graph *g, DType type) {
  bool s16 = type == DT_I16;
  switch (pick(0, s16 ? 9 : 13)) {
    case 13: return random_tlstm(g);
    case 10: return random_tbinary(g);
    case 11: return random_tsoftmax(g);
    case 12: return random_pool(g, "TAveragePool", type);
    case 7: return s16 ? random_requantize(g) : random_qmatmul(g);
    case 6:
    case 8: return random_move(g, type);
    case 9: return random_conversion(g, s16 || pick(0, 1) ? type : DT_U8, s16 && pick(0, 1));
    case 0: return random_qadd(g, type);
    case 1: return random_qmul(g, type);
    case 2: return random_lookup(g, type);
    case 3: return s16 ? random_requantize(g) : random_softmax(g);
    case 4: return random_pool(g, "MaxPool", s16 || pick(0, 1) ? type : DT_U8);
    default: return random_pool(g, "QAveragePool", type);
  }
}
