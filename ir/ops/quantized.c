/* quantized.c - the integer operators that lowering makes, exactly as docs/numerics.md defines
 * them: sums of products of raw int8 codes in int32, or of int16 codes in int64, then a rule.
 * Activations are channels-last.
 *
 * Weights with group scales (input `multiple`) sum every group by itself and combine the sums
 * with the group's integer multiple.  Weights beside the codes (outliers.c) are added to their sums. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

enum { BLOCK_ELEMENTS = 1 << 22 };  /* of the patch matrix */

/* The end of a QConv, QGemm, QMatMul ...: accumulators become codes. */
typedef struct Output {
  const int32_t *m;      /* one per channel, or one when !per_channel */
  const int32_t *exponent; /* rule tflite: one per channel; NULL: another */
  bool is_float;         /* rule float: m are the bits of float32 scales */
  const int8_t *table;   /* [256] or NULL */
  bool per_channel;
  int shift;
  int32_t zero, lo, hi;
} Output;

static Output get_output(const Node *n, const int32_t *m, const int8_t *table) {
  return (Output){.m = m, .table = table, .per_channel = true, .is_float = has_float_rule(n),
                  .shift = (int)attr_int(n, "shift", 0),
                  .zero = (int32_t)attr_int(n, "y_zero", 0),
                  .lo = (int32_t)attr_int(n, "lo", -128), .hi = (int32_t)attr_int(n, "hi", 127)};
}

/* Of a node with weights, which may have a rule. */
static Output get_rule(const Node *n, const int32_t *m, const int8_t *table) {
  Output o = get_output(n, m, table);
  if (has_tflite_rule(n)) o.exponent = m + n_elements(n->in[3]) / 2;
  return o;
}

static int32_t finish(const Output *o, int64_t acc, int64_t channel) {
  int32_t m = o->m[o->per_channel ? channel : 0];
  if (o->is_float) return requantize_float((int32_t)acc, m, o->zero, o->lo, o->hi);
  return requantize_q31_wide(acc, m, o->shift, o->zero, o->lo, o->hi);
}

/* The type of input i, which holds activations. */
static DType need_codes(const Node *n, int i) {
  if (n->in[i]->dtype != DT_I16) need_type(n, i, DT_I8);
  return n->in[i]->dtype;
}

/* ---- weights, with or without groups */

/* Input numbers of QConv and QGemm. */
enum { IN_X, IN_W, IN_BIAS, IN_M, IN_MULTIPLE, IN_TABLE }; /* then what outliers.c says */

typedef struct Weights {
  const int8_t *w;           /* [rows][k] codes */
  const int32_t *bias;       /* [rows] or NULL */
  const uint8_t *multiple;   /* [rows][groups] or NULL */
  int64_t k, groups, group_size;
  int32_t *whole;            /* [rows][k] with multiples and what lies beside, if something does */
} Weights;

/* Codes times their multiples, and to them what lies beside. */
static int32_t *join_weights(const Node *n, const void *const *in, const Weights *w) {
  OutlierRows s = get_outliers(n, in);
  int32_t *whole = scratch(mul_size(s.rows, w->k), sizeof *whole);
  for (int64_t r = 0, at = 0; r < s.rows; r++) {
    for (int64_t i = 0; i < w->k; i++)
      whole[r * w->k + i] = w->w[r * w->k + i] * w->multiple[r * w->groups + i / w->group_size];
    for (int64_t i = 0; i < s.count[r]; i++, at++) whole[r * w->k + s.column[at]] += s.value[at];
  }
  return whole;
}

static Weights get_weights(const Node *n, const void *const *in, int64_t k) {
  Weights w = {in[IN_W], in_data(n, in, IN_BIAS), in_data(n, in, IN_MULTIPLE), k, 1, k, NULL};
  if (w.multiple) {
    w.group_size = attr_int(n, "group_size", k);
    w.groups = k ? (k + w.group_size - 1) / w.group_size : 1;
  }
  if (outlier_input(n)) w.whole = join_weights(n, in, &w);
  return w;
}

