/* quantized.c - the bodies of operators on codes: each decodes its inputs, computes on real numbers and
 * makes codes again, by DequantizeLinear and QuantizeLinear.  So pass `import` meets one form of quantized
 * models, and lowering makes the integer operator of it.
 *
 *   y = QLinearConv(x, xs, xz, w, ws, wz, ys, yz, b)
 *   ==>  y = QuantizeLinear(Conv(DequantizeLinear(x, xs, xz), DequantizeLinear(w, ws, wz),
 *                                DequantizeLinear(b, xs * ws)), ys, yz)
 */
#include <string.h>

#include "ir/functions.h"

/* A vector of zero points beside one of scales: a single one stands for all. */
static Tensor *put_zeros(Body *b, Tensor *zero, const Tensor *scale) {
  if (!zero || n_elements(zero) == n_elements(scale) || n_elements(zero) != 1) return zero;
  int64_t n = n_elements(scale), one = 1;
  return put2(b, "Expand", put_reshape(b, zero, 1, &one), put_ints(b, 1, &n));
}

/* op (QuantizeLinear or DequantizeLinear) of x; scales along dimension `axis` where there are several. */
static Tensor *put_linear(Body *b, const char *op, Tensor *x, Tensor *scale, Tensor *zero, int axis) {
  Tensor *in[3] = {x, scale, put_zeros(b, zero, scale)};
  if (n_elements(scale) > 1 && scale->rank != 1) {
    int64_t n = n_elements(scale);
    in[1] = put_reshape(b, scale, 1, &n);
    if (in[2]) in[2] = put_reshape(b, in[2], 1, &n);
  }
  Node *n = start_node(b, op, zero ? 3 : 2, in);
  set_int(b->g, n, "axis", axis);
  return finish_node(b, n);
}

static Tensor *put_decoded(Body *b, Tensor *x, Tensor *scale, Tensor *zero, int axis) {
  return put_linear(b, "DequantizeLinear", x, scale, zero, axis);
}

/* Input i decoded by the two inputs behind it. */
static Tensor *put_input(Body *b, int i, int axis) {
  if (!b->in[i] || !body_input(b, i + 1)) error_at(b->n->loc, "%s: input %d is missing", op_name(b->n), i + 1);
  return put_decoded(b, b->in[i], b->in[i + 1], body_input(b, i + 2), axis);
}

/* Codes of x by inputs i and i + 1; without a zero point, of the type of `like`. */
static Tensor *put_codes(Body *b, Tensor *x, int i, const Tensor *like) {
  Tensor *scale = body_input(b, i), *zero = body_input(b, i + 1);
  if (!scale) error_at(b->n->loc, "%s: input %d is missing", op_name(b->n), i + 1);
  if (!zero) zero = put_real(b, like->dtype, 0);
  return put_linear(b, "QuantizeLinear", x, scale, zero, 0);
}

static void copy_attributes(Body *b, Node *n) {
  for (int i = 0; i < b->n->n_attr; i++) set_attr(b->g, n, &b->n->attr[i]);
}

/* A bias of int32 codes, whose scale is the product of two others. */
static Tensor *put_bias(Body *b, Tensor *bias, Tensor *x_scale, Tensor *w_scale) {
  int64_t n = n_elements(w_scale);
  Tensor *scale = put2(b, "Mul", n == 1 ? w_scale : put_reshape(b, w_scale, 1, &n), x_scale);
  if (n == 1 && scale->rank > 0) scale = put_reshape(b, scale, 0, NULL);
  return put_decoded(b, bias, scale, NULL, 0);
}

bool body_qlinear_conv(Body *b) {
  Tensor *in[3] = {put_input(b, 0, 0), put_input(b, 3, 0), body_input(b, 8)};
  if (in[2]) in[2] = put_bias(b, in[2], b->in[1], b->in[4]);
  Node *conv = start_node(b, "Conv", in[2] ? 3 : 2, in);
  copy_attributes(b, conv);
  b->out[0] = put_codes(b, finish_node(b, conv), 6, b->in[0]);
  return true;
}

/* Matrices whose rows, or columns, may have a scale each. */
bool body_qlinear_matmul(Body *b) {
  int rows = b->in[0]->rank - 2;
  Tensor *x = put_input(b, 0, rows < 0 ? 0 : rows), *w = put_input(b, 3, b->in[3] ? b->in[3]->rank - 1 : 0);
  b->out[0] = put_codes(b, put2(b, "MatMul", x, w), 6, b->in[0]);
  return true;
}

