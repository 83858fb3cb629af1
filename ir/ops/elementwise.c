/* elementwise.c - operators on several broadcast inputs: arithmetic, comparison, logic, Where.
 *
 * One table holds what each operator does with two real numbers and with two integers; real
 * numbers are computed in double and rounded once, integers wrap around. Operators with any
 * number of inputs (Sum, Mean, Min, Max) are folded from the left in a double or int64
 * accumulator. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

static double add_real(double a, double b) { return a + b; }
static double sub_real(double a, double b) { return a - b; }
static double mul_real(double a, double b) { return a * b; }
static double div_real(double a, double b) { return a / b; }
static double min_real(double a, double b) { return isnan(a) || a < b ? a : b; }
static double max_real(double a, double b) { return isnan(a) || a > b ? a : b; }
static double equal_real(double a, double b) { return a == b; }
static double greater_real(double a, double b) { return a > b; }
static double less_real(double a, double b) { return a < b; }
static double greater_equal_real(double a, double b) { return a >= b; }
static double less_equal_real(double a, double b) { return a <= b; }

/* Sums wrap, which signed arithmetic may not. */
static int64_t add_int(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t sub_int(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t mul_int(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static int64_t div_int(int64_t a, int64_t b) { return b == -1 ? sub_int(0, a) : a / b; }
static int64_t min_int(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max_int(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t and_int(int64_t a, int64_t b) { return a && b; }
static int64_t or_int(int64_t a, int64_t b) { return a || b; }
static int64_t xor_int(int64_t a, int64_t b) { return !a != !b; }
static int64_t equal_int(int64_t a, int64_t b) { return a == b; }
static int64_t greater_int(int64_t a, int64_t b) { return a > b; }
static int64_t less_int(int64_t a, int64_t b) { return a < b; }
static int64_t greater_equal_int(int64_t a, int64_t b) { return a >= b; }
static int64_t less_equal_int(int64_t a, int64_t b) { return a <= b; }

static int64_t bit_and(int64_t a, int64_t b) { return a & b; }
static int64_t bit_or(int64_t a, int64_t b) { return a | b; }
static int64_t bit_xor(int64_t a, int64_t b) { return a ^ b; }
static int64_t shift_left(int64_t a, int64_t b) { return b < 0 || b > 63 ? 0 : (int64_t)((uint64_t)a << b); }
static int64_t shift_right(int64_t a, int64_t b) { return b < 0 || b > 63 ? 0 : (int64_t)((uint64_t)a >> b); }

/* The remainder has the divisor's sign. */
static int64_t mod_int(int64_t a, int64_t b) {
  if (b == -1) return 0;
  int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t fmod_int(int64_t a, int64_t b) { return b == -1 ? 0 : a % b; }

/* 0 for negative exponents, but for bases 1 and -1. */
static int64_t pow_int(int64_t a, int64_t b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
  int64_t y = 1;
  for (; b; b >>= 1, a = mul_int(a, a))
    if (b & 1) y = mul_int(y, a);
  return y;
}

typedef struct Binary {
  const char *name;
  double (*real)(double, double);      /* NULL: not for real numbers */
  int64_t (*integer)(int64_t, int64_t);
  bool compares;                       /* gives bool */
} Binary;

static const Binary table[] = {
    {"Add", add_real, add_int, false},
    {"Sub", sub_real, sub_int, false},
    {"Mul", mul_real, mul_int, false},
    {"Div", div_real, div_int, false},
    {"Pow", pow, pow_int, false},
    {"Mod", fmod, mod_int, false},
    {"Sum", add_real, add_int, false},
    {"Mean", add_real, add_int, false},
    {"Min", min_real, min_int, false},
    {"Max", max_real, max_int, false},
    {"And", NULL, and_int, true},
    {"Or", NULL, or_int, true},
    {"Xor", NULL, xor_int, true},
    {"BitwiseAnd", NULL, bit_and, false},
    {"BitwiseOr", NULL, bit_or, false},
    {"BitwiseXor", NULL, bit_xor, false},
    {"BitShift", NULL, shift_left, false},
    {"Equal", equal_real, equal_int, true},
    {"Greater", greater_real, greater_int, true},
    {"Less", less_real, less_int, true},
    {"GreaterOrEqual", greater_equal_real, greater_equal_int, true},
    {"LessOrEqual", less_equal_real, less_equal_int, true},
};

static const Binary *find_binary(const Node *n) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strcmp(table[i].name, op_name(n)) == 0) return &table[i];
  bug("no function for operator %s", op_name(n));
}

/* ---- inference */

static void set_broadcast(Node *n, DType t, int from) {
  int64_t dim[MAX_RANK];
  int count = n->n_in - from;
  while (count > 1 && !n->in[from + count - 1]) count--;
  int rank = broadcast_dims(n, from, count, dim);
  set_type(n, 0, t, rank, dim, broadcast_layout(n, from, count, rank));
}

static void need_numbers(const Node *n, int i) {
  DType t = n->in[i]->dtype;
  if (!dtype_is_float(t) && !dtype_is_int(t))
    error_at(n->loc, "%s: input %d is %s, expected numbers", op_name(n), i + 1, dtype_name(t));
}

/* Before opset 7 the second operand's dimensions could begin at one of the first's. */
static void check_axis(const Graph *g, const Node *n) {
  if (g->opset >= 7 || n->n_in != 2 || !find_attr(n, "axis")) return;
  int64_t axis = attr_int(n, "axis", 0), rank = n->in[0]->rank;
  if ((axis < 0 ? axis + rank : axis) + n->in[1]->rank != rank)
    error_at(n->loc, "%s: operands that meet at axis %lld, as before opset 7, are not supported",
             op_name(n), (long long)axis);
}

void infer_binary(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  check_axis(g, n);
  for (int i = 1; i < n->n_in; i++)
    if (!is_op(n, "Pow")) need_same_type(n, 0, i);
  const Binary *f = find_binary(n);
  if (!f->real && f->compares)
    need_type(n, 0, DT_BOOL);
  else if (!f->real && !dtype_is_int(n->in[0]->dtype))
    error_at(n->loc, "%s: input 1 is %s, expected integers", op_name(n), dtype_name(n->in[0]->dtype));
  else if (!is_op(n, "Equal"))
    for (int i = 0; i < n->n_in; i++) need_numbers(n, i);
  set_broadcast(n, f->compares ? DT_BOOL : n->in[0]->dtype, 0);
}

/* ---- two inputs */

static void map_floats(const Node *n, double (*f)(double, double), const float *a, const float *b,
                       float *y) {
  Walk w;
  start_walk(&w, n->out[0], 2, n->in);
  for (int64_t r = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++)
      *y++ = (float)f((double)a[w.pos[0] + i * w.row_step[0]],
                      (double)b[w.pos[1] + i * w.row_step[1]]);
}

static void map_reals(const Node *n, double (*f)(double, double), const void *a, const void *b,
                      void *y) {
  DType ta = n->in[0]->dtype, tb = n->in[1]->dtype, ty = n->out[0]->dtype;
  int64_t at = 0;
  Walk w;
  start_walk(&w, n->out[0], 2, n->in);
  for (int64_t r = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++, at++) {
      double v = f(get_real(ta, a, w.pos[0] + i * w.row_step[0]),
                   get_real(tb, b, w.pos[1] + i * w.row_step[1]));
      set_real(ty, y, at, dtype_is_float(ty) ? v : trunc(v));
    }
}

static void map_ints(const Node *n, int64_t (*f)(int64_t, int64_t), const void *a, const void *b,
                     void *y) {
  DType ta = n->in[0]->dtype, tb = n->in[1]->dtype, ty = n->out[0]->dtype;
  bool divides = is_op(n, "Div") || is_op(n, "Mod");
  int64_t at = 0;
  Walk w;
  start_walk(&w, n->out[0], 2, n->in);
  for (int64_t r = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++, at++) {
      int64_t v = get_int(tb, b, w.pos[1] + i * w.row_step[1]);
      if (divides && v == 0) error_at(n->loc, "%s: division by zero", op_name(n));
      put_int(ty, y, at, f(get_int(ta, a, w.pos[0] + i * w.row_step[0]), v));
    }
}

static bool is_right_shift(const Node *n) {
  return is_op(n, "BitShift") && strcmp(attr_str(n, "direction", "LEFT"), "RIGHT") == 0;
}

void eval_binary(const Node *n, const void *const *in, void *const *out) {
  const Binary *f = find_binary(n);
  DType a = n->in[0]->dtype, b = n->in[1]->dtype;
  bool c_sign = is_op(n, "Mod") && attr_int(n, "fmod", 0);
  if (a == DT_F32 && b == DT_F32 && n->out[0]->dtype == DT_F32)
    map_floats(n, f->real, in[0], in[1], out[0]);
  else if (dtype_is_float(a) || dtype_is_float(b))
    map_reals(n, f->real, in[0], in[1], out[0]);
  else
    map_ints(n, c_sign ? fmod_int : is_right_shift(n) ? shift_right : f->integer, in[0], in[1], out[0]);
}

void infer_bit_not(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  if (!dtype_is_int(n->in[0]->dtype))
    error_at(n->loc, "%s: input 1 is %s, expected integers", op_name(n), dtype_name(n->in[0]->dtype));
  infer_same(g, n);
}

void eval_bit_not(const Node *n, const void *const *in, void *const *out) {
  DType t = n->in[0]->dtype;
  for (int64_t i = 0; i < n_elements(n->in[0]); i++) put_int(t, out[0], i, ~get_int(t, in[0], i));
}

/* ---- any number of inputs */

static void fold_reals(const Node *n, const Binary *f, const void *const *in, double *acc) {
  for (int k = 0; k < n->n_in; k++) {
    DType t = n->in[k]->dtype;
    int64_t at = 0;
    Walk w;
    start_walk(&w, n->out[0], 1, &n->in[k]);
    for (int64_t r = 0; r < w.rows; r++, next_row(&w))
      for (int64_t i = 0; i < w.row; i++, at++) {
        double v = get_real(t, in[k], w.pos[0] + i * w.row_step[0]);
        acc[at] = k == 0 ? v : f->real(acc[at], v);
      }
  }
}

static void fold_ints(const Node *n, const Binary *f, const void *const *in, int64_t *acc) {
  for (int k = 0; k < n->n_in; k++) {
    DType t = n->in[k]->dtype;
    int64_t at = 0;
    Walk w;
    start_walk(&w, n->out[0], 1, &n->in[k]);
    for (int64_t r = 0; r < w.rows; r++, next_row(&w))
      for (int64_t i = 0; i < w.row; i++, at++) {
        int64_t v = get_int(t, in[k], w.pos[0] + i * w.row_step[0]);
        acc[at] = k == 0 ? v : f->integer(acc[at], v);
      }
  }
}

void infer_variadic(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  for (int i = 0; i < n->n_in; i++)
    if (!n->in[i]) error_at(n->loc, "%s: input %d is absent", op_name(n), i + 1);
  infer_binary(g, n);
}

void eval_variadic(const Node *n, const void *const *in, void *const *out) {
  const Binary *f = find_binary(n);
  DType t = n->out[0]->dtype;
  int64_t total = n_elements(n->out[0]);
  double divisor = is_op(n, "Mean") ? n->n_in : 1;
  if (dtype_is_float(t)) {
    double *acc = scratch(total, sizeof *acc);
    fold_reals(n, f, in, acc);
    for (int64_t i = 0; i < total; i++) set_real(t, out[0], i, acc[i] / divisor);
    free(acc);
  } else {
    int64_t *acc = scratch(total, sizeof *acc);
    fold_ints(n, f, in, acc);
    for (int64_t i = 0; i < total; i++) put_int(t, out[0], i, acc[i] / (int64_t)divisor);
    free(acc);
  }
}

/* ---- Where */

void infer_where(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_type(n, 0, DT_BOOL);
  need_same_type(n, 1, 2);
  char then[DIMS_TEXT], otherwise[DIMS_TEXT];
  if (attr_int(n, "branches", 0) && !same_shape(n->in[1], n->in[2]))
    error_at(n->loc, "If: its branches give shapes %s and %s; unless the condition is a constant they must be equal",
             dims_text(then, sizeof then, n->in[1]), dims_text(otherwise, sizeof otherwise, n->in[2]));
  int64_t dim[MAX_RANK];
  int rank = broadcast_dims(n, 0, 3, dim);
  set_type(n, 0, n->in[1]->dtype, rank, dim, broadcast_layout(n, 0, 3, rank));
}

void eval_where(const Node *n, const void *const *in, void *const *out) {
  size_t bytes = (size_t)dtype_bytes(n->in[1]->dtype);
  const uint8_t *condition = in[0];
  char *y = out[0];
  Walk w;
  start_walk(&w, n->out[0], 3, n->in);
  for (int64_t r = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++, y += bytes) {
      int from = condition[w.pos[0] + i * w.row_step[0]] ? 1 : 2;
      const char *x = in[from];
      memcpy(y, x + (w.pos[from] + i * w.row_step[from]) * (int64_t)bytes, bytes);
    }
}
