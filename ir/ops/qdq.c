/* qdq.c - between real numbers and codes: ONNX's QuantizeLinear and DequantizeLinear, whose
 * scales are inputs, and our Quantize and Dequantize, whose scales are the tensor's own
 * QuantSpec.
 *
 * Both follow docs/numerics.md: a float32 division, rint, zero point, clamp before the
 * conversion. */
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"

/* ---- ONNX's: one scale, one per index of `axis`, or one per block along `axis` */

/* Element i of x uses scale element (i / inner % dim) / block ... of the scale's own shape. */
typedef struct ScaleMap {
  int64_t inner;     /* elements behind the axis */
  int64_t dim;       /* of the axis */
  int64_t block;     /* 0: one scale per index */
  int64_t blocks;    /* scales along the axis; 0: a single scale */
} ScaleMap;

static ScaleMap get_scale_map(const Node *n) {
  const Tensor *x = n->in[0], *scale = n->in[1];
  ScaleMap m = {1, 1, 0, 0};
  int64_t block = attr_int(n, "block_size", 0);
  if (scale->rank == 0 || (n_elements(scale) == 1 && block == 0)) return m;
  int axis = get_axis(n, attr_int(n, "axis", 1), x->rank);
  m.inner = dims_product(x->dim, axis + 1, x->rank);
  m.dim = x->dim[axis];
  m.block = block;
  m.blocks = block ? (m.dim + block - 1) / block : m.dim;
  return m;
}

static int64_t map_scale(const ScaleMap *m, int64_t i) {
  if (m->blocks == 0) return 0;
  int64_t place = i / m->inner % m->dim;
  if (m->block == 0) return place;
  return (i / (m->inner * m->dim) * m->blocks + place / m->block) * m->inner + i % m->inner;
}

static void check_scale(const Node *n) {
  const Tensor *x = n->in[0], *scale = n->in[1], *zero = in_tensor(n, 2);
  char text[DIMS_TEXT];
  int64_t block = attr_int(n, "block_size", 0);
  need_float(n, 1);
  if (block < 0) error_at(n->loc, "%s: block_size is %lld", op_name(n), (long long)block);
  ScaleMap m = get_scale_map(n);
  bool fits = m.blocks == 0 || m.block || (scale->rank == 1 && scale->dim[0] == m.dim);
  int axis = m.block ? get_axis(n, attr_int(n, "axis", 1), x->rank) : 0;
  if (m.block) fits = scale->rank == x->rank;
  for (int d = 0; m.block && fits && d < x->rank; d++)
    fits = scale->dim[d] == (d == axis ? m.blocks : x->dim[d]);
  if (!fits)
    error_at(n->loc, "%s: scale has shape %s, which does not fit the input", op_name(n),
             dims_text(text, sizeof text, scale));
  if (zero && n_elements(zero) != n_elements(scale))
    error_at(n->loc, "%s: %lld zero points for %lld scales", op_name(n),
             (long long)n_elements(zero), (long long)n_elements(scale));
}

/* Integers, and floats of at most 8 bits, which need neither rounding nor a zero point. */
static bool is_code(DType t) {
  return dtype_is_int(t) || (small_float(t) && dtype_bits(t) <= 8);
}

void infer_quantize_linear(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_float(n, 0);
  check_scale(n);
  int64_t wanted = attr_int(n, "output_dtype", 0);
  DType t = wanted > 0 && wanted < DT_COUNT ? (DType)wanted : DT_U8;
  if (in_tensor(n, 2)) t = n->in[2]->dtype;
  if (!is_code(t) || dtype_bits(t) > 16)
    error_at(n->loc, "%s: output type %s is not supported", op_name(n), dtype_name(t));
  set_type(n, 0, t, n->in[0]->rank, n->in[0]->dim, n->in[0]->layout);
}

void eval_quantize_linear(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *scale = n->in[1];
  DType t = n->out[0]->dtype;
  const void *zeros = in_data(n, in, 2);
  ScaleMap m = get_scale_map(n);
  bool saturates = attr_int(n, "saturate", 1) != 0;
  float lo, hi;
  code_limits(t, &lo, &hi);
  for (int64_t i = 0; i < n_elements(x); i++) {
    int64_t k = map_scale(&m, i);
    float zero = zeros ? (float)get_real(t, zeros, k) : 0;
    float v = (float)get_real(x->dtype, in[0], i) / (float)get_real(scale->dtype, in[1], k);
    if (dtype_is_float(t)) {
      set_narrow(t, out[0], i, (double)(v + zero), saturates, 'u');
      continue;
    }
    float code = isnan(v) ? zero : rintf(v) + zero;
    put_int(t, out[0], i, (int64_t)(code < lo ? lo : code > hi ? hi : code));
  }
}

void infer_dequantize_linear(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  if (!is_code(x->dtype))
    error_at(n->loc, "%s: input is %s, expected an integer type or a float of at most 8 bits", op_name(n),
             dtype_name(x->dtype));
  need_same_type(n, 0, 2);
  check_scale(n);
  set_type(n, 0, n->in[1]->dtype, x->rank, x->dim, x->layout);
}

void eval_dequantize_linear(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *scale = n->in[1];
  const void *zeros = in_data(n, in, 2);
  ScaleMap m = get_scale_map(n);
  for (int64_t i = 0; i < n_elements(x); i++) {
    int64_t k = map_scale(&m, i);
    double zero = zeros ? get_real(x->dtype, zeros, k) : 0;
    float v = (float)(get_real(x->dtype, in[0], i) - zero) * (float)get_real(scale->dtype, in[1], k);
    set_real(scale->dtype, out[0], i, (double)v);
  }
}

/* ---- ours */

void infer_quantize(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  need_type(n, 0, DT_F32);
  const QuantSpec *q = n->out[0]->quant;
  if (!q) error_at(n->loc, "Quantize: the output has no scale");
  if (q->format->vector > 1)
    error_at(n->loc, "Quantize: format %s is for weights only", q->format->name);
  set_type(n, 0, q->format->dtype, x->rank, x->dim, x->layout);
}

void eval_quantize(const Node *n, const void *const *in, void *const *out) {
  quantize_reals(n->out[0], in[0], out[0]);
}

void infer_dequantize(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  if (!x->quant) error_at(n->loc, "Dequantize: the input has no scale");
  check_outliers(n, x);
  set_type(n, 0, n->out[0]->dtype == DT_F16 ? DT_F16 : DT_F32, x->rank, x->dim, x->layout);
}

void eval_dequantize(const Node *n, const void *const *in, void *const *out) {
  if (n->out[0]->dtype != DT_F16) {
    dequantize_codes(n->in[0], in[0], out[0]);
    add_outliers(n, in, n->in[0], out[0]);
    return;
  }
  int64_t count = n_elements(n->out[0]);
  float *x = scratch(count, sizeof *x);
  dequantize_codes(n->in[0], in[0], x);
  for (int64_t i = 0; i < count; i++) set_real(DT_F16, out[0], i, (double)x[i]);
  free(x);
}