/* com.microsoft's QGemm: without a scale of the output that is real. */
bool body_qgemm(Body *b) {
  Tensor *in[3] = {put_input(b, 0, 0), put_input(b, 3, attr_int(b->n, "transB", 0) ? 0 : 1), body_input(b, 6)};
  if (in[2]) in[2] = put_bias(b, in[2], b->in[1], b->in[4]);
  Node *gemm = start_node(b, "Gemm", in[2] ? 3 : 2, in);
  copy_attributes(b, gemm);
  Tensor *y = finish_node(b, gemm);
  b->out[0] = body_input(b, 7) ? put_codes(b, y, 7, b->in[0]) : y;
  return true;
}

bool body_qlinear_binary(Body *b) {
  Tensor *y = put2(b, is_op(b->n, "QLinearAdd") ? "Add" : "Mul", put_input(b, 0, 0), put_input(b, 3, 0));
  b->out[0] = put_codes(b, y, 6, b->in[0]);
  return true;
}

/* QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax, QLinearAveragePool, QLinearReduceMean: the operator of
 * that name, on one input. */
bool body_qlinear_unary(Body *b) {
  Node *n = start_node(b, b->n->op->name + strlen("QLinear"), 1, (Tensor *[]){put_input(b, 0, 0)});
  copy_attributes(b, n);
  b->out[0] = put_codes(b, finish_node(b, n), 3, b->in[0]);
  return true;
}

bool body_qlinear_global_pool(Body *b) {
  Tensor *x = put_input(b, 0, 0), *y;
  int64_t axes[MAX_RANK];
  if (attr_int(b->n, "channels_last", 0)) {
    for (int i = 0; i < x->rank - 2; i++) axes[i] = i + 1;
    y = put_reduce(b, "ReduceMean", x, x->rank - 2, axes);
  } else {
    y = put1(b, "GlobalAveragePool", x);
  }
  b->out[0] = put_codes(b, y, 3, b->in[0]);
  return true;
}

/* Scale and zero point of the output come first, then three inputs for each part. */
bool body_qlinear_concat(Body *b) {
  enum { MOST = sizeof b->in / sizeof *b->in / 3 };
  Tensor *part[MOST];
  int n = (b->n_in - 2) / 3;
  if (n < 1 || b->n_in != 2 + 3 * n) error_at(b->n->loc, "QLinearConcat: %d inputs are not two and three for each part", b->n_in);
  for (int i = 0; i < n; i++) part[i] = put_input(b, 2 + 3 * i, 0);
  b->out[0] = put_codes(b, put_concat(b, n, part, get_axis(b->n, attr_int(b->n, "axis", 0), part[0]->rank)), 0, b->in[2]);
  return true;
}

/* com.microsoft's products with real outputs: MatMulIntegerToFloat (a, b, scales, zero points, bias) and
 * DynamicQuantizeMatMul (a, which gets codes first, b, its scale and zero point, bias). */
bool body_matmul_to_float(Body *b) {
  bool dynamic = is_op(b->n, "DynamicQuantizeMatMul");
  Tensor *x = b->in[0], *bias = body_input(b, dynamic ? 4 : 6);
  Tensor *w = put_decoded(b, b->in[1], b->in[dynamic ? 2 : 3], body_input(b, dynamic ? 3 : 5), b->in[1]->rank - 1);
  if (dynamic) {
    Tensor *codes[3];
    const char *name = arena_printf(b->g->arena, "%s_codes", b->n->name);
    for (int i = 0; i < 3; i++) codes[i] = new_tensor(b->g, fresh_name(b->g, name), DT_NONE, -1, NULL);
    Node *q = add_node(b->g, b->at++, "DynamicQuantizeLinear", fresh_name(b->g, codes[0]->name), 1, &x, 3, codes);
    q->loc = b->n->loc;
    infer_node(b->g, q);
    x = put_decoded(b, codes[0], codes[1], codes[2], 0);
  } else {
    x = put_decoded(b, x, b->in[2], body_input(b, 4), x->rank > 1 ? x->rank - 2 : 0);
  }
  Tensor *y = put2(b, "MatMul", x, w);
  b->out[0] = bias ? put2(b, "Add", y, bias) : y;
  return true;
}

