/* reduce.c - reductions over any set of dimensions, and ArgMax, ArgMin over one.
 *
 * The input is read once in order; a table of steps, 0 along reduced dimensions, leads each
 * element to its accumulator: double for real numbers, int64 for integers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

/* ---- which dimensions */

bool get_reduced(const Node *n, const void *const *in, bool *reduced) {
  int64_t axes[MAX_RANK];
  int rank = n->in[0]->rank, count = get_ints(n, "axes", 1, in, axes, MAX_RANK);
  if (count == INTS_UNKNOWN) return false;
  bool all = count <= 0 && !attr_int(n, "noop_with_empty_axes", 0);
  for (int d = 0; d < rank; d++) reduced[d] = all;
  for (int i = 0; i < count; i++) reduced[get_axis(n, axes[i], rank)] = true;
  return true;
}

static void set_reduced(Node *n, DType t, const bool *reduced, bool keep) {
  const Tensor *x = n->in[0];
  int64_t dim[MAX_RANK];
  int rank = 0;
  for (int d = 0; d < x->rank; d++)
    if (!reduced[d] || keep) dim[rank++] = reduced[d] ? 1 : x->dim[d];
  set_type(n, 0, t, rank, dim, rank == x->rank ? x->layout : LAYOUT_NONE);
}

/* ---- what is accumulated */

typedef enum Kind { SUM, MEAN, MAX, MIN, PROD, L1, L2, SUM_SQUARE, LOG_SUM, LOG_SUM_EXP } Kind;

static const struct { const char *name; Kind kind; } kinds[] = {
    {"ReduceSum", SUM},      {"ReduceMean", MEAN}, {"ReduceMax", MAX},
    {"ReduceMin", MIN},      {"ReduceProd", PROD}, {"ReduceL1", L1},
    {"ReduceL2", L2},        {"ReduceSumSquare", SUM_SQUARE},
    {"ReduceLogSum", LOG_SUM}, {"ReduceLogSumExp", LOG_SUM_EXP},
};

static Kind find_kind(const Node *n) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].name, op_name(n)) == 0) return kinds[i].kind;
  bug("no reduction %s", op_name(n));
}

void infer_reduce(Graph *g, Node *n) {
  (void)g;
  bool reduced[MAX_RANK];
  const Tensor *x = n->in[0];
  if (!has_static_shape(x) || !get_reduced(n, NULL, reduced)) return;
  bool is_bool = x->dtype == DT_BOOL && (is_op(n, "ReduceMax") || is_op(n, "ReduceMin"));
  if (!dtype_is_int(x->dtype) && !is_bool) need_float(n, 0);
  set_reduced(n, x->dtype, reduced, attr_int(n, "keepdims", 1) != 0);
}

static double start_real(Kind k) {
  return k == MAX || k == LOG_SUM_EXP ? -INFINITY : k == MIN ? INFINITY : k == PROD ? 1 : 0;
}

static double step_real(Kind k, double acc, double v) {
  switch (k) {
    case MAX: return isnan(v) || v > acc ? v : acc;
    case MIN: return isnan(v) || v < acc ? v : acc;
    case PROD: return acc * v;
    case L1: return acc + fabs(v);
    case L2: case SUM_SQUARE: return acc + v * v;
    case LOG_SUM_EXP:
      if (v == -INFINITY) return acc;
      return v > acc ? v + log1p(exp(acc - v)) : acc + log1p(exp(v - acc));
    default: return acc + v;
  }
}

static double finish_real(Kind k, double acc, double count) {
  return k == MEAN ? acc / count : k == L2 ? sqrt(acc) : k == LOG_SUM ? log(acc) : acc;
}

static int64_t start_int(Kind k) {
  return k == MAX ? INT64_MIN : k == MIN ? INT64_MAX : k == PROD ? 1 : 0;
}

static int64_t step_int(Kind k, int64_t acc, int64_t v) {
  uint64_t a = (uint64_t)acc, b = (uint64_t)v;
  switch (k) {
    case MAX: return v > acc ? v : acc;
    case MIN: return v < acc ? v : acc;
    case PROD: return (int64_t)(a * b);
    case L1: return (int64_t)(v < 0 ? a - b : a + b);
    case SUM_SQUARE: return (int64_t)(a + b * b);
    default: return (int64_t)(a + b);
  }
}

