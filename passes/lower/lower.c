/* lower.c - Dequantize, operator, Quantize becomes one integer operator (docs/numerics.md).
 * Walks the Quantize nodes; what computes their input decides the form.  A node without one
 * stays in float between its Dequantize and Quantize: a float island.
 *
 *   q = Quantize(Conv(Dequantize(x), Dequantize(w), b))   ==>   q = QConv(x, w, b', m)
 */
#include "passes/lower/lower.h"

#include <math.h>
#include <string.h>

#include "passes/quant/quant.h"

/* Bits of an accumulator that a negative shift must leave, for 8 and for 16 bits of output. */
enum { KEPT_BITS_8 = 24, KEPT_BITS_16 = 31 };

bool pick_rescale(const Tensor *y, int64_t n, const double *scale, double bound, int32_t *m,
                  int *shift) {
  bool wide = y->dtype == DT_I16;
  int kept = wide ? KEPT_BITS_16 : KEPT_BITS_8;
  double largest = 0;
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(scale[i]));
  int s = 0;
  while (s < 30 && rint(ldexp(largest, 31 - s)) >= (double)(1 << 30)) s++;
  while (s <= 0 && bound >= ldexp(1, kept - s) && rint(ldexp(largest, 32 - s)) < (double)(1 << 30))
    s--;
  if (s == 30 || ldexp(bound, s) > INT32_MAX || (!wide && bound > INT32_MAX)) return false;
  for (int64_t i = 0; i < n; i++) m[i] = (int32_t)rint(ldexp(scale[i], 31 - s));
  *shift = s;
  return true;
}

Tensor *codes_of(const Tensor *t) {
  return t && is_op(t->def, "Dequantize") ? t->def->in[0] : NULL;
}

double scale_of(const Tensor *codes) { return codes->quant->scale[0]; }

int32_t zero_of(const Tensor *codes) { return codes->quant->zero[0]; }

double largest_code(const Tensor *codes) { return codes->dtype == DT_I16 ? 32768 : 255; }

int32_t code_of(const Tensor *y, double real) {
  const Format *f = y->quant->format;
  double q = rint(real / scale_of(y)) + zero_of(y);
  return (int32_t)fmin(fmax(q, f->lo), f->hi);
}

void clamp_codes(const Node *n, const Tensor *y, int32_t *lo, int32_t *hi) {
  *lo = code_of(y, attr_float(n, "activation_min", -INFINITY));
  *hi = code_of(y, attr_float(n, "activation_max", INFINITY));
}

Node *replace_quantize(Graph *g, Node *quantize, const char *op, const char *name, int n_in,
                       Tensor *const *in) {
  Tensor *y = quantize->out[0];
  Loc loc = quantize->loc;
  int at = node_index(g, quantize);
  quantize->out[0]->def = NULL, quantize->out[0] = NULL;
  remove_node(g, quantize);
  Node *q = add_node(g, at, op, name, n_in, in, 1, &y);
  q->loc = loc;
  return q;
}

Node *replace_by(Graph *g, Node *n, Node *quantize, const char *op, int n_in, Tensor *const *in) {
  const char *name = n->name;
  Loc loc = n->loc;
  Node *q = replace_quantize(g, quantize, op, name, n_in, in);
  q->loc = loc;
  remove_node(g, n);
  return q;
}

void pick_bits(int64_t n, const double *scale, int32_t *m) {
  for (int64_t i = 0; i < n; i++) m[i] = float_bits((float)scale[i]);
}

double scale_in_float(double a, double b, double y) { return (double)((float)(a * b) / (float)y); }

bool wants_float(const Context *cx, const Tensor *y) {
  return y->dtype == DT_I8 && strcmp(policy_value(cx->policy, "requantize"), "float") == 0;
}

void set_rescale(Graph *g, Node *q, int shift, int32_t y_zero, int32_t lo, int32_t hi) {
  set_int(g, q, "shift", shift);
  set_int(g, q, "y_zero", y_zero);
  set_int(g, q, "lo", lo);
  set_int(g, q, "hi", hi);
}

static const struct { const char *op; Lowering *lower; } lowerings[] = {
  {"Conv", lower_weighted}, {"Gemm", lower_weighted}, {"MatMul", lower_matmul}, {"Add", lower_add},
  {"Sub", lower_add},
  {"Mul", lower_mul}, {"Softmax", lower_softmax}, {"AveragePool", lower_average_pool},
};

/* Does the node read or make codes that are floats?  Integers have another order and other sums. */
static bool meets_floats(const Node *n, const Node *quantize) {
  bool meets = has_floats(quantize->out[0]->quant->format);
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *codes = codes_of(n->in[i]);
    meets |= codes && !is_const(codes) && has_floats(codes->quant->format);
  }
  return meets;
}

static bool lower_one(Graph *g, Context *cx, Node *quantize) {
  Node *n = quantize->in[0]->def;
  if (!n || is_graph_output(g, quantize->in[0]) || attr_int(n, "keep_float", 0)) return false;
  if (lower_lookup(g, cx, quantize)) return true;
  if (meets_floats(n, quantize))
    return is_move(n) && !is_op(n, "MaxPool") && lower_move(g, cx, n, quantize);
  if (lower_requantize(g, quantize)) return true;
  if (n->n_out == 1 && only_user(g, n->out[0]) != quantize) return false;
  if (wants_tflite(cx, n) && lower_tflite(g, n, quantize)) return true;
  for (size_t i = 0; i < sizeof lowerings / sizeof *lowerings; i++)
    if (is_op(n, lowerings[i].op)) return lowerings[i].lower(g, cx, n, quantize);
  return is_move(n) && lower_move(g, cx, n, quantize);
}

/* Nodes between codes of the model that no integer operator has taken. */
static void note_islands(const Graph *g, Context *cx) {
  for (int i = 0; i < g->n_node; i++) {
    const Node *q = g->node[i], *n = is_op(q, "Quantize") && attr_int(q, "imported", 0) ? q->in[0]->def : NULL;
    bool between = false;
    for (int k = 0; n && k < n->n_in; k++) between |= n->in[k] && codes_of(n->in[k]) != NULL;
    if (between) add_note(cx, n->name, "%s stays in float between the model's codes: no integer kernel", n->op->name);
  }
}

void pass_lower(Graph *g, Context *cx) {
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    if (is_op(n, "Quantize") && lower_one(g, cx, n)) {
      remove_dead(g);
      i = -1;
    }
  }
  for (int i = 0; i < g->n_node; i++) remove_attr(g->node[i], "keep_float");
  note_islands(g, cx);
  for (int i = 0; i < g->n_node; i++) remove_attr(g->node[i], "imported"), remove_attr(g->node[i], "rescale");
}