/* acc[count][rows] of weight rows [first, first + rows), without bias. */
static void multiply_groups(const Weights *w, const int8_t *x, int64_t count, int64_t first,
                            int64_t rows, int32_t *acc) {
  for (int64_t p = 0; p < count; p++)
    for (int64_t r = 0; r < rows; r++) {
      const int8_t *a = x + p * w->k, *b = w->w + (first + r) * w->k;
      int64_t sum = 0;
      for (int64_t g = 0; g < w->groups; g++) {
        int64_t end = (g + 1) * w->group_size, part = 0;
        if (end > w->k) end = w->k;
        for (int64_t i = g * w->group_size; i < end; i++) part += a[i] * b[i];
        sum += w->multiple[(first + r) * w->groups + g] * part;
      }
      acc[p * rows + r] = (int32_t)sum;
    }
}

static void multiply_whole(const Weights *w, const int8_t *x, int64_t count, int64_t first,
                           int64_t rows, int32_t *acc) {
  for (int64_t p = 0; p < count; p++)
    for (int64_t r = 0; r < rows; r++) {
      const int32_t *b = w->whole + (first + r) * w->k;
      int64_t sum = 0;
      for (int64_t i = 0; i < w->k; i++) sum += (int64_t)x[p * w->k + i] * b[i];
      acc[p * rows + r] = (int32_t)sum;
    }
}

static void multiply(const Weights *w, const int8_t *x, int64_t count, int64_t first, int64_t rows,
                     int32_t *acc) {
  if (w->whole)
    multiply_whole(w, x, count, first, rows, acc);
  else if (w->multiple)
    multiply_groups(w, x, count, first, rows, acc);
  else
    matmul_i32(count, rows, w->k, x, w->w + first * w->k, acc);
}

/* Products of int16 codes: their outputs, straight from the sums. y[count][row_step] */
static void multiply_s16(const Weights *w, const Output *o, const int16_t *x, int64_t count,
                         int64_t first, int64_t rows, int64_t row_step, int16_t *y) {
  for (int64_t p = 0; p < count; p++)
    for (int64_t r = first; r < first + rows; r++) {
      const int16_t *a = x + p * w->k;
      const int8_t *b = w->w + r * w->k;
      int64_t sum = w->bias ? w->bias[r] : 0;
      for (int64_t i = 0; i < w->k; i++) sum += a[i] * b[i];
      y[p * row_step + r] = (int16_t)finish(o, sum, r);
    }
}

/* The multipliers, and behind them their exponents where the rule has such. */
static void check_rule(const Node *n, int64_t rows) {
  const char *rule = attr_str(n, "rule", "q31");
  bool tflite = has_tflite_rule(n);
  if (!tflite && !has_float_rule(n) && strcmp(rule, "q31") != 0)
    error_at(n->loc, "%s: rule '%s' is unknown, expected q31, tflite or float", op_name(n), rule);
  if (strcmp(rule, "q31") != 0 && n->in[IN_X]->dtype != DT_I8)
    error_at(n->loc, "%s: rule %s is for int8 activations", op_name(n), rule);
  if (!tflite) need_vector(n, IN_M, "m", rows);
  if (!tflite) return;
  const Tensor *m = n->in[IN_M];
  char text[DIMS_TEXT];
  if (m->rank != 2 || m->dim[0] != 2 || m->dim[1] != rows)
    error_at(n->loc, "%s: m has shape %s, expected multipliers and exponents, [2,%lld]", op_name(n),
             dims_text(text, sizeof text, m), (long long)rows);
  for (int64_t i = rows; m->data && i < 2 * rows; i++)
    check_exponent(n, get_int(DT_I32, m->data, i));
}

