/* tflite_recurrent.c - UNIDIRECTIONAL_SEQUENCE_LSTM: in float ONNX's LSTM, on int8 codes TLSTM, which computes as
 * TensorFlow Lite Micro's reference kernel does.  Output and cell are variable tensors: states. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/tflite_reader.h"

enum { LSTM_FUSED = 0, LSTM_CELL_CLIP, LSTM_PROJECTION_CLIP, LSTM_TIME_MAJOR, LSTM_DIAGONAL = 5 };
enum { INPUT_WEIGHTS = 1, STATE_WEIGHTS = 5, PEEPHOLES = 9, BIASES = 12, PROJECTION = 16, OUTPUT_STATE = 18, CELL = 19,
       NORMS = 20, N_INPUTS = 24 };
enum { GATES = 4, FUSED_TANH = 4 };

typedef struct Lstm {
  TfliteOp *op;
  Tensor *x;
  int64_t batch, steps, inputs, hidden;
  bool time_major, codes;
  float cell_clip;
} Lstm;

/* ---- what is left out */

static void refuse(TfliteOp *op, int from, int to, const char *what) {
  for (int i = from; i < to && i < op->in.n; i++)
    if (flat_int_at(&op->in, i) != -1) error_at(op->loc, "input %d: %s are not supported", i, what);
}

static void check_kind(TfliteOp *op) {
  int64_t fused = flat_int(&op->options, LSTM_FUSED, 1, 0);
  refuse(op, PEEPHOLES, BIASES, "weights of peepholes");
  refuse(op, PROJECTION, OUTPUT_STATE, "projections");
  refuse(op, NORMS, N_INPUTS, "layer normalizations");
  if (fused != FUSED_TANH)
    error_at(op->loc, "activation function %lld of the cell is not supported, expected 4, TANH", (long long)fused);
  if (flat_int(&op->options, LSTM_DIAGONAL, 1, 0))
    error_at(op->loc, "recurrent weights that are diagonals are not supported");
}

/* ---- constants */

/* Constant input i, of two dimensions or, with cols 0, one. */
static const Tensor *constant(const Lstm *l, int i, int64_t rows, int64_t cols) {
  const Tensor *t = tflite_needed(l->op, i);
  Tensor want = {.rank = cols ? 2 : 1, .dim = {rows, cols}};
  if (!is_const(t) || !same_shape(t, &want))
    error_at(l->op->loc, "input %d, '%s', is not a constant of shape %s", i, t->name,
             shape_text(l->op->r->arena, &want));
  return t;
}

static Tensor *new_part(const Lstm *l, const char *name, DType type, int rank, const int64_t *dim, void *data) {
  Graph *g = l->op->r->graph;
  return new_const(g, fresh_name(g, arena_printf(g->arena, "%s_%s", tflite_needed(l->op, INPUT_WEIGHTS)->name, name)),
                   type, rank, dim, data);
}

/* y, and the next values of both states. */
static void new_outputs(const Lstm *l, Tensor **out) {
  Graph *g = l->op->r->graph;
  for (int i = 0; i < 3; i++) {
    const Tensor *now = i ? tflite_state(l->op, i == 1 ? OUTPUT_STATE : CELL) : NULL;
    const char *name = now ? arena_printf(g->arena, "%s_next", now->name)
                           : arena_printf(g->arena, "%s_%d", l->op->kind, g->n_node);
    out[i] = new_tensor(g, fresh_name(g, name), DT_NONE, -1, NULL);
    out[i]->quant = now ? now->quant : NULL;
  }
}

/* State i in another shape of as many elements. */
static Tensor *state_as(const Lstm *l, int i, int rank, const int64_t *dim) {
  Tensor *now = tflite_state(l->op, i);
  if (n_elements(now) != l->batch * l->hidden)
    error_at(l->op->loc, "input %d, '%s', is %s: expected a state of %lld units for each of %lld samples", i, now->name,
             shape_text(l->op->r->arena, now), (long long)l->hidden, (long long)l->batch);
  Tensor want = {.rank = rank};
  memcpy(want.dim, dim, (size_t)rank * sizeof *dim);
  return same_shape(now, &want) ? now : tflite_reshaped(l->op, now, rank, dim, LAYOUT_NONE);
}

static void keep(const Lstm *l, int i, Tensor *next) {
  const Tensor *now = tflite_state(l->op, i);
  tflite_keep(l->op, i, same_shape(now, next) ? next : tflite_reshaped(l->op, next, now->rank, now->dim, LAYOUT_NONE));
}

/* ---- float */

/* Elements of a constant as reals; codes are decoded. */
static void put_reals(const Tensor *t, float *to) {
  const QuantSpec *q = t->quant;
  int64_t n = n_elements(t), row = t->rank > 1 ? t->dim[1] : 1;
  for (int64_t k = 0; k < n; k++) {
    int64_t s = q && q->n > 1 ? (q->axis == 0 ? k / row : k % row) : 0;
    double v = get_real(t->dtype, t->data, k);
    to[k] = q ? (float)(v - q->zero[s]) * q->scale[s] : (float)v;
  }
}

