/* unary.c - gradients of functions of one real number: the cotangent times the derivative, which is made
 * of the input x or, where that is shorter, of the output y.  Piecewise functions choose between slopes. */
#include "ir/grad/rules.h"

/* Square root of 2 / pi; the tanh form of Gelu is tanh(FACTOR * (x + CUBIC * x^3)). */
#define FACTOR 0.79788456080286535588
#define CUBIC 0.044715

static void give_times(Vjp *v, const Node *n, Tensor *slope) {
  give(v, n, 0, times(v, cotangent(v, n, 0), slope));
}

/* The cotangent where the condition holds, else times `otherwise`. */
static void give_where(Vjp *v, const Node *n, Tensor *condition, Tensor *otherwise) {
  Tensor *d = cotangent(v, n, 0);
  give(v, n, 0, select_where(v, condition, d, otherwise ? times(v, d, otherwise) : number(v, 0)));
}

static Tensor *is_greater(Vjp *v, Tensor *x, double limit) {
  return apply2(v, "Greater", x, number(v, limit));
}

static Tensor *is_less(Vjp *v, Tensor *x, double limit) {
  return apply2(v, "Less", x, number(v, limit));
}

/* 1 - a * a */
static Tensor *one_minus_square(Vjp *v, Tensor *a) {
  return minus(v, number(v, 1), times(v, a, a));
}

void vjp_zero(Vjp *v, const Node *n) { (void)v, (void)n; }

void vjp_abs(Vjp *v, const Node *n) { give_times(v, n, apply1(v, "Sign", n->in[0])); }

void vjp_neg(Vjp *v, const Node *n) { give(v, n, 0, apply1(v, "Neg", cotangent(v, n, 0))); }

void vjp_sqrt(Vjp *v, const Node *n) { give_times(v, n, over(v, number(v, 0.5), n->out[0])); }

void vjp_exp(Vjp *v, const Node *n) { give_times(v, n, n->out[0]); }

void vjp_log(Vjp *v, const Node *n) { give(v, n, 0, over(v, cotangent(v, n, 0), n->in[0])); }

void vjp_reciprocal(Vjp *v, const Node *n) {
  Tensor *y = n->out[0];
  give_times(v, n, apply1(v, "Neg", times(v, y, y)));
}

/* 2 / sqrt(pi) * e^(-x^2) */
void vjp_erf(Vjp *v, const Node *n) {
  Tensor *x = n->in[0], *bell = apply1(v, "Exp", apply1(v, "Neg", times(v, x, x)));
  give_times(v, n, scaled(v, bell, 1.12837916709551257390));
}

void vjp_sin(Vjp *v, const Node *n) { give_times(v, n, apply1(v, "Cos", n->in[0])); }

void vjp_cos(Vjp *v, const Node *n) {
  give_times(v, n, apply1(v, "Neg", apply1(v, "Sin", n->in[0])));
}

void vjp_tan(Vjp *v, const Node *n) {
  Tensor *y = n->out[0];
  give_times(v, n, plus(v, number(v, 1), times(v, y, y)));
}

void vjp_atan(Vjp *v, const Node *n) {
  Tensor *x = n->in[0];
  give(v, n, 0, over(v, cotangent(v, n, 0), plus(v, number(v, 1), times(v, x, x))));
}

/* ---- activations */

void vjp_relu(Vjp *v, const Node *n) { give_where(v, n, is_greater(v, n->in[0], 0), NULL); }

void vjp_leaky_relu(Vjp *v, const Node *n) {
  double alpha = attr_float(n, "alpha", (double)0.01f);
  give_where(v, n, is_greater(v, n->in[0], 0), number(v, alpha));
}

void vjp_sigmoid(Vjp *v, const Node *n) {
  Tensor *y = n->out[0];
  give_times(v, n, times(v, y, minus(v, number(v, 1), y)));
}

void vjp_tanh(Vjp *v, const Node *n) { give_times(v, n, one_minus_square(v, n->out[0])); }

/* Below 0, y = alpha * (e^x - 1) has the slope y + alpha. */
void vjp_elu(Vjp *v, const Node *n) {
  Tensor *slope = plus(v, n->out[0], number(v, attr_float(n, "alpha", 1)));
  give_where(v, n, is_greater(v, n->in[0], 0), slope);
}

void vjp_celu(Vjp *v, const Node *n) {
  Tensor *slope = scaled(v, n->out[0], 1 / attr_float(n, "alpha", 1));
  give_where(v, n, is_greater(v, n->in[0], 0), plus(v, slope, number(v, 1)));
}

void vjp_selu(Vjp *v, const Node *n) {
  double alpha = attr_float(n, "alpha", (double)1.67326319217681884765625f);
  double gamma = attr_float(n, "gamma", (double)1.05070102214813232421875f);
  Tensor *below = plus(v, n->out[0], number(v, alpha * gamma));
  give_times(v, n, select_where(v, is_greater(v, n->in[0], 0), number(v, gamma), below));
}

/* Between its two ends the slope is `slope`, below it 0 and above it that of the third part. */
static void give_between(Vjp *v, const Node *n, Tensor *x, double lo, double hi, Tensor *slope,
                         double above) {
  Tensor *upper = select_where(v, is_less(v, x, hi), slope, number(v, above));
  give_times(v, n, select_where(v, is_greater(v, x, lo), upper, number(v, 0)));
}