static void check_weights(const Node *n, int64_t rows, int64_t k) {
  if (need_codes(n, IN_X) == DT_I16 && (in_tensor(n, IN_MULTIPLE) || in_tensor(n, IN_TABLE)))
    error_at(n->loc, "%s: int16 activations go with neither multiples nor a table", op_name(n));
  if (dtype_bytes(n->in[IN_W]->dtype) != 1)
    error_at(n->loc, "%s: weights are %s, expected codes", op_name(n),
             dtype_name(n->in[IN_W]->dtype));
  need_type(n, IN_BIAS, DT_I32);
  need_vector(n, IN_BIAS, "bias", rows);
  need_type(n, IN_M, DT_I32);
  check_rule(n, rows);
  need_type(n, IN_TABLE, DT_I8);
  need_vector(n, IN_TABLE, "table", 256);
  check_outliers(n, n->in[IN_W]);
  const Tensor *multiple = in_tensor(n, IN_MULTIPLE);
  if (outlier_input(n) && !multiple)
    error_at(n->loc, "%s: weights beside the codes need multiples", op_name(n));
  if (!multiple) return;
  need_type(n, IN_MULTIPLE, DT_U8);
  int64_t size = attr_int(n, "group_size", 0);
  if (size < 1) error_at(n->loc, "%s: group_size is missing", op_name(n));
  int64_t groups = (k + size - 1) / size;
  char text[DIMS_TEXT];
  if (multiple->rank != 2 || multiple->dim[0] != rows || multiple->dim[1] != groups)
    error_at(n->loc, "%s: multiple has shape %s, expected [%lld,%lld]", op_name(n),
             dims_text(text, sizeof text, multiple), (long long)rows, (long long)groups);
}

/* ---- QConv */

void infer_qconv(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  Window w;
  get_window(n, n->in[IN_X], n->in[IN_W], &w);
  check_weights(n, w.out_channels, w.channels / w.group * window_taps(&w));
  set_window_type(n, n->in[IN_X]->dtype, &w, LAYOUT_NHWC);
}

static void finish_block(const Output *o, const Weights *weights, const int32_t *acc, int64_t count,
                         int64_t first, int64_t rows, int64_t row_step, int8_t *y) {
  const int32_t *bias = weights->bias ? weights->bias + first : NULL;
  for (int64_t p = 0; p < count; p++) {
    int8_t *to = y + p * row_step + first;
    if (o->exponent)
      requantize_row_tflite(rows, acc + p * rows, bias, o->m + first, o->exponent + first, o->zero, o->lo, o->hi, to);
    else if (!o->is_float)
      requantize_row(rows, acc + p * rows, bias, o->m + first, o->shift, o->zero, o->lo, o->hi, to);
    for (int64_t r = 0; o->is_float && r < rows; r++)
      to[r] = (int8_t)finish(o, acc[p * rows + r] + (bias ? bias[r] : 0), first + r);
    for (int64_t r = 0; o->table && r < rows; r++) to[r] = o->table[to[r] + 128];
  }
}

static void qconv_im2col(const Window *w, const Weights *weights, const Output *o, const void *x,
                         DType type, int x_zero, void *y) {
  int64_t rows = w->out_channels / w->group, positions = window_positions(w);
  int bytes = dtype_bytes(type);
  int64_t block = BLOCK_ELEMENTS / (weights->k > 0 ? weights->k : 1) + 1;
  if (block > positions) block = positions;
  void *patches = scratch(mul_size(block, weights->k), (size_t)bytes);
  int32_t *acc = scratch(mul_size(block, rows), sizeof *acc);
  for (int64_t b = 0; b < w->batch; b++)
    for (int64_t g = 0; g < w->group; g++)
      for (int64_t first = 0; first < positions; first += block) {
        int64_t count = positions - first < block ? positions - first : block;
        Patches p = {w, x, (size_t)bytes, x_zero, false, b, g};
        gather_patches(&p, first, count, patches);
        int64_t at = b * w->out_batch_step + first * w->out_channels;
        if (type == DT_I16) {
          multiply_s16(weights, o, patches, count, g * rows, rows, w->out_channels,
                       (int16_t *)y + at);
          continue;
        }
        multiply(weights, patches, count, g * rows, rows, acc);
        finish_block(o, weights, acc, count, g * rows, rows, w->out_channels, (int8_t *)y + at);
      }
  free(patches);
  free(acc);
}