/* Weights [directions][inputs][4 * hidden] of com.microsoft's DynamicQuantizeLSTM, scales and zero points for each
 * direction, or each of its columns, as LSTM has them. */
static Tensor *put_gates(Body *b, int i, int scale_at) {
  Tensor *w = body_input(b, i), *scale = body_input(b, scale_at), *zero = body_input(b, scale_at + 1);
  if (!w || !scale || w->rank != 3)
    error_at(b->n->loc, "%s: weights in input %d need three dimensions and scales", op_name(b->n), i + 1);
  int64_t dim[3] = {w->dim[0], 1, n_elements(scale) == w->dim[0] ? 1 : w->dim[2]};
  if (n_elements(scale) != dim[0] * dim[2] || (zero && n_elements(zero) != n_elements(scale)))
    error_at(b->n->loc, "%s: scales or zero points do not fit the weights in input %d", op_name(b->n), i + 1);
  Tensor *x = put_cast(b, w, DT_F32);
  if (zero) x = put2(b, "Sub", x, put_cast(b, put_reshape(b, zero, 3, dim), DT_F32));
  return put_transpose(b, put2(b, "Mul", x, put_reshape(b, scale, 3, dim)), "021");
}

/* Its inputs and state stay real numbers, which onnxruntime rounds to codes at each step. */
bool body_coded_lstm(Body *b) {
  Tensor *in[8] = {b->in[0], put_gates(b, 1, 8), put_gates(b, 2, 10)}, *out[3];
  for (int i = 3; i < 8; i++) in[i] = body_input(b, i);
  for (int i = 0; i < 3; i++)
    out[i] = new_tensor(b->g, fresh_name(b->g, arena_printf(b->g->arena, "%s_lstm", b->n->name)), DT_NONE, -1, NULL);
  Node *n = add_node(b->g, b->at++, "LSTM", fresh_name(b->g, out[0]->name), 8, in, 3, out);
  n->loc = b->n->loc;
  copy_attributes(b, n);
  infer_node(b->g, n);
  for (int i = 0; i < 3; i++) b->out[i] = out[i];
  return true;
}

/* ---- QuantizeLinear and DequantizeLinear that `import` leaves: scales of run time, or several of them */

/* Scales or zero points as a tensor that broadcasts to x: one for each index of the axis, or each block of
 * indices. */
static Tensor *put_spread(Body *b, Tensor *t) {
  const Tensor *x = b->in[0];
  int64_t block = attr_int(b->n, "block_size", 0);
  if (n_elements(t) == 1 && block == 0) return put_reshape(b, t, 0, NULL);
  int axis = get_axis(b->n, attr_int(b->n, "axis", 1), x->rank);
  if (block == 0) return put_along(b, t, x->rank, axis);
  Tensor *index = new_const(b->g, fresh_name(b->g, arena_printf(b->g->arena, "%s_block", b->n->name)), DT_I64, 1,
                            &x->dim[axis], arena_alloc(b->g->arena, 8 * x->dim[axis] + 1));
  for (int64_t i = 0; i < x->dim[axis]; i++) ((int64_t *)index->data)[i] = i / block;
  Node *n = start_node(b, "Gather", 2, (Tensor *[]){t, index});
  set_int(b->g, n, "axis", axis);
  return finish_node(b, n);
}

bool body_dequantize_linear(Body *b) {
  Tensor *x = put_cast(b, b->in[0], DT_F32), *zero = body_input(b, 2);
  if (zero) x = put2(b, "Sub", x, put_cast(b, put_spread(b, zero), DT_F32));
  b->out[0] = put2(b, "Mul", x, put_spread(b, b->in[1]));
  return true;
}

bool body_quantize_linear(Body *b) {
  DType to = b->n->out[0]->dtype;
  Tensor *zero = body_input(b, 2);
  Node *divide = start_node(b, "Div", 2, (Tensor *[]){put_cast(b, b->in[0], DT_F32), put_spread(b, b->in[1])});
  set_int(b->g, divide, "exact", 1); /* not a product with the reciprocal: ties would be others */
  Tensor *x = finish_node(b, divide);
  if (dtype_is_int(to)) x = put1(b, "Round", x);
  if (zero) x = put2(b, "Add", x, put_cast(b, put_spread(b, zero), DT_F32));
  if (dtype_is_float(to)) {
    Node *cast = start_node(b, "Cast", 1, &x);
    set_int(b->g, cast, "to", to);
    set_int(b->g, cast, "saturate", attr_int(b->n, "saturate", 1));
    b->out[0] = finish_node(b, cast);
    return true;
  }
  float lo, hi;
  code_limits(to, &lo, &hi);
  x = put_op(b, "Clip", 3, (Tensor *[]){x, put_real(b, DT_F32, (double)lo), put_real(b, DT_F32, (double)hi)});
  b->out[0] = put_cast(b, x, to);
  return true;
}