/* Integers go through real numbers where the result is a root or a logarithm. */
static bool is_exact_int(DType t, Kind k) {
  return !dtype_is_float(t) && k != L2 && k != LOG_SUM && k != LOG_SUM_EXP;
}

/* ---- the walk over the input */

typedef struct Cursor {
  int rank;
  int64_t dim[MAX_RANK], at[MAX_RANK], step[MAX_RANK], pos;  /* pos: the accumulator's index */
} Cursor;

static Cursor start_cursor(const Tensor *x, const bool *reduced) {
  Cursor c = {.rank = x->rank};
  int64_t s = 1;
  for (int d = x->rank - 1; d >= 0; d--) {
    c.dim[d] = x->dim[d];
    c.step[d] = reduced[d] ? 0 : s;
    if (!reduced[d]) s *= x->dim[d];
  }
  return c;
}

static void advance(Cursor *c) {
  for (int d = c->rank - 1; d >= 0; d--) {
    c->pos += c->step[d];
    if (++c->at[d] < c->dim[d]) return;
    c->pos -= c->step[d] * c->dim[d];
    c->at[d] = 0;
  }
}

static void reduce_reals(const Node *n, Kind k, Cursor c, const void *x, void *y) {
  DType t = n->in[0]->dtype;
  int64_t count = n_elements(n->in[0]), outputs = n_elements(n->out[0]);
  double *acc = scratch(outputs, sizeof *acc);
  for (int64_t i = 0; i < outputs; i++) acc[i] = start_real(k);
  for (int64_t i = 0; i < count; i++, advance(&c))
    acc[c.pos] = step_real(k, acc[c.pos], get_real(t, x, i));
  double each = outputs ? (double)(count / outputs) : 1;
  for (int64_t i = 0; i < outputs; i++) set_real(t, y, i, finish_real(k, acc[i], each));
  free(acc);
}

static void reduce_ints(const Node *n, Kind k, Cursor c, const void *x, void *y) {
  DType t = n->in[0]->dtype;
  int64_t count = n_elements(n->in[0]), outputs = n_elements(n->out[0]);
  int64_t *acc = scratch(outputs, sizeof *acc), each = outputs ? count / outputs : 0;
  for (int64_t i = 0; i < outputs; i++) acc[i] = start_int(k);
  for (int64_t i = 0; i < count; i++, advance(&c))
    acc[c.pos] = step_int(k, acc[c.pos], get_int(t, x, i));
  for (int64_t i = 0; i < outputs; i++)
    put_int(t, y, i, k == MEAN && each ? acc[i] / each : acc[i]);
  free(acc);
}

void eval_reduce(const Node *n, const void *const *in, void *const *out) {
  bool reduced[MAX_RANK];
  Kind k = find_kind(n);
  if (!get_reduced(n, in, reduced)) return;
  Cursor c = start_cursor(n->in[0], reduced);
  if (is_exact_int(n->in[0]->dtype, k))
    reduce_ints(n, k, c, in[0], out[0]);
  else
    reduce_reals(n, k, c, in[0], out[0]);
}

/* ---- ArgMax, ArgMin */

void infer_arg(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  bool reduced[MAX_RANK] = {false};
  if (!inputs_ready(n)) return;
  if (!dtype_is_int(x->dtype)) need_float(n, 0);
  int axis = get_axis(n, attr_int(n, "axis", 0), x->rank);
  if (x->dim[axis] == 0) error_at(n->loc, "%s: dimension %d is empty", op_name(n), axis);
  reduced[axis] = true;
  set_reduced(n, DT_I64, reduced, attr_int(n, "keepdims", 1) != 0);
}

void eval_arg(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int axis = get_axis(n, attr_int(n, "axis", 0), x->rank);
  bool max = is_op(n, "ArgMax"), last = attr_int(n, "select_last_index", 0) != 0;
  int64_t outer = dims_product(x->dim, 0, axis), inner = dims_product(x->dim, axis + 1, x->rank);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      int64_t from = o * x->dim[axis] * inner + i, best = 0;
      double value = get_real(x->dtype, in[0], from);
      for (int64_t k = 1; k < x->dim[axis]; k++) {
        double v = get_real(x->dtype, in[0], from + k * inner);
        if ((max ? v > value : v < value) || (last && v == value)) {
          value = v;
          best = k;
        }
      }
      ((int64_t *)out[0])[o * inner + i] = best;
    }
}