/* Sums of one output position; the weights are [taps][channels] here. */
static void depthwise_position(const Window *w, const int8_t *x, const int64_t *offset,
                               const int64_t *tap, int64_t n_valid, const int8_t *by_tap,
                               int32_t *acc) {
  for (int64_t t = 0; t < n_valid; t++) {
    const int8_t *from = x + offset[t], *row = by_tap + tap[t] * w->channels;
    for (int64_t c = 0; c < w->channels; c++) acc[c] += row[c] * from[c];
  }
}

/* One channel per group: taps outside the input read x_zero, so start with x_zero times all weights
 * and correct the taps inside. */
static void qconv_depthwise(const Window *w, const Weights *weights, const Output *o,
                            const int8_t *x, int x_zero, int8_t *y) {
  int64_t channels = w->channels, taps = window_taps(w), positions = window_positions(w);
  int8_t *by_tap = scratch(channels * taps, 1);
  int64_t *offset = scratch(taps, sizeof *offset), *tap = scratch(taps, sizeof *tap);
  int32_t *acc = scratch(channels, sizeof *acc);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < taps; t++) by_tap[t * channels + c] = weights->w[c * taps + t];
  for (int64_t b = 0; b < w->batch; b++)
    for (int64_t p = 0; p < positions; p++) {
      int64_t n_valid = valid_taps(w, p, offset, tap);
      memset(acc, 0, (size_t)channels * sizeof *acc);
      for (int64_t t = 0, v = 0; t < taps; t++) {
        if (v < n_valid && tap[v] == t) {
          v++;
          continue;
        }
        for (int64_t c = 0; c < channels; c++) acc[c] += by_tap[t * channels + c] * x_zero;
      }
      depthwise_position(w, x + b * w->in_batch_step, offset, tap, n_valid, by_tap, acc);
      finish_block(o, weights, acc, 1, 0, channels, channels,
                   y + b * w->out_batch_step + p * channels);
    }
  free(by_tap);
  free(offset);
  free(tap);
  free(acc);
}

void eval_qconv(const Node *n, const void *const *in, void *const *out) {
  Window w;
  get_window(n, n->in[IN_X], n->in[IN_W], &w);
  widen_window(&w);
  Weights weights = get_weights(n, in, w.channels / w.group * window_taps(&w));
  Output o = get_rule(n, in[IN_M], in_data(n, in, IN_TABLE));
  int x_zero = (int)attr_int(n, "x_zero", 0);
  DType type = n->in[IN_X]->dtype;
  bool depthwise = type == DT_I8 && w.group == w.channels && w.group == w.out_channels &&
                   !weights.multiple;
  if (depthwise)
    qconv_depthwise(&w, &weights, &o, in[IN_X], x_zero, out[0]);
  else
    qconv_im2col(&w, &weights, &o, in[IN_X], type, x_zero, out[0]);
  free(weights.whole);
}

/* ---- QGemm */

void infer_qgemm(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[IN_X], *w = n->in[IN_W];
  char tx[DIMS_TEXT], tw[DIMS_TEXT];
  if (x->rank < 1 || w->rank != 2 || w->dim[1] != x->dim[x->rank - 1])
    error_at(n->loc, "QGemm: shapes %s and %s do not match", dims_text(tx, sizeof tx, x),
             dims_text(tw, sizeof tw, w));
  check_weights(n, w->dim[0], w->dim[1]);
  int64_t dim[MAX_RANK];
  memcpy(dim, x->dim, sizeof dim);
  dim[x->rank - 1] = w->dim[0];
  set_type(n, 0, x->dtype, x->rank, dim, x->layout);
}

