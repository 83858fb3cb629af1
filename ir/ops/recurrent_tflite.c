/* recurrent_tflite.c - TLSTM, the LSTM of int8 models of TensorFlow Lite: the arithmetic of its reference kernel in
 * TensorFlow Lite Micro, bit for bit (docs/numerics.md).  One direction, no peepholes, no projection.
 *
 * Gates have 12 bits behind the point before their functions and 15 behind them; the cell's scale is a power
 * of two.  Sigmoid and tanh are lines between the points of one table, since tanh(x) = 2 sigmoid(2 x) - 1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

enum { X, W, R, B, M, TABLE, H, C };
enum { MOST_CELL_BITS = 20 };

void get_tlstm(const Node *n, TLstm *r) {
  const Tensor *x = n->in[X];
  bool batch_first = attr_int(n, "layout", 0) != 0;
  int bits = (int)attr_int(n, "cell_bits", 0);
  *r = (TLstm){.steps = x->dim[batch_first],
               .batch = x->dim[!batch_first],
               .inputs = x->dim[2],
               .hidden = n->in[R]->dim[1],
               .clip = (int32_t)attr_int(n, "cell_clip", 0),
               .zero = (int32_t)attr_int(n, "y_zero", 0),
               .tanh_m = 3 << (bits < 12 ? 12 - bits : 0),
               .tanh_shift = bits < 12 ? 0 : bits - 12};
  r->x_step = (batch_first ? 1 : r->batch) * r->inputs;
  r->x_sample = (batch_first ? r->steps : 1) * r->inputs;
  r->y_step = (batch_first ? 1 : r->batch) * r->hidden;
  r->y_sample = (batch_first ? r->steps : 1) * r->hidden;
  static const char *const m[] = {"keep_m", "in_m", "out_m"};
  static const char *const exponent[] = {"keep_exponent", "in_exponent", "out_exponent"};
  for (int i = 0; i < 3; i++) {
    r->m[i] = (int32_t)attr_int(n, m[i], 0);
    r->exponent[i] = (int)attr_int(n, exponent[i], 0);
  }
}

uint16_t *sigmoid_points(Arena *a) {
  enum { N = 256 };
  const double step = 1.0 / 24;
  uint16_t *table = arena_alloc(a, N * (int64_t)sizeof *table);
  for (int i = 0; i < N; i++) {
    double s = 1 / (1 + exp(-i * step)), bend = s * (1 - s) * (2 * s - 1);
    table[i] = (uint16_t)floor(65536 * (s + step * step / 16 * bend) + 0.5);
  }
  table[N - 1] = 65535;
  return table;
}

/* ---- shapes */

static void need_dims(const Node *n, int i, const char *what, int rank, const int64_t *dim) {
  Tensor want = {.rank = rank};
  memcpy(want.dim, dim, (size_t)rank * sizeof *dim);
  char got[DIMS_TEXT], expected[DIMS_TEXT];
  if (!same_shape(n->in[i], &want))
    error_at(n->loc, "TLSTM: %s has shape %s, expected %s", what, dims_text(got, sizeof got, n->in[i]),
             dims_text(expected, sizeof expected, &want));
}

static void check_multipliers(const Node *n, const TLstm *r) {
  for (int i = 0; i < 3; i++) check_exponent(n, r->exponent[i]);
  for (int i = 0; is_const(n->in[M]) && i < 16; i++)
    if (i & 4) check_exponent(n, ((const int32_t *)n->in[M]->data)[i]);
  int64_t bits = attr_int(n, "cell_bits", 0);
  if (bits < 0 || bits > MOST_CELL_BITS)
    error_at(n->loc, "TLSTM: cell_bits is %lld, expected 0 to %d", (long long)bits, MOST_CELL_BITS);
}

void infer_tlstm(Graph *g, Node *n) {
  static const DType type[] = {DT_I8, DT_I8, DT_I8, DT_I32, DT_I32, DT_U16, DT_I8, DT_I16};
  char text[DIMS_TEXT];
  (void)g;
  if (!inputs_ready(n)) return;
  for (int i = 0; i < n->n_in; i++) need_type(n, i, type[i]);
  if (n->in[X]->rank != 3 || n->in[R]->rank != 2)
    error_at(n->loc, "TLSTM: x has shape %s, expected three dimensions, R two", dims_text(text, sizeof text, n->in[X]));
  TLstm r;
  get_tlstm(n, &r);
  int64_t h = r.hidden, state[2] = {r.batch, h};
  if (mul_size(h, 8) < 0) error_at(n->loc, "TLSTM: %lld hidden units are too many", (long long)h);
  need_dims(n, W, "W", 2, (int64_t[]){4 * h, r.inputs});
  need_dims(n, R, "R", 2, (int64_t[]){4 * h, h});
  need_dims(n, B, "B", 2, (int64_t[]){2, 4 * h});
  need_dims(n, M, "M", 3, (int64_t[]){2, 2, 4});
  need_vector(n, TABLE, "table", 256);
  need_dims(n, H, "h", 2, state);
  need_dims(n, C, "c", 2, state);
  check_multipliers(n, &r);
  int64_t y[3] = {n->in[X]->dim[0], n->in[X]->dim[1], h};
  set_type(n, 0, DT_I8, 3, y, LAYOUT_NONE);
  set_type(n, 1, DT_I8, 2, state, LAYOUT_NONE);
  set_type(n, 2, DT_I16, 2, state, LAYOUT_NONE);
}

