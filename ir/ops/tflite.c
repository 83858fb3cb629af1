/* tflite.c - integer operators of imported TensorFlow Lite models: the arithmetic of its reference kernels,
 * bit for bit, by the rule tflite of docs/numerics.md.  Products with weights are QConv and QGemm with the
 * attribute rule="tflite"; these are those whose sums are other ones than ours.
 *
 * Softmax computes in fixed point: x with i integer bits has 31 - i behind the point, and the product
 * of two such numbers is the rounded upper half of the doubled product. */
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

bool has_tflite_rule(const Node *n) { return strcmp(attr_str(n, "rule", ""), "tflite") == 0; }

void check_exponent(const Node *n, int64_t exponent) {
  if (exponent < -31 || exponent > 30)
    error_at(n->loc, "%s: exponent %lld of a multiplier, expected -31 to 30", op_name(n), (long long)exponent);
}

/* ---- TAdd, TMul */

void infer_tbinary(Graph *g, Node *n) {
  static const char *const exponents[] = {"a_exponent", "b_exponent", "exponent"};
  (void)g;
  if (!inputs_ready(n)) return;
  need_type(n, 0, DT_I8);
  need_type(n, 1, DT_I8);
  for (int i = 0; i < 3; i++) check_exponent(n, attr_int(n, exponents[i], 0));
  int64_t dim[MAX_RANK];
  int rank = broadcast_dims(n, 0, 2, dim);
  set_type(n, 0, DT_I8, rank, dim, broadcast_layout(n, 0, 2, rank));
}

/* An input or the sum of both: its zero point, multiplier and exponent. */
typedef struct Term { int32_t zero, m; int exponent; } Term;

static Term get_term(const Node *n, const char *zero, const char *m, const char *exponent) {
  return (Term){(int32_t)attr_int(n, zero, 0), (int32_t)attr_int(n, m, 0), (int)attr_int(n, exponent, 0)};
}

static int32_t scaled(const Term *t, int32_t v) { return scale_tflite(v, t->m, t->exponent); }

/* Of every pair of elements; add: else their product. */
static void eval_tbinary(const Node *n, const void *const *in, void *const *out, bool add) {
  enum { SPARE_BITS = 20 };
  Term a = get_term(n, "a_zero", "a_m", "a_exponent"), b = get_term(n, "b_zero", "b_m", "b_exponent");
  Term y = get_term(n, "y_zero", "m", "exponent");
  int64_t lo = attr_int(n, "lo", -128), hi = attr_int(n, "hi", 127);
  bool subtract = attr_int(n, "subtract", 0) != 0;
  Walk w;
  start_walk(&w, n->out[0], 2, n->in);
  for (int64_t r = 0, at = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++) {
      int32_t u = ((const int8_t *)in[0])[w.pos[0] + i * w.row_step[0]] - a.zero;
      int32_t v = ((const int8_t *)in[1])[w.pos[1] + i * w.row_step[1]] - b.zero, sum = u * v;
      if (add) {
        u = scaled(&a, u * (1 << SPARE_BITS));
        v = scaled(&b, v * (1 << SPARE_BITS));
        sum = (int32_t)((uint32_t)u + (uint32_t)(subtract ? -v : v));
      }
      int64_t code = (int64_t)y.zero + scaled(&y, sum);
      ((int8_t *)out[0])[at++] = (int8_t)(code < lo ? lo : code > hi ? hi : code);
    }
}

void eval_tadd(const Node *n, const void *const *in, void *const *out) { eval_tbinary(n, in, out, true); }
void eval_tmul(const Node *n, const void *const *in, void *const *out) { eval_tbinary(n, in, out, false); }

/* ---- TAveragePool: the sum of codes as they stand, divided by their number, halves away from zero */

void infer_taverage_pool(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_type(n, 0, DT_I8);
  Window w;
  get_window(n, n->in[0], NULL, &w);
  set_window_type(n, DT_I8, &w, LAYOUT_NHWC);
}

void eval_taverage_pool(const Node *n, const void *const *in, void *const *out) {
  Window w;
  get_window(n, n->in[0], NULL, &w);
  widen_window(&w);
  int64_t lo = attr_int(n, "lo", -128), hi = attr_int(n, "hi", 127);
  int64_t positions = window_positions(&w), *offset = scratch(window_taps(&w), sizeof *offset);
  for (int64_t p = 0; p < positions; p++) {
    int64_t count = valid_taps(&w, p, offset, NULL);
    for (int64_t b = 0; b < w.batch; b++)
      for (int64_t c = 0; c < w.channels; c++) {
        const int8_t *x = (const int8_t *)in[0] + b * w.in_batch_step + c;
        int64_t sum = 0;
        for (int64_t k = 0; k < count; k++) sum += x[offset[k]];
        if (count) sum = (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
        ((int8_t *)out[0])[b * w.out_batch_step + p * w.channels + c] = (int8_t)(sum < lo ? lo : sum > hi ? hi : sum);
      }
  }
  free(offset);
}

/* ---- TSoftmax */

void infer_tsoftmax(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_type(n, 0, DT_I8);
  need_type(n, 1, DT_I32);
  need_vector(n, 1, "table", 256);
  if (n->in[0]->rank < 1) error_at(n->loc, "TSoftmax: input is a scalar");
  set_like(n, 0, n->in[0]);
}

enum { SUM_INTEGER_BITS = 12 };

static int leading_zeros(uint32_t v) {
  int n = 0;
  while (n < 32 && !(v >> (31 - n))) n++;
  return n;
}

static void tsoftmax_row(const int8_t *x, const int32_t *table, int64_t count, int8_t *y) {
  enum { CODE_BITS = 8 };
  int max = -128;
  int32_t sum = 0;
  for (int64_t i = 0; i < count; i++)
    if (x[i] > max) max = x[i];
  for (int64_t i = 0; i < count; i++) sum += round_shift(table[max - x[i]], SUM_INTEGER_BITS);
  int zeros = leading_zeros((uint32_t)sum), over = SUM_INTEGER_BITS - zeros + 31 - CODE_BITS;
  int32_t scale = zeros < 32 ? fixed_reciprocal((int32_t)(((uint32_t)sum << zeros) - (UINT32_C(1) << 31))) : 0;
  for (int64_t i = 0; i < count; i++) {
    int32_t code = round_shift(fixed_times(scale, table[max - x[i]]), over) - 128;
    y[i] = (int8_t)(code > 127 ? 127 : code);
  }
}

void eval_tsoftmax(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t count = x->dim[x->rank - 1], rows = dims_product(x->dim, 0, x->rank - 1);
  for (int64_t r = 0; r < rows; r++)
    tsoftmax_row((const int8_t *)in[0] + r * count, in[1], count, (int8_t *)out[0] + r * count);
}