void eval_qgemm(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[IN_X];
  int64_t rows = n->in[IN_W]->dim[0], k = n->in[IN_W]->dim[1];
  int64_t count = dims_product(x->dim, 0, x->rank - 1);
  Weights weights = get_weights(n, in, k);
  Output o = get_rule(n, in[IN_M], in_data(n, in, IN_TABLE));
  if (x->dtype == DT_I16) {
    multiply_s16(&weights, &o, in[IN_X], count, 0, rows, rows, out[0]);
    return;
  }
  int32_t *acc = scratch(mul_size(count, rows), sizeof *acc);
  multiply(&weights, in[IN_X], count, 0, rows, acc);
  finish_block(&o, &weights, acc, count, 0, rows, rows, out[0]);
  free(acc);
  free(weights.whole);
}

/* ---- QMatMul: both operands are activations */

void infer_qmatmul(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_type(n, 0, DT_I8);
  need_type(n, 1, DT_I8);
  MatMulShape s;
  get_matmul_shape(n, &s);
  set_type(n, 0, DT_I8, s.out_rank, s.out_dim, LAYOUT_NONE);
}

static void qmatmul_batch(const MatMulShape *s, const Output *o, const int8_t *a, const int8_t *b,
                          int32_t a_zero, int32_t b_zero, int8_t *y) {
  for (int64_t i = 0; i < s->m; i++)
    for (int64_t j = 0; j < s->n; j++) {
      int32_t acc = 0;
      for (int64_t k = 0; k < s->k; k++)
        acc += (a[i * s->k + k] - a_zero) * (b[k * s->n + j] - b_zero);
      y[i * s->n + j] = (int8_t)finish(o, acc, 0);
    }
}

/* Attribute m, one multiplier for the whole tensor. */
static Output get_scalar_output(const Node *n, int32_t *m) {
  *m = (int32_t)attr_int(n, "m", 0);
  Output o = get_output(n, m, NULL);
  o.per_channel = false;
  return o;
}

void eval_qmatmul(const Node *n, const void *const *in, void *const *out) {
  MatMulShape s;
  int32_t m, a_zero = (int32_t)attr_int(n, "a_zero", 0), b_zero = (int32_t)attr_int(n, "b_zero", 0);
  Output o = get_scalar_output(n, &m);
  get_matmul_shape(n, &s);
  for (int64_t i = 0; i < s.batches; i++) {
    int64_t a, b;
    matmul_offsets(&s, i, &a, &b);
    qmatmul_batch(&s, &o, (const int8_t *)in[0] + a, (const int8_t *)in[1] + b, a_zero, b_zero,
                  (int8_t *)out[0] + i * s.m * s.n);
  }
}

/* ---- QAdd, QMul */

void infer_qbinary(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  DType type = need_codes(n, 0);
  need_type(n, 1, type);
  int64_t dim[MAX_RANK];
  int rank = broadcast_dims(n, 0, 2, dim);
  set_type(n, 0, type, rank, dim, broadcast_layout(n, 0, 2, rank));
}

/* Rule float: the sum of the real numbers, divided by the scale of y; each step in float32. */
static void add_reals(const Node *n, const void *const *in, int8_t *y) {
  int32_t a_zero = (int32_t)attr_int(n, "a_zero", 0), b_zero = (int32_t)attr_int(n, "b_zero", 0);
  float a_scale = (float)attr_float(n, "a_scale", 1), b_scale = (float)attr_float(n, "b_scale", 1);
  float y_scale = (float)attr_float(n, "y_scale", 1);
  Output o = get_output(n, NULL, NULL);
  float least = (float)(o.lo - o.zero), most = (float)(o.hi - o.zero);
  Walk w;
  start_walk(&w, n->out[0], 2, n->in);
  for (int64_t r = 0, at = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++) {
      float a = (float)(((const int8_t *)in[0])[w.pos[0] + i * w.row_step[0]] - a_zero) * a_scale;
      float b = (float)(((const int8_t *)in[1])[w.pos[1] + i * w.row_step[1]] - b_zero) * b_scale;
      float v = (a + b) / y_scale;
      y[at++] = (int8_t)(o.zero + (int32_t)rintf(v < least ? least : v > most ? most : v));
    }
}