/* ---- com.microsoft's MatMulNBits: weights [N][blocks][bytes of a block], low bits first */

/* Codes of `bits` bits, `row` of them in whole bytes at a time, the first ones as uint8 [rows][kept]. */
static Tensor *put_unpacked(Body *b, const Tensor *packed, int64_t rows, int64_t row, int64_t kept, int bits) {
  int64_t bytes = (row * bits + 7) / 8, dim[2] = {rows, kept};
  if (!is_const(packed) || packed->dtype != DT_U8)
    error_at(b->n->loc, "%s: expected constant codes of type uint8", op_name(b->n));
  if (n_elements(packed) != mul_size(rows, bytes))
    error_at(b->n->loc, "%s: expected %lld bytes of codes, found %lld", op_name(b->n),
             (long long)mul_size(rows, bytes), (long long)n_elements(packed));
  uint8_t *v = arena_alloc(b->g->arena, mul_size(rows, kept) + 1);
  for (int64_t i = 0; i < rows * kept; i++) {
    int64_t bit = i % kept * bits;
    v[i] = (uint8_t)(((const uint8_t *)packed->data)[i / kept * bytes + bit / 8] >> (bit % 8) & ((1 << bits) - 1));
  }
  return new_const(b->g, fresh_name(b->g, arena_printf(b->g->arena, "%s_codes", b->n->name)), DT_U8, 2, dim, v);
}

static int64_t read_size(const Body *b, const char *name) {
  int64_t v = attr_int(b->n, name, 0);
  if (v < 1 || v > INT32_MAX) error_at(b->n->loc, "%s: %s is %lld", op_name(b->n), name, (long long)v);
  return v;
}

/* Blocks of every output channel end to end: their last one may reach behind K. */
bool body_matmul_nbits(Body *b) {
  int64_t k = read_size(b, "K"), n = read_size(b, "N"), block = read_size(b, "block_size"), bits = attr_int(b->n, "bits", 4);
  int64_t blocks = (k + block - 1) / block, dim[2] = {n, blocks};
  Tensor *bias = body_input(b, 5), *zero = body_input(b, 3);
  if (bits != 2 && bits != 4 && bits != 8) error_at(b->n->loc, "%s: bits is %lld, expected 2, 4 or 8", op_name(b->n), (long long)bits);
  if (block * bits % 8) error_at(b->n->loc, "%s: a block is no whole number of bytes", op_name(b->n));
  if (body_input(b, 4)) error_at(b->n->loc, "%s: an order of columns is not supported", op_name(b->n));
  Tensor *codes = put_unpacked(b, b->in[1], n, blocks * block, k, (int)bits);
  if (zero) {
    zero = put_unpacked(b, zero, n, blocks, blocks, (int)bits);
  } else {
    zero = new_const(b->g, fresh_name(b->g, arena_printf(b->g->arena, "%s_zeros", b->n->name)), DT_U8, 2, dim,
                     arena_alloc(b->g->arena, n * blocks + 1));
    memset(zero->data, 1 << (bits - 1), (size_t)(n * blocks));
  }
  if (n_elements(b->in[2]) != n * blocks)
    error_at(b->n->loc, "%s: expected %lld scales, found %lld", op_name(b->n), (long long)(n * blocks),
             (long long)n_elements(b->in[2]));
  Node *decode = start_node(b, "DequantizeLinear", 3, (Tensor *[]){codes, put_reshape(b, b->in[2], 2, dim), zero});
  set_int(b->g, decode, "axis", 1);
  set_int(b->g, decode, "block_size", block);
  Tensor *y = put2(b, "MatMul", b->in[0], put_transpose(b, finish_node(b, decode), "10"));
  b->out[0] = bias ? put2(b, "Add", y, bias) : y;
  return true;
}