/* Weights of the gates in ONNX's order: input, output, forget, cell. */
static float *stack_reals(const Lstm *l, int from, int64_t rows, int64_t cols, int64_t room) {
  static const int order[GATES] = {0, 3, 1, 2};
  int64_t n = rows * (cols ? cols : 1);
  float *v = arena_alloc(l->op->r->arena, room * (int64_t)sizeof *v);
  for (int k = 0; k < GATES; k++) {
    const Tensor *t = constant(l, from + order[k], rows, cols);
    if (!dtype_is_float(t->dtype) && !t->quant)
      error_at(l->op->loc, "input %d, '%s', is %s without a scale", from + order[k], t->name, dtype_name(t->dtype));
    put_reals(t, v + k * n);
  }
  return v;
}

static void read_float(const Lstm *l) {
  Graph *g = l->op->r->graph;
  int64_t h = l->hidden, rows = GATES * h, state[3] = {1, l->batch, h};
  if (!l->time_major) state[0] = l->batch, state[1] = 1;
  Tensor *in[7] = {l->x};
  in[1] = new_part(l, "W", DT_F32, 3, (int64_t[]){1, rows, l->inputs},
                   stack_reals(l, INPUT_WEIGHTS, h, l->inputs, rows * l->inputs));
  in[2] = new_part(l, "R", DT_F32, 3, (int64_t[]){1, rows, h}, stack_reals(l, STATE_WEIGHTS, h, h, rows * h));
  in[3] = new_part(l, "B", DT_F32, 2, (int64_t[]){1, 2 * rows}, stack_reals(l, BIASES, h, 0, 2 * rows));
  in[5] = state_as(l, OUTPUT_STATE, 3, state);
  in[6] = state_as(l, CELL, 3, state);
  if (in[5]->dtype != DT_F32 || in[6]->dtype != DT_F32) error_at(l->op->loc, "its states are not float");
  Tensor *out[3];
  new_outputs(l, out);
  Node *n = add_node(g, -1, "LSTM", out[0]->name, 7, in, 3, out);
  n->loc = l->op->loc;
  set_int(g, n, "hidden_size", h);
  set_int(g, n, "layout", !l->time_major);
  if (l->cell_clip > 0) set_float(g, n, "cell_clip", (double)l->cell_clip);
  infer_node(g, n);
  keep(l, OUTPUT_STATE, out[1]);
  keep(l, CELL, out[2]);
  int64_t y[3] = {l->x->dim[0], l->x->dim[1], h};
  tflite_give(l->op, 0, tflite_reshaped(l->op, out[0], 3, y, LAYOUT_NONE), 0);
}

/* ---- int8 */

static const QuantSpec *quant_of(const Lstm *l, const Tensor *t, DType type, const char *what) {
  if (t->dtype != type || !t->quant || t->quant->n != 1)
    error_at(l->op->loc, "%s, '%s', is %s%s: expected %s codes of one scale", what, t->name, dtype_name(t->dtype),
             t->quant ? "" : " without a scale", dtype_name(type));
  return t->quant;
}

/* Codes of weights from..from + 3; their biases, from input `bias` on or (-1) none, with what x's zero point adds; and
 * multipliers m[2][4] for 12 bits behind the point. */
static int8_t *stack_codes(const Lstm *l, int from, int bias, int64_t cols, const QuantSpec *x, int32_t *b,
                           int32_t *m) {
  int64_t h = l->hidden;
  int8_t *codes = arena_alloc(l->op->r->arena, GATES * h * cols + 1);
  for (int k = 0; k < GATES; k++) {
    const Tensor *w = constant(l, from + k, h, cols), *base = bias < 0 ? NULL : constant(l, bias + k, h, 0);
    const QuantSpec *q = quant_of(l, w, DT_I8, arena_printf(l->op->r->arena, "input %d", from + k));
    if (q->zero[0] != 0)
      error_at(l->op->loc, "input %d, '%s', has zero point %d, expected 0", from + k, w->name, (int)q->zero[0]);
    if (base && base->dtype != DT_I32)
      error_at(l->op->loc, "input %d, '%s', is %s, expected int32", bias + k, base->name, dtype_name(base->dtype));
    memcpy(codes + k * h * cols, w->data, (size_t)(h * cols));
    for (int64_t o = 0; o < h; o++) {
      const int8_t *row = codes + (k * h + o) * cols;
      int64_t sum = 0, most = 0;
      for (int64_t i = 0; i < cols; i++) sum += row[i], most += 128 * abs(row[i]);
      int64_t folded = (base ? ((const int32_t *)base->data)[o] : 0) - x->zero[0] * sum;
      if (llabs(folded) + most > INT32_MAX)
        error_at(l->op->loc, "input %d, '%s': sums of row %lld may leave 32 bits", from + k, w->name, (long long)o);
      b[k * h + o] = (int32_t)folded;
    }
    pick_tflite((double)(x->scale[0] * q->scale[0]) / ldexp(1, -12), &m[k], &m[GATES + k]);
  }
  return codes;
}