void eval_qadd(const Node *n, const void *const *in, void *const *out) {
  DType t = n->out[0]->dtype;
  if (has_float_rule(n)) {
    add_reals(n, in, out[0]);
    return;
  }
  int64_t a_mul = attr_int(n, "a_mul", 0), b_mul = attr_int(n, "b_mul", 0);
  int64_t c = attr_int(n, "c", 0), lo = attr_int(n, "lo", -128), hi = attr_int(n, "hi", 127);
  int shift = (int)attr_int(n, "shift", 0);
  Walk w;
  start_walk(&w, n->out[0], 2, n->in);
  for (int64_t r = 0, at = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++) {
      int64_t a = get_int(t, in[0], w.pos[0] + i * w.row_step[0]);
      int64_t b = get_int(t, in[1], w.pos[1] + i * w.row_step[1]);
      int64_t v = (a * a_mul + b * b_mul + c) >> shift;
      put_int(t, out[0], at++, v < lo ? lo : v > hi ? hi : v);
    }
}

void eval_qmul(const Node *n, const void *const *in, void *const *out) {
  DType t = n->out[0]->dtype;
  int32_t m, a_zero = (int32_t)attr_int(n, "a_zero", 0), b_zero = (int32_t)attr_int(n, "b_zero", 0);
  Output o = get_scalar_output(n, &m);
  Walk w;
  start_walk(&w, n->out[0], 2, n->in);
  for (int64_t r = 0, at = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++) {
      int64_t a = get_int(t, in[0], w.pos[0] + i * w.row_step[0]) - a_zero;
      int64_t b = get_int(t, in[1], w.pos[1] + i * w.row_step[1]) - b_zero;
      put_int(t, out[0], at++, finish(&o, a * b, 0));
    }
}

/* ---- QAveragePool */

void infer_qaverage_pool(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  DType type = need_codes(n, 0);
  need_type(n, 1, DT_I32);
  Window w;
  get_window(n, n->in[0], NULL, &w);
  if (n_elements(n->in[1]) != 1) need_vector(n, 1, "m", window_taps(&w));
  set_window_type(n, type, &w, LAYOUT_NHWC);
}

void eval_qaverage_pool(const Node *n, const void *const *in, void *const *out) {
  Window w;
  get_window(n, n->in[0], NULL, &w);
  widen_window(&w);
  DType t = n->in[0]->dtype;
  int32_t x_zero = (int32_t)attr_int(n, "x_zero", 0);
  bool by_count = n_elements(n->in[1]) > 1;
  Output o = get_output(n, in[1], NULL);
  int64_t positions = window_positions(&w), *offset = scratch(window_taps(&w), sizeof *offset);
  for (int64_t p = 0; p < positions; p++) {
    int64_t valid = valid_taps(&w, p, offset, NULL);
    for (int64_t b = 0; b < w.batch; b++)
      for (int64_t c = 0; c < w.channels; c++) {
        int64_t acc = 0;
        for (int64_t k = 0; k < valid; k++)
          acc += get_int(t, in[0], b * w.in_batch_step + c + offset[k]) - x_zero;
        put_int(t, out[0], b * w.out_batch_step + p * w.channels + c,
                finish(&o, acc, by_count && valid ? valid - 1 : 0));
      }
  }
  free(offset);
}

