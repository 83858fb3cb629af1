/* unary.c - functions of one real number: arithmetic (Abs, Sqrt, Exp ...) and activations
 * without or with parameters (Relu, Elu, HardSigmoid ...), all in one table. They are computed
 * in double and rounded once. Clip and PRelu, whose bounds and slopes are inputs, have functions
 * of their own. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ir/ops/ops.h"

typedef double Function(double x, const double *p);

static double absolute(double x, const double *p) { (void)p; return fabs(x); }
static double negate(double x, const double *p) { (void)p; return -x; }
static double square_root(double x, const double *p) { (void)p; return sqrt(x); }
static double exponential(double x, const double *p) { (void)p; return exp(x); }
static double logarithm(double x, const double *p) { (void)p; return log(x); }
static double round_down(double x, const double *p) { (void)p; return floor(x); }
static double round_up(double x, const double *p) { (void)p; return ceil(x); }
static double round_even(double x, const double *p) { (void)p; return rint(x); }
static double invert(double x, const double *p) { (void)p; return 1 / x; }
static double sign(double x, const double *p) { (void)p; return (x > 0) - (x < 0); }
static double error_function(double x, const double *p) { (void)p; return erf(x); }
static double sine(double x, const double *p) { (void)p; return sin(x); }
static double cosine(double x, const double *p) { (void)p; return cos(x); }
static double tangent(double x, const double *p) { (void)p; return tan(x); }
static double arc_sine(double x, const double *p) { (void)p; return asin(x); }
static double arc_cosine(double x, const double *p) { (void)p; return acos(x); }
static double hyperbolic_sine(double x, const double *p) { (void)p; return sinh(x); }
static double hyperbolic_cosine(double x, const double *p) { (void)p; return cosh(x); }
static double area_sine(double x, const double *p) { (void)p; return asinh(x); }
static double area_cosine(double x, const double *p) { (void)p; return acosh(x); }
static double area_tangent(double x, const double *p) { (void)p; return atanh(x); }
static double arc_tangent(double x, const double *p) { (void)p; return atan(x); }

static double relu(double x, const double *p) { (void)p; return x < 0 ? 0 : x; }
static double leaky_relu(double x, const double *p) { return x < 0 ? p[0] * x : x; }
static double sigmoid(double x, const double *p) { (void)p; return 1 / (1 + exp(-x)); }
static double hyperbolic_tangent(double x, const double *p) { (void)p; return tanh(x); }
static double elu(double x, const double *p) { return x < 0 ? p[0] * expm1(x) : x; }
static double celu(double x, const double *p) { return x < 0 ? p[0] * expm1(x / p[0]) : x; }
static double selu(double x, const double *p) { return p[1] * (x < 0 ? p[0] * expm1(x) : x); }
static double softsign(double x, const double *p) { (void)p; return x / (1 + fabs(x)); }
static double thresholded_relu(double x, const double *p) { return x > p[0] ? x : 0; }
static double swish(double x, const double *p) { return x / (1 + exp(-p[0] * x)); }

static double shrink(double x, const double *p) {
  return x < -p[0] ? x + p[1] : x > p[0] ? x - p[1] : 0;
}

static double hard_sigmoid(double x, const double *p) {
  double y = p[0] * x + p[1];
  return y < 0 ? 0 : y > 1 ? 1 : y;
}

static double hard_swish(double x, const double *p) {
  (void)p;
  double y = x / 6 + 0.5;
  return x * (y < 0 ? 0 : y > 1 ? 1 : y);
}

/* log(1 + e^x) without overflow. */
static double softplus(double x, const double *p) {
  (void)p;
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double mish(double x, const double *p) { return x * tanh(softplus(x, p)); }

static double gelu(double x, const double *p) {
  (void)p;
  return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}

static double gelu_tanh(double x, const double *p) {
  (void)p;
  return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

typedef struct Unary {
  const char *name;          /* of the operator */
  Function *f;
  const char *attr[2];       /* parameters p[0], p[1] */
  float otherwise[2];        /* their defaults */
} Unary;

static const Unary table[] = {
    {"Abs", absolute, {0}, {0}},
    {"Neg", negate, {0}, {0}},
    {"Sqrt", square_root, {0}, {0}},
    {"Exp", exponential, {0}, {0}},
    {"Log", logarithm, {0}, {0}},
    {"Floor", round_down, {0}, {0}},
    {"Ceil", round_up, {0}, {0}},
    {"Round", round_even, {0}, {0}},
    {"Reciprocal", invert, {0}, {0}},
    {"Sign", sign, {0}, {0}},
    {"Erf", error_function, {0}, {0}},
    {"Sin", sine, {0}, {0}},
    {"Cos", cosine, {0}, {0}},
    {"Tan", tangent, {0}, {0}},
    {"Asin", arc_sine, {0}, {0}},
    {"Acos", arc_cosine, {0}, {0}},
    {"Atan", arc_tangent, {0}, {0}},
    {"Sinh", hyperbolic_sine, {0}, {0}},
    {"Cosh", hyperbolic_cosine, {0}, {0}},
    {"Asinh", area_sine, {0}, {0}},
    {"Acosh", area_cosine, {0}, {0}},
    {"Atanh", area_tangent, {0}, {0}},
    {"Shrink", shrink, {"lambd", "bias"}, {0.5f, 0}},
    {"Relu", relu, {0}, {0}},
    {"LeakyRelu", leaky_relu, {"alpha"}, {0.01f}},
    {"Sigmoid", sigmoid, {0}, {0}},
    {"Tanh", hyperbolic_tangent, {0}, {0}},
    {"Elu", elu, {"alpha"}, {1.0f}},
    {"Celu", celu, {"alpha"}, {1.0f}},
    {"Selu", selu, {"alpha", "gamma"}, {1.67326319217681884765625f, 1.05070102214813232421875f}},
    {"HardSigmoid", hard_sigmoid, {"alpha", "beta"}, {0.2f, 0.5f}},
    {"HardSwish", hard_swish, {0}, {0}},
    {"Softplus", softplus, {0}, {0}},
    {"Softsign", softsign, {0}, {0}},
    {"ThresholdedRelu", thresholded_relu, {"alpha"}, {1.0f}},
    {"Swish", swish, {"alpha"}, {1.0f}},
    {"Mish", mish, {0}, {0}},
    {"Gelu", gelu, {0}, {0}},
};

static const Unary *find_unary(const Node *n) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strcmp(table[i].name, op_name(n)) == 0) return &table[i];
  bug("no function for operator %s", op_name(n));
}

