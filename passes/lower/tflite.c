/* tflite.c - the rule tflite of docs/numerics.md: multipliers with exponents, and the operators whose sums its
 * kernels form in another way than ours. */
#include <math.h>
#include <string.h>

#include "passes/lower/lower.h"

bool wants_tflite(const Context *cx, const Node *n) {
  const char *rule = policy_value(cx->policy, "requantize");
  return strcmp(strcmp(rule, "auto") == 0 ? attr_str(n, "rescale", "q31") : rule, "tflite") == 0;
}

static bool is_s8(const Tensor *t) { return t && t->dtype == DT_I8 && t->quant->n == 1; }

static void set_term(Graph *g, Node *q, double scale, const char *m, const char *exponent) {
  int32_t multiplier, e;
  pick_tflite(scale, &multiplier, &e);
  set_int(g, q, m, multiplier);
  set_int(g, q, exponent, e);
}

static void set_range(Graph *g, Node *q, int32_t lo, int32_t hi) {
  set_int(g, q, "lo", lo);
  set_int(g, q, "hi", hi);
}

/* Sums: both inputs at the scale of twice the larger one, in 20 bits more; products at their own. */
static bool lower_binary(Graph *g, Node *n, Node *quantize) {
  Tensor *a = codes_of(n->in[0]), *b = codes_of(n->in[1]), *y = quantize->out[0];
  bool mul = is_op(n, "Mul"), sub = is_op(n, "Sub");
  int32_t lo, hi, unused_m, e;
  if (!is_s8(a) || !is_s8(b) || !is_s8(y)) return false;
  double twice = 2 * fmax(scale_of(a), scale_of(b)), sa = scale_of(a), sb = scale_of(b), sy = scale_of(y);
  double last = mul ? sa * sb / sy : twice / (ldexp(1, 20) * sy);
  pick_tflite(last, &unused_m, &e);
  if (e > (mul ? 14 : 0)) return false; /* the sum or product, shifted, would leave 32 bits */
  clamp_codes(n, y, &lo, &hi);
  Node *q = replace_by(g, n, quantize, mul ? "TMul" : "TAdd", 2, (Tensor *[]){a, b});
  set_int(g, q, "a_zero", zero_of(a));
  set_int(g, q, "b_zero", zero_of(b));
  if (!mul) set_term(g, q, sa / twice, "a_m", "a_exponent");
  if (!mul) set_term(g, q, sb / twice, "b_m", "b_exponent");
  if (sub) set_int(g, q, "subtract", 1);
  set_term(g, q, last, "m", "exponent");
  set_int(g, q, "y_zero", zero_of(y));
  set_range(g, q, lo, hi);
  return true;
}

/* Of codes that have the scale of what it makes. */
static bool lower_pool(Graph *g, Node *n, Node *quantize) {
  static const char *const attrs[] = {"kernel_shape", "strides", "pads", "dilations", "auto_pad", "ceil_mode"};
  Tensor *x = codes_of(n->in[0]), *y = quantize->out[0];
  int32_t lo, hi;
  if (!is_s8(x) || !is_s8(y) || n->in[0]->layout != LAYOUT_NHWC || attr_int(n, "count_include_pad", 0)) return false;
  if (scale_of(x) != scale_of(y) || zero_of(x) != zero_of(y)) return false;
  clamp_codes(n, y, &lo, &hi);
  Node *q = replace_by(g, n, quantize, "TAveragePool", 1, &x);
  for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
    if (find_attr(n, attrs[i])) set_attr(g, q, find_attr(n, attrs[i]));
  set_range(g, q, lo, hi);
  return true;
}

/* ---- Softmax: numbers with 5 integer bits, of which e^x has none */

enum { INPUT_INTEGER_BITS = 5 };

/* e^(-d scale) for every difference of codes; 0 where that does not fit the 5 bits. */
static int32_t *exp_table(Graph *g, double scale) {
  int32_t *table = arena_alloc(g->arena, 256 * 4), m, e;
  double most = ldexp(1, 31) - 1;
  pick_tflite(fmin(scale * ldexp(1, 31 - INPUT_INTEGER_BITS), most), &m, &e);
  double reach = floor(ldexp((1 << INPUT_INTEGER_BITS) - 1, 31 - INPUT_INTEGER_BITS - e));
  for (int d = 0; d < 256; d++)
    table[d] = d <= reach ? fixed_exp(scale_tflite(-d, m, e), INPUT_INTEGER_BITS) : 0;
  return table;
}

static bool lower_exponentials(Graph *g, Node *n, Node *quantize) {
  enum { MOST = 4095 };  /* whose sum fits 12 integer bits */
  Tensor *x = codes_of(n->in[0]), *y = quantize->out[0];
  int64_t entries = 256, axis = attr_int(n, "axis", -1);
  if (attr_int(n, "flat", 0) || (axis != -1 && axis != n->in[0]->rank - 1)) return false;
  if (!is_s8(x) || !is_s8(y) || scale_of(y) != 1.0 / 256 || zero_of(y) != -128) return false;
  /* The reference needs a scale of 2^-26 or more, else its multiplier is below 1. */
  if (x->dim[x->rank - 1] > MOST || scale_of(x) < ldexp(1, INPUT_INTEGER_BITS - 31)) return false;
  Tensor *t = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_exp", n->name)), DT_I32, 1, &entries,
                        exp_table(g, scale_of(x)));
  replace_by(g, n, quantize, "TSoftmax", 2, (Tensor *[]){x, t});
  return true;
}

static const struct { const char *op; bool (*lower)(Graph *g, Node *n, Node *quantize); } forms[] = {
  {"Add", lower_binary}, {"Sub", lower_binary}, {"Mul", lower_binary}, {"AveragePool", lower_pool},
  {"Softmax", lower_exponentials},
};

bool lower_tflite(Graph *g, Node *n, Node *quantize) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (is_op(n, forms[i].op)) return forms[i].lower(g, n, quantize);
  return false;
}