/* ---- values */

static int32_t clamp16(int64_t v) { return v < -32768 ? -32768 : v > 32767 ? 32767 : (int32_t)v; }

/* sigmoid(|v| / (24 * 2^bits)), bits + 16 behind the point; -1 behind the end of the table. */
static int64_t sigmoid_of(const uint16_t *table, int64_t v, int bits) {
  int64_t u = v < 0 ? -v : v, at = u >> bits, rest = u & ((1 << bits) - 1);
  return at >= 255 ? -1 : ((int64_t)table[at] << bits) + rest * (table[at + 1] - table[at]);
}

static int32_t sigmoid16(const uint16_t *table, int64_t v) {
  const int64_t one = 1 << 25, half_step = 1 << 9;
  int64_t s = sigmoid_of(table, v, 9);
  if (s < 0) s = one - (1 << 10);
  return (int32_t)((v < 0 ? one - s + half_step - 1 : s + half_step) >> 10);
}

static int32_t tanh16(const uint16_t *table, int64_t v) {
  const int64_t half = 1 << 23, half_step = 1 << 7;
  int64_t s = sigmoid_of(table, v, 8);
  if (s < 0) s = 2 * half - (1 << 8);
  return (int32_t)((v < 0 ? half - s + half_step - 1 : s - half + half_step) >> 8);
}

/* A row of products with codes, wrapped to 32 bits as a target's registers would. */
static int32_t sum_of(int64_t n, const int8_t *x, const int8_t *w, int32_t b) {
  int64_t sum = b;
  for (int64_t i = 0; i < n; i++) sum += x[i] * w[i];
  return (int32_t)(uint32_t)(uint64_t)sum;
}

static void step_tlstm(const TLstm *r, const void *const *in, const int8_t *x, int16_t *gate, int8_t *h, int16_t *c) {
  const int32_t *b = in[B], *m = in[M];
  const uint16_t *table = in[TABLE];
  int64_t n = r->hidden;
  for (int64_t i = 0; i < 4 * n; i++) {
    const int32_t *f = m + i / n;
    int32_t from_x = sum_of(r->inputs, x, (const int8_t *)in[W] + i * r->inputs, b[i]);
    int32_t from_h = sum_of(n, h, (const int8_t *)in[R] + i * n, b[4 * n + i]);
    gate[i] = (int16_t)clamp16(clamp16(scale_tflite(from_x, f[0], f[4])) + clamp16(scale_tflite(from_h, f[8], f[12])));
  }
  for (int64_t i = 0; i < n; i++) {
    int32_t in_gate = sigmoid16(table, 3 * gate[i]), keep = sigmoid16(table, 3 * gate[n + i]);
    int32_t fresh = tanh16(table, 3 * gate[2 * n + i]), out = sigmoid16(table, 3 * gate[3 * n + i]);
    int32_t cell = clamp16(clamp16(scale_tflite(keep * c[i], r->m[0], r->exponent[0])) +
                           clamp16(scale_tflite(in_gate * fresh, r->m[1], r->exponent[1])));
    if (r->clip > 0) cell = cell < -r->clip ? -r->clip : cell > r->clip ? r->clip : cell;
    int32_t v = cell * r->tanh_m, round = r->tanh_shift > 0 ? 1 << (r->tanh_shift - 1) : 0;
    int32_t code = r->zero + scale_tflite(out * tanh16(table, (v + round) >> r->tanh_shift), r->m[2], r->exponent[2]);
    c[i] = (int16_t)cell;
    h[i] = (int8_t)(code < -128 ? -128 : code > 127 ? 127 : code);
  }
}

void eval_tlstm(const Node *n, const void *const *in, void *const *out) {
  TLstm r;
  get_tlstm(n, &r);
  int16_t *gate = scratch(5 * r.hidden, sizeof *gate), *c = gate + 4 * r.hidden;
  int8_t *h = scratch(r.hidden, 1);
  for (int64_t i = 0; i < r.batch; i++) {
    memcpy(h, (const int8_t *)in[H] + i * r.hidden, (size_t)r.hidden);
    memcpy(c, (const int16_t *)in[C] + i * r.hidden, 2 * (size_t)r.hidden);
    for (int64_t t = 0; t < r.steps; t++) {
      step_tlstm(&r, in, (const int8_t *)in[X] + t * r.x_step + i * r.x_sample, gate, h, c);
      memcpy((int8_t *)out[0] + t * r.y_step + i * r.y_sample, h, (size_t)r.hidden);
    }
    memcpy((int8_t *)out[1] + i * r.hidden, h, (size_t)r.hidden);
    memcpy((int16_t *)out[2] + i * r.hidden, c, 2 * (size_t)r.hidden);
  }
  free(h);
  free(gate);
}

int64_t tlstm_macs(const Node *n) {
  TLstm r;
  get_tlstm(n, &r);
  return r.batch * r.steps * 4 * r.hidden * (r.inputs + r.hidden);
}