void vjp_hard_sigmoid(Vjp *v, const Node *n) {
  double alpha = attr_float(n, "alpha", (double)0.2f);
  give_between(v, n, n->out[0], 0, 1, number(v, alpha), 0);
}

void vjp_hard_swish(Vjp *v, const Node *n) {
  Tensor *slope = plus(v, scaled(v, n->in[0], 1 / 3.0), number(v, 0.5));
  give_between(v, n, n->in[0], -3, 3, slope, 1);
}

void vjp_softplus(Vjp *v, const Node *n) { give_times(v, n, apply1(v, "Sigmoid", n->in[0])); }

void vjp_softsign(Vjp *v, const Node *n) {
  Tensor *below = plus(v, number(v, 1), apply1(v, "Abs", n->in[0]));
  give(v, n, 0, over(v, cotangent(v, n, 0), times(v, below, below)));
}

void vjp_thresholded_relu(Vjp *v, const Node *n) {
  give_where(v, n, is_greater(v, n->in[0], attr_float(n, "alpha", 1)), NULL);
}

/* y = x s with s = sigmoid(alpha x): s + alpha y (1 - s) */
void vjp_swish(Vjp *v, const Node *n) {
  double alpha = attr_float(n, "alpha", 1);
  Tensor *s = apply1(v, "Sigmoid", scaled(v, n->in[0], alpha));
  Tensor *bent = times(v, scaled(v, n->out[0], alpha), minus(v, number(v, 1), s));
  give_times(v, n, plus(v, s, bent));
}

/* y = x t with t = tanh(softplus(x)): t + x (1 - t^2) sigmoid(x) */
void vjp_mish(Vjp *v, const Node *n) {
  Tensor *x = n->in[0], *t = apply1(v, "Tanh", apply1(v, "Softplus", x));
  Tensor *bent = times(v, times(v, x, one_minus_square(v, t)), apply1(v, "Sigmoid", x));
  give_times(v, n, plus(v, t, bent));
}

/* (1 + t) / 2 + x / 2 (1 - t^2) FACTOR (1 + 3 CUBIC x^2) */
static Tensor *gelu_tanh_slope(Vjp *v, Tensor *x) {
  Tensor *square = times(v, x, x), *one = number(v, 1);
  Tensor *inner = times(v, scaled(v, x, FACTOR), plus(v, one, scaled(v, square, CUBIC)));
  Tensor *t = apply1(v, "Tanh", inner);
  Tensor *bend = scaled(v, plus(v, one, scaled(v, square, 3 * CUBIC)), 0.5 * FACTOR);
  Tensor *bent = times(v, times(v, x, one_minus_square(v, t)), bend);
  return plus(v, scaled(v, plus(v, one, t), 0.5), bent);
}

/* The distribution function and x times the density of the normal distribution. */
static Tensor *gelu_slope(Vjp *v, Tensor *x) {
  Tensor *e = apply1(v, "Erf", scaled(v, x, 0.70710678118654752440));
  Tensor *bell = apply1(v, "Exp", scaled(v, times(v, x, x), -0.5));
  Tensor *density = scaled(v, times(v, x, bell), 0.5 * FACTOR);
  return plus(v, scaled(v, plus(v, number(v, 1), e), 0.5), density);
}

void vjp_gelu(Vjp *v, const Node *n) {
  bool by_tanh = attr_str(n, "approximate", "none")[0] == 't';
  give_times(v, n, by_tanh ? gelu_tanh_slope(v, n->in[0]) : gelu_slope(v, n->in[0]));
}

/* ---- Clip and PRelu: bounds and slopes are inputs, and may be learned */

static Tensor *clip_bound(Vjp *v, const Node *n, int in, const char *attr) {
  if (in < n->n_in && n->in[in] != NULL) return n->in[in];
  return find_attr(n, attr) != NULL ? number(v, attr_float(n, attr, 0)) : NULL;
}

/* Where a bound holds, the cotangent is the bound's. */
static Tensor *stop_at(Vjp *v, const Node *n, int in, const char *beyond, Tensor *bound,
                       Tensor *d) {
  if (bound == NULL) return d;
  Tensor *stopped = apply2(v, beyond, n->in[0], bound), *zero = number(v, 0);
  if (wants(v, n, in)) give(v, n, in, select_where(v, stopped, d, zero));
  return select_where(v, stopped, zero, d);
}

void vjp_clip(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0);
  d = stop_at(v, n, 2, "Greater", clip_bound(v, n, 2, "max"), d);
  give(v, n, 0, stop_at(v, n, 1, "Less", clip_bound(v, n, 1, "min"), d));
}

void vjp_prelu(Vjp *v, const Node *n) {
  Tensor *x = n->in[0], *d = cotangent(v, n, 0), *below = is_less(v, x, 0);
  if (wants(v, n, 0)) give(v, n, 0, select_where(v, below, times(v, d, n->in[1]), d));
  if (wants(v, n, 1)) give(v, n, 1, select_where(v, below, times(v, d, x), number(v, 0)));
}