/* Operators that are defined for integers as well. */
static bool takes_integers(const Node *n) {
  return is_op(n, "Abs") || is_op(n, "Neg") || is_op(n, "Sign") || is_op(n, "Relu");
}

void infer_unary(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  if (!takes_integers(n) || !dtype_is_int(n->in[0]->dtype)) need_float(n, 0);
  infer_same(g, n);
}

/* The most frequent function gets a loop that the compiler can vectorize. */
static void relu_floats(int64_t count, const float *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

static void map_reals(DType t, int64_t count, const void *x, void *y, Function *f,
                      const double *p) {
  if (t == DT_F32) {
    const float *from = x;
    float *to = y;
    if (f == relu) relu_floats(count, from, to);
    for (int64_t i = 0; f != relu && i < count; i++) to[i] = (float)f((double)from[i], p);
    return;
  }
  for (int64_t i = 0; i < count; i++) set_real(t, y, i, f(get_real(t, x, i), p));
}

void eval_unary(const Node *n, const void *const *in, void *const *out) {
  const Unary *u = find_unary(n);
  Function *f = u->f;
  double p[2] = {0};
  for (int i = 0; i < 2 && u->attr[i]; i++)
    p[i] = attr_float(n, u->attr[i], (double)u->otherwise[i]);
  if (f == gelu && strcmp(attr_str(n, "approximate", "none"), "tanh") == 0) f = gelu_tanh;
  map_reals(n->in[0]->dtype, n_elements(n->in[0]), in[0], out[0], f, p);
}

/* ---- Clip: bounds are attributes before opset 11, inputs since */

void infer_clip(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  need_same_type(n, 0, 1);
  need_same_type(n, 0, 2);
  for (int i = 1; i <= 2; i++) {
    const Tensor *t = in_tensor(n, i);
    if (t && n_elements(t) != 1)
      error_at(n->loc, "Clip: %s has %lld elements, expected one", i == 1 ? "min" : "max",
               (long long)n_elements(t));
  }
  infer_same(g, n);
}

static double clip_bound(const Node *n, const void *const *in, int i, const char *attr,
                         double otherwise) {
  const void *bound = in_data(n, in, i);
  if (bound) return get_real(n->in[i]->dtype, bound, 0);
  return attr_float(n, attr, otherwise);
}

/* max wins where the bounds cross, as in numpy; NaN stays. */
static double clip(double x, const double *p) {
  if (x < p[0]) x = p[0];
  return x > p[1] ? p[1] : x;
}

void eval_clip(const Node *n, const void *const *in, void *const *out) {
  double p[2] = {clip_bound(n, in, 1, "min", -INFINITY), clip_bound(n, in, 2, "max", INFINITY)};
  map_reals(n->in[0]->dtype, n_elements(n->in[0]), in[0], out[0], clip, p);
}

/* ---- PRelu: the slope broadcasts to the input */

/* Before opset 7 a vector of slopes has one for each channel: it gets dimensions of 1 behind that. */
static void widen_slope(Graph *g, Node *n) {
  const Tensor *x = n->in[0], *slope = n->in[1];
  if (g->opset >= 7 || x->rank < 3 || slope->rank != 1 || slope->dim[0] != x->dim[1] || !is_const(slope))
    return;
  int64_t dim[MAX_RANK] = {slope->dim[0]};
  for (int d = 1; d < x->rank - 1; d++) dim[d] = 1;
  Tensor *wide = new_const(g, fresh_name(g, slope->name), slope->dtype, x->rank - 1, dim, slope->data);
  set_origin(wide, slope);
  set_input(g, n, 1, wide);
}

void infer_prelu(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  widen_slope(g, n);
  need_float(n, 0);
  need_same_type(n, 0, 1);
  int64_t dim[MAX_RANK];
  int rank = broadcast_dims(n, 0, 2, dim);
  char x[DIMS_TEXT], slope[DIMS_TEXT];
  if (rank != n->in[0]->rank || memcmp(dim, n->in[0]->dim, (size_t)rank * sizeof *dim) != 0)
    error_at(n->loc, "PRelu: slope of shape %s does not broadcast to %s",
             dims_text(slope, sizeof slope, n->in[1]), dims_text(x, sizeof x, n->in[0]));
  infer_same(g, n);
}

void eval_prelu(const Node *n, const void *const *in, void *const *out) {
  DType t = n->in[0]->dtype;
  int64_t at = 0;
  Walk w;
  start_walk(&w, n->out[0], 2, n->in);
  for (int64_t r = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++, at++) {
      double x = get_real(t, in[0], w.pos[0] + i * w.row_step[0]);
      double slope = get_real(t, in[1], w.pos[1] + i * w.row_step[1]);
      set_real(t, out[0], at, x < 0 ? x * slope : x);
    }
}

/* ---- Not, and tests of single numbers */

void infer_not(Graph *g, Node *n) {
  if (!inputs_ready(n)) return;
  need_type(n, 0, DT_BOOL);
  infer_same(g, n);
}

void infer_test(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_float(n, 0);
  set_type(n, 0, DT_BOOL, n->in[0]->rank, n->in[0]->dim, n->in[0]->layout);
}

void eval_test(const Node *n, const void *const *in, void *const *out) {
  bool nan = is_op(n, "IsNaN");
  bool positive = attr_int(n, "detect_positive", 1) != 0, negative = attr_int(n, "detect_negative", 1) != 0;
  uint8_t *y = out[0];
  for (int64_t i = 0; i < n_elements(n->in[0]); i++) {
    double x = get_real(n->in[0]->dtype, in[0], i);
    y[i] = nan ? isnan(x) : isinf(x) && (x > 0 ? positive : negative);
  }
}

void eval_not(const Node *n, const void *const *in, void *const *out) {
  const uint8_t *x = in[0];
  uint8_t *y = out[0];
  for (int64_t i = 0; i < n_elements(n->in[0]); i++) y[i] = !x[i];
}