/* ---- QRequantize, QSoftmax, QLookup */

/* Codes of 16 bits in others, whose type that of the output says. */
void infer_qrequantize(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  need_type(n, 0, DT_I16);
  DType type = n->out[0]->quant ? n->out[0]->quant->format->dtype : DT_I16;
  set_type(n, 0, type, x->rank, x->dim, x->layout);
}

void eval_qrequantize(const Node *n, const void *const *in, void *const *out) {
  int32_t m;
  Output o = get_scalar_output(n, &m);
  const int16_t *x = in[0];
  int64_t total = n_elements(n->in[0]);
  for (int64_t i = 0; i < total; i++) put_int(n->out[0]->dtype, out[0], i, finish(&o, x[i], 0));
}

void infer_qsoftmax(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_type(n, 0, DT_I8);
  need_type(n, 1, DT_U32);
  need_vector(n, 1, "table", n_elements(n->in[1]) == 512 ? 512 : 256);
  if (n->in[0]->rank < 1) error_at(n->loc, "QSoftmax: input is a scalar");
  set_like(n, 0, n->in[0]);
}

/* parts [256]: what stands for 256 times the table, or NULL. */
static void qsoftmax_row(const int8_t *x, const uint32_t *table, const uint32_t *parts, int64_t count, int64_t zero,
                         int8_t *y) {
  int max = -128;
  uint32_t sum = 0;
  for (int64_t i = 0; i < count; i++)
    if (x[i] > max) max = x[i];
  for (int64_t i = 0; i < count; i++) sum += table[max - x[i]];
  for (int64_t i = 0; i < count; i++) {
    uint32_t part = sum ? ((parts ? parts[max - x[i]] : table[max - x[i]] * 256) + sum / 2) / sum : 0;
    y[i] = (int8_t)(part > 127 - zero ? 127 : (int)(part + zero));
  }
}

void eval_qsoftmax(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t count = x->dim[x->rank - 1], rows = dims_product(x->dim, 0, x->rank - 1);
  bool scaled = n_elements(n->in[1]) == 512;
  const uint32_t *table = in[1], *parts = scaled ? table + 256 : NULL;
  int64_t zero = scaled ? attr_int(n, "y_zero", 0) : -128;
  for (int64_t r = 0; r < rows; r++)
    qsoftmax_row((const int8_t *)in[0] + r * count, table, parts, count, zero, (int8_t *)out[0] + r * count);
}

/* Table [256], or [C][256] with C the last dimension. */
void infer_qlookup(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *table = n->in[1];
  char text[DIMS_TEXT];
  if (x->dtype != DT_U8) need_type(n, 0, DT_I8);
  if (table->dtype != DT_U8 && table->dtype != DT_I16) need_type(n, 1, DT_I8);
  bool one = table->rank == 1 && table->dim[0] == 256;
  bool each = table->rank == 2 && table->dim[1] == 256 && x->rank > 0 &&
              table->dim[0] == x->dim[x->rank - 1];
  if (!one && !each)
    error_at(n->loc, "QLookup: table has shape %s, expected [256] or one for each channel",
             dims_text(text, sizeof text, table));
  set_type(n, 0, table->dtype, x->rank, x->dim, x->layout);
}

void eval_qlookup(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t channels = n->in[1]->rank == 2 ? n->in[1]->dim[0] : 1, total = n_elements(x);
  const uint8_t *from = in[0];
  uint8_t flip = x->dtype == DT_I8 ? 0x80 : 0;  /* int8 code + 128 as a byte */
  size_t bytes = (size_t)dtype_bytes(n->out[0]->dtype);
  for (int64_t i = 0; i < total; i++) {
    size_t entry = (size_t)(i % channels) * 256 + (from[i] ^ flip);
    memcpy((char *)out[0] + (size_t)i * bytes, (const char *)in[1] + entry * bytes, bytes);
  }
}