static void set_factor(const Lstm *l, Node *n, double scale, const char *m, const char *exponent) {
  int32_t multiplier, e;
  pick_tflite(scale, &multiplier, &e);
  set_int(l->op->r->graph, n, m, multiplier);
  set_int(l->op->r->graph, n, exponent, e);
}

static void set_scales(const Lstm *l, Node *n, const QuantSpec *h, const QuantSpec *c) {
  Graph *g = l->op->r->graph;
  double cell = (double)c->scale[0], output = ldexp(1, -15);
  int exponent;
  if (frexp(cell, &exponent) != 0.5 || exponent > 1 || exponent < -19 || c->zero[0] != 0)
    error_at(l->op->loc, "input %d, the cell, has scale %g and zero point %d: "
             "expected a power of two from 2^-20 to 1 and 0", CELL, cell, (int)c->zero[0]);
  set_int(g, n, "layout", !l->time_major);
  set_int(g, n, "cell_bits", 1 - exponent);
  if (l->cell_clip > 0) set_int(g, n, "cell_clip", (int64_t)fmin((double)l->cell_clip / cell, 32767));
  set_factor(l, n, output * cell / cell, "keep_m", "keep_exponent");
  set_factor(l, n, output * output / cell, "in_m", "in_exponent");
  set_factor(l, n, output * output / (double)h->scale[0], "out_m", "out_exponent");
  set_int(g, n, "y_zero", h->zero[0]);
}

static void read_codes(const Lstm *l) {
  Graph *g = l->op->r->graph;
  int64_t h = l->hidden, rows = GATES * h, state[2] = {l->batch, h};
  int32_t *b = arena_alloc(g->arena, 2 * rows * 4 + 4), *m = arena_alloc(g->arena, 4 * GATES * 4);
  const QuantSpec *x = quant_of(l, l->x, DT_I8, "input 0");
  const QuantSpec *hidden = quant_of(l, tflite_state(l->op, OUTPUT_STATE), DT_I8, "input 18");
  const QuantSpec *cell = quant_of(l, tflite_state(l->op, CELL), DT_I16, "input 19");
  Tensor *in[8] = {l->x};
  int8_t *w = stack_codes(l, INPUT_WEIGHTS, BIASES, l->inputs, x, b, m);
  int8_t *r = stack_codes(l, STATE_WEIGHTS, -1, h, hidden, b + rows, m + 2 * GATES);
  in[1] = new_part(l, "W", DT_I8, 2, (int64_t[]){rows, l->inputs}, w);
  in[2] = new_part(l, "R", DT_I8, 2, (int64_t[]){rows, h}, r);
  in[3] = new_part(l, "B", DT_I32, 2, (int64_t[]){2, rows}, b);
  in[4] = new_part(l, "M", DT_I32, 3, (int64_t[]){2, 2, GATES}, m);
  in[5] = new_part(l, "sigmoid", DT_U16, 1, (int64_t[]){256}, sigmoid_points(g->arena));
  in[6] = state_as(l, OUTPUT_STATE, 2, state);
  in[7] = state_as(l, CELL, 2, state);
  Tensor *out[3];
  new_outputs(l, out);
  out[0]->quant = out[1]->quant;
  Node *n = add_node(g, -1, "TLSTM", out[0]->name, 8, in, 3, out);
  n->loc = l->op->loc;
  set_scales(l, n, hidden, cell);
  infer_node(g, n);
  keep(l, OUTPUT_STATE, out[1]);
  keep(l, CELL, out[2]);
  tflite_give(l->op, 0, out[0], 0);
}

void read_tflite_lstm(TfliteOp *op) {
  check_kind(op);
  Lstm l = {.op = op, .x = tflite_needed(op, 0)};
  l.time_major = flat_int(&op->options, LSTM_TIME_MAJOR, 1, 0) != 0;
  l.cell_clip = flat_float(&op->options, LSTM_CELL_CLIP, 0);
  if (l.x->rank != 3) error_at(op->loc, "input 0, '%s', has %d dimensions, expected 3", l.x->name, l.x->rank);
  if (!tflite_input(op, INPUT_WEIGHTS))
    error_at(op->loc, "input %d: input gates that follow from forget gates are not supported", INPUT_WEIGHTS);
  const Tensor *w = tflite_needed(op, INPUT_WEIGHTS);
  l.batch = l.x->dim[l.time_major], l.steps = l.x->dim[!l.time_major], l.inputs = l.x->dim[2];
  l.hidden = w->rank > 0 ? w->dim[0] : 0;
  if (l.hidden < 1 || l.inputs < 1 || l.hidden > INT32_MAX / 8)
    error_at(op->loc, "it has %lld units and %lld inputs", (long long)l.hidden, (long long)l.inputs);
  if (l.x->dtype == DT_F32) read_float(&l);
  else read_codes(&l);
}
