/* quantize.c - decides which nodes compute in integers and makes the graph say so: weights
 * become codes behind a Dequantize, every activation next to an integer node gets Quantize and
 * Dequantize.  The graph still runs in floats, with the rounding of the integer graph (simulated
 * quantization); lowering then only matches patterns.
 *
 *   y = Conv(x, w)
 *   ==>  y = Dequantize(Quantize(Conv(Dequantize(Quantize(x)), Dequantize(w codes))))
 *
 * A tensor's codes have the format of the node that makes it; a node of another format reads them
 * through a second Quantize and Dequantize.
 */
#include <math.h>
#include <string.h>

#include "passes/quant/channels.h"
#include "passes/quant/correct.h"
#include "passes/quant/outliers.h"
#include "passes/quant/quant.h"
#include "passes/quant/range.h"
#include "passes/simplify/simplify.h"

typedef struct Plan {
  Graph *g;
  Context *cx;
  Node **node;          /* [n_node] before insertion */
  bool *integer;        /* [n_node] computed in integers */
  bool *dynamic;        /* [n_node] finds the scales of its input at run time */
  bool *raw;            /* [n_node] between a raw integer input and the first real tensor */
  bool *real;           /* [n_tensor] is, or becomes in the next call, a state of real numbers */
  int *set;             /* [n_tensor] union-find: tensors that share one quantization */
  int n_node, n_tensor; /* of the graph before insertion */
  const Graph *exact;   /* the float network, where a solver looks at inputs; else NULL */
  Moments *moments;     /* of the inputs of node moments_of, or NULL */
  const Node *moments_of;
  float **most;         /* [n_node] largest magnitudes of the columns of its input, or NULL */
} Plan;

/* The format of the codes that a node reads, scales known at compile time; NULL: real numbers. */
static const Format *static_format(const Plan *p, const Node *n) {
  ActChoice a = act_choice(p->g, p->cx, n);
  return a.dynamic ? NULL : format_read(n, a.format);
}

/* The format of t's codes where node n decides it, or the policy's word on an input (n NULL). */
static const Format *made_format(const Plan *p, const Tensor *t, const Node *n) {
  ActChoice a = n ? act_choice(p->g, p->cx, n) : input_choice(p->g, p->cx, t);
  return a.dynamic ? NULL : format_kept(p->g, p->cx, t, a.format);
}

static int find_set(Plan *p, int i) {
  while (p->set[i] != i) i = p->set[i] = p->set[p->set[i]];
  return i;
}

static void join(Plan *p, const Tensor *a, const Tensor *b) {
  int x = find_set(p, a->id), y = find_set(p, b->id);
  if (x != y) p->set[x > y ? x : y] = x > y ? y : x;
}

static bool is_nearest_resize(const Node *n) {
  return (is_op(n, "Resize") || is_op(n, "Upsample")) &&
         strcmp(attr_str(n, "mode", "nearest"), "nearest") == 0;
}

/* Operators whose output elements are input elements. */
bool is_move(const Node *n) {
  return (n->op->flags & OP_MOVE) || is_op(n, "MaxPool") || is_nearest_resize(n);
}

static bool is_unary(const Node *n) {
  if ((n->op->flags & OP_QDQ) || !(n->op->flags & OP_POINTWISE)) return false;
  int data = 0;
  for (int i = 0; i < n->n_in; i++) {
    if (n->in[i] && !is_const(n->in[i])) data++;
    else if (n->in[i] && n_elements(n->in[i]) != 1) return false;
  }
  return data == 1 && n->n_out == 1;
}

static bool is_real_input(const Tensor *t) { return t && !is_const(t) && t->dtype == DT_F32; }

bool has_real_weights(const Node *n) {
  return (is_op(n, "Conv") || is_op(n, "Gemm")) && n->n_in > 1 && is_float_const(n->in[1]);
}

/* A Conv or Gemm that integer kernels can compute, apart from formats. */
static bool has_integer_weights(const Node *n) {
  if (!is_float_const(n->in[1]) || (n->n_in > 2 && n->in[2] && !is_float_const(n->in[2])))
    return false;
  if (is_op(n, "Gemm"))
    return attr_int(n, "transB", 0) && !attr_int(n, "transA", 0) &&
           attr_float(n, "alpha", 1) == 1 && attr_float(n, "beta", 1) == 1 &&
           (n->n_in < 3 || !n->in[2] || n->in[2]->rank == 1);
  return is_op(n, "Conv") && n->in[0]->layout == LAYOUT_NHWC && n->in[0]->rank <= 4;
}

/* Could integer kernels compute the node?  Says why not in *why. */
static bool has_integer_form(const Node *n, const char **why) {
  *why = "no integer kernel";
  if (n->n_out < 1 || !n->out[0] || n->out[0]->dtype != DT_F32) return false;
  if (is_op(n, "Conv") || is_op(n, "Gemm")) {
    *why = "weights are not constant or have no integer form";
    return has_integer_weights(n) && is_real_input(n->in[0]);
  }
  if (is_op(n, "MatMul"))
    return is_real_input(n->in[0]) && is_real_input(n->in[1]) && n->out[0]->rank >= 2;
  if (is_unary(n)) return true;
  if (is_op(n, "Add") || is_op(n, "Mul")) return true;
  if (is_op(n, "AveragePool")) return n->in[0]->layout == LAYOUT_NHWC && n->in[0]->rank <= 4;
  if (is_op(n, "MaxPool"))
    return n->in[0]->layout == LAYOUT_NHWC && n->in[0]->rank <= 4 && n->n_out == 1;
  if (is_op(n, "Softmax")) {
    int64_t axis = attr_int(n, "axis", -1);
    *why = "softmax is not over the last dimension";
    return !attr_int(n, "flat", 0) && (axis == -1 || axis == n->in[0]->rank - 1);
  }
  if (is_op(n, "Pad") && strcmp(attr_str(n, "mode", "constant"), "constant") == 0 && n->n_in > 2 &&
      n->in[2])
    return is_const(n->in[2]);
  return is_move(n);
}

/* Nodes between a raw integer input and the real tensor that the network reads. */
static void find_raw_chain(Plan *p) {
  for (int i = 0; i < p->n_node; i++) {
    const Node *n = p->g->node[i];
    bool from_raw =
        is_op(n, "Cast") && dtype_is_int(n->in[0]->dtype) && !n->in[0]->def && !is_const(n->in[0]);
    if (is_op(n, "Dequantize") && !is_const(n->in[0]) && !n->in[0]->def) from_raw = true;
    if (is_op(n, "Add") || is_op(n, "Mul")) {
      const Tensor *x = is_const(n->in[0]) ? n->in[1] : n->in[0],
                   *c = is_const(n->in[0]) ? n->in[0] : n->in[1];
      from_raw = is_const(c) && x->def && p->raw[node_index(p->g, x->def)];
    }
    p->raw[i] = from_raw;
  }
}

/* Why codes of format x cannot be multiplied with weight codes of format w; NULL: they can. */
static const char *no_product(const Format *x, const Format *w) {
  if (!has_floats(w)) return NULL;
  if (!has_floats(x)) return "its weights are floats of 8 bits";
  return w == x ? NULL : "its weights are floats of 8 bits, but not those of its activations";
}

/* Does the node find the scales of what it multiplies at run time? */
static bool wants_dynamic(Plan *p, const Node *n) {
  const char *why;
  ActChoice a = act_choice(p->g, p->cx, n);
  if ((!is_op(n, "Conv") && !is_op(n, "Gemm")) || !a.format || !a.dynamic) return false;
  const char *no = has_integer_form(n, &why) ? NULL : why;
  WeightChoice w = no ? (WeightChoice){0} : weight_choice(p->g, p->cx, n);
  if (!no && !w.format) no = "the policy keeps its weights float";
  if (!no) no = no_product(a.format, w.format);
  if (!no && w.outliers.rate > 0)
    no = "weights beside the codes have no kernel with scales from run time";
  if (no) add_note(p->cx, n->name, "%s stays in float: %s", n->op->name, no);
  return !no;
}

/* Which columns of its input such a node may multiply as real numbers, by their magnitude. */
static double column_threshold(const Plan *p, const Node *n) {
  return is_op(n, "Gemm") ? act_choice(p->g, p->cx, n).columns : INFINITY;
}

static void measure_columns(Plan *p) {
  float **most = arena_alloc(p->g->arena, (p->n_tensor + 1) * (int64_t)sizeof *most);
  bool any = false;
  for (int i = 0; i < p->n_node; i++) {
    const Node *n = p->node[i];
    if (!p->dynamic[i] || !isfinite(column_threshold(p, n))) continue;
    const Tensor *x = n->in[0];
    if (!any) need_samples(p->cx, act_choice(p->g, p->cx, n).loc, "a threshold of outlier columns",
                           n->name);
    if (!most[x->id]) most[x->id] = arena_alloc(p->g->arena, x->dim[1] * (int64_t)sizeof **most);
    p->most[i] = most[x->id];
    any = true;
  }
  if (any) find_largest_columns(p->g, p->cx, most);
}

static void make_dynamic(Plan *p, int i) {
  Node *n = p->node[i];
  ActChoice a = act_choice(p->g, p->cx, n);
  Tensor *skip = NULL;
  if (p->most[i]) skip = split_columns(p->g, p->cx, n, p->most[i], column_threshold(p, n));
  quantize_at_run_time(p->g, n, &a, skip);
}

/* Could kernels with int16 activations compute a node that has an integer form? */
static bool has_int16_form(const Node *n, const WeightChoice *w, const char **why) {
  *why = "no integer kernel with int16 activations";
  if (is_op(n, "Relu") || is_op(n, "Clip")) return true;
  if (is_unary(n) || is_op(n, "MatMul") || is_op(n, "Softmax")) return false;
  if (w->format && w->outliers.rate > 0)
    return *why = "weights beside the codes have no kernel with int16 activations", false;
  if (w->format && w->granularity == GRAN_GROUP)
    return *why = "weights in groups have no kernel with int16 activations", false;
  return true;
}

/* The same of fp8_e4m3: products and tables have kernels, and moves go by the scale. */
static bool has_fp8_form(const Node *n, const WeightChoice *w, const char **why) {
  *why = "no kernel with activations of fp8_e4m3";
  if (w->format && w->outliers.rate > 0)
    return *why = "weights beside the codes have no kernel with activations of fp8_e4m3", false;
  return is_op(n, "Conv") || is_op(n, "Gemm") || is_op(n, "MatMul") || is_unary(n) || is_move(n);
}

/* Do the node's weights have the model's codes?  Then it is the model that decides. */
static bool has_codes_of_model(const Node *n) {
  const Node *d = (is_op(n, "Conv") || is_op(n, "Gemm")) && n->in[1] ? n->in[1]->def : NULL;
  return is_op(d, "Dequantize") && is_const(d->in[0]);
}

static bool wants_integer(Plan *p, const Node *n) {
  const char *why;
  if (has_codes_of_model(n)) return false;
  ActChoice a = act_choice(p->g, p->cx, n);
  if (n->n_out < 1 || !n->out[0] || n->out[0]->dtype != DT_F32 || (n->op->flags & OP_QDQ))
    return false;
  bool weighted = has_real_weights(n);
  WeightChoice w = weighted ? weight_choice(p->g, p->cx, n) : (WeightChoice){0};
  if (a.format && a.dynamic) return false;
  if (!a.format) {
    if (weighted && w.format)
      add_note(p->cx, n->name,
               "weights are kept as %s and decoded to float: its activations are float",
               w.format->name);
    return false;
  }
  if (!has_integer_form(n, &why)) {
    add_note(p->cx, n->name, "%s stays in float: %s", n->op->name, why);
    return false;
  }
  if (weighted && !w.format) {
    add_note(p->cx, n->name, "%s stays in float: the policy keeps its weights float", n->op->name);
    return false;
  }
  if (weighted && (why = no_product(a.format, w.format)) != NULL) {
    add_note(p->cx, n->name, "%s stays in float: %s", n->op->name, why);
    return false;
  }
  if ((a.format->dtype == DT_I16 && !has_int16_form(n, &w, &why)) ||
      (has_floats(a.format) && !has_fp8_form(n, &w, &why))) {
    add_note(p->cx, n->name, "%s stays in float: %s", n->op->name, why);
    return false;
  }
  return true;
}

/* Readers of t that are integer nodes; -1 when others read it as well.  Some `could` be, too (NULL: none). */
static int count_integer_users(const Plan *p, const Tensor *t, const bool *could) {
  int users = 0;
  for (int i = 0; i < p->n_node; i++)
    for (int k = 0; k < p->g->node[i]->n_in; k++)
      if (p->g->node[i]->in[k] == t) {
        if (!p->integer[i] && !(could && could[i])) return -1;
        users++;
      }
  return users;
}

/* What reads the next value of a state are the readers of the state; moves among them follow. */
static bool all_users_integer(const Plan *p, const Tensor *t, const bool *could) {
  const Graph *g = p->g;
  int users = count_integer_users(p, t, NULL);
  for (int i = 0; i < g->n_state; i++)
    if (users == 0 && g->out[n_outputs(g) + i] == t)
      users = count_integer_users(p, g->in[n_inputs(g) + i], could);
  return users > 0;
}

/* A move between float nodes stays float: it follows its producer, or its readers. */
static void settle_moves(Plan *p) {
  Graph *g = p->g;
  bool *could = arena_alloc(g->arena, p->n_node + 1);
  for (int i = 0; i < p->n_node; i++) {
    could[i] = p->integer[i] && is_move(g->node[i]);
    if (could[i]) p->integer[i] = false;
  }
  for (int i = 0; i < p->n_node; i++) {
    Node *n = g->node[i];
    for (int k = 0; could[i] && k < n->n_in; k++)
      if (is_real_input(n->in[k]) && n->in[k]->def && p->integer[node_index(g, n->in[k]->def)])
        p->integer[i] = true;
  }
  for (int i = p->n_node - 1; i >= 0; i--)
    if (could[i] && !p->integer[i] && all_users_integer(p, g->node[i]->out[0], could))
      p->integer[i] = true;
}

/* The format of a tensor's codes: that of its maker, or where that computes in floats of the first
 * reader that does not. */
static const Format *format_of_codes(const Plan *p, const Tensor *t) {
  const Format *own = t->def ? NULL : made_format(p, t, NULL), *reader = NULL;
  for (int i = 0; i < p->n_node && !own; i++) {
    const Node *n = p->node[i];
    if (!p->integer[i]) continue;
    if (n == t->def) own = made_format(p, t, n);
    for (int k = 0; k < n->n_in && !reader; k++)
      if (n->in[k] == t) reader = made_format(p, t, n);
  }
  return own ? own : reader ? reader : find_format("int8");
}

/* Scale and zero point that do not come from calibration. */
static bool fixed_quant(const Tensor *t, const Format *f, float *scale, int32_t *zero) {
  const Node *n = t->def;
  if (f->dtype == DT_I16) {
    *scale = 1.0f / (float)f->hi, *zero = 0;
    return is_op(n, "Softmax") || is_op(n, "Sigmoid") || is_op(n, "Tanh");
  }
  if (f->lo > INT8_MIN || has_floats(f)) return false; /* too few codes for such a scale, or floats */
  if (is_op(n, "Softmax") || is_op(n, "Sigmoid")) return *scale = 1.0f / 256, *zero = -128, true;
  if (is_op(n, "Tanh")) return *scale = 1.0f / 128, *zero = 0, true;
  if (is_op(n, "Dequantize") && !is_const(n->in[0]) && n->in[0]->quant->n == 1) {
    *scale = n->in[0]->quant->scale[0];
    *zero = n->in[0]->quant->zero[0] - (n->in[0]->dtype == DT_U8 ? 128 : 0);
    return true;
  }
  return false;
}

/* Are all values of the sets of a and b within what a fixed scale and zero point cover? */
static bool is_covered(Plan *p, const Tensor *a, const Tensor *b, const Format *f, float scale,
                       int32_t zero) {
  int x = find_set(p, a->id), y = find_set(p, b->id);
  float lo = (float)(f->lo - zero) * scale - scale, hi = (float)(f->hi - zero) * scale + scale;
  for (int i = 0; i < p->n_tensor; i++) {
    const Tensor *t = p->g->tensor[i];
    int set = find_set(p, i);
    if ((set == x || set == y) && t->has_range && (t->lo < lo || t->hi > hi)) return false;
  }
  return true;
}

/* The scale and zero point of a fixed member of t's set; false when there is none. */
static bool find_fixed(Plan *p, const Tensor *t, const Format *f, float *scale, int32_t *zero) {
  for (int i = 0; i < p->n_tensor; i++)
    if (find_set(p, i) == find_set(p, t->id) && fixed_quant(p->g->tensor[i], f, scale, zero))
      return true;
  return false;
}

/* Moves whose output has values that their first input does not have. */
static bool brings_values(const Node *n) { return is_op(n, "Concat") || is_op(n, "Pad"); }

static bool same_format(const Plan *p, const Tensor *x, const Tensor *y) {
  return format_of_codes(p, x) == format_of_codes(p, y);
}

/* May input x of such a move share the scale of its output y?  Not where a fixed scale of one of
 * them would clip the other, or differs from the other's: such an input is requantized. */
static bool may_share(Plan *p, const Tensor *x, const Tensor *y) {
  float sx, sy;
  int32_t zx, zy;
  const Format *f = format_of_codes(p, y);
  if (!same_format(p, x, y)) return false;
  bool fx = find_fixed(p, x, f, &sx, &zx), fy = find_fixed(p, y, f, &sy, &zy);
  if (fx && fy) return sx == sy && zx == zy;
  return (!fx || is_covered(p, x, y, f, sx, zx)) && (!fy || is_covered(p, x, y, f, sy, zy));
}

/* Tensors of one format that a move connects share a scale.  Those that bring values come last,
 * when the other sets are known. */
static void join_moves(Plan *p) {
  for (int i = 0; i < p->n_node; i++) {
    const Node *n = p->g->node[i];
    if (!p->integer[i] || !is_move(n) || brings_values(n)) continue;
    for (int k = 0; k < n->n_in; k++)
      if (is_real_input(n->in[k]) && same_format(p, n->in[k], n->out[0]))
        join(p, n->out[0], n->in[k]);
    for (int k = 1; k < n->n_out; k++)
      if (n->out[k]) join(p, n->out[0], n->out[k]);
  }
  for (int i = 0; i < p->n_node; i++) {
    const Node *n = p->g->node[i];
    for (int k = 0; p->integer[i] && brings_values(n) && k < n->n_in; k++)
      if (is_real_input(n->in[k]) && may_share(p, n->in[k], n->out[0]))
        join(p, n->out[0], n->in[k]);
  }
}

/* Codes of format f for a set: its range is the hull of its members'; a fixed member decides
 * alone. */
static QuantSpec *set_quant(Plan *p, int root, const Format *f) {
  Graph *g = p->g;
  Range r = {0, 0};
  QuantSpec *q = new_quant(g, f, -1, 0, 1);
  bool symmetric = f->dtype == DT_I16;
  for (int i = 0; i < p->n_tensor; i++) {
    const Tensor *t = g->tensor[i];
    if (find_set(p, i) != root || is_const(t) || t->dtype != DT_F32) continue;
    if (fixed_quant(t, f, &q->scale[0], &q->zero[0])) return q;
    ActChoice a = t->def ? act_choice(g, p->cx, t->def) : input_choice(g, p->cx, t);
    symmetric |= a.format && a.symmetric;
    if (!t->has_range) continue;
    r.lo = fminf(r.lo, t->lo);
    r.hi = fmaxf(r.hi, t->hi);
  }
  fit_scale(r, f, symmetric, &q->scale[0], &q->zero[0]);
  return q;
}

static bool used_by_integer(const Plan *p, const Tensor *t) {
  for (int i = 0; i < p->n_node; i++)
    for (int k = 0; p->integer[i] && k < p->node[i]->n_in; k++)
      if (p->node[i]->in[k] == t) return true;
  return false;
}

/* Makes integer nodes (all nodes when `everywhere`) read y instead of x, and graph outputs read
 * `codes`. */
static void redirect(Plan *p, Tensor *x, Tensor *y, Tensor *codes, bool everywhere) {
  for (int i = 0; i < p->n_node; i++)
    for (int k = 0; k < p->node[i]->n_in; k++)
      if (p->node[i]->in[k] == x && (everywhere || p->integer[i])) p->node[i]->in[k] = y;
  for (int i = 0; everywhere && i < p->g->n_out; i++)
    if (p->g->out[i] == x) p->g->out[i] = codes;
}

static Tensor *add_dequantize(Graph *g, int at, Tensor *codes, const char *base) {
  Tensor *y = new_tensor(g, fresh_name(g, base), DT_NONE, -1, NULL);
  infer_node(g, add_node(g, at, "Dequantize", y->name, 1, &codes, 1, &y));
  return y;
}

/* A graph input of floats becomes one of codes under the same name. */
static Tensor *quantize_input(Plan *p, Tensor *x, QuantSpec *q) {
  Graph *g = p->g;
  const char *name = x->name;
  x->name = fresh_name(g, arena_printf(g->arena, "%s_real", name));
  Tensor *codes = copy_tensor(g, name, x);
  codes->dtype = q->format->dtype;
  codes->quant = q;
  codes->has_range = false;
  codes->start = x->start;
  for (int i = 0; i < g->n_in; i++)
    if (g->in[i] == x) g->in[i] = codes;
  return codes;
}

/* y through Quantize and Dequantize of other codes, in front of node n or at once behind y. */
static Tensor *add_conversion(Graph *g, Tensor *y, QuantSpec *q, const Node *n, const char *name) {
  int at = node_index(g, n ? n : y->def) + !n;
  Tensor *codes = copy_tensor(g, fresh_name(g, name), y);
  codes->dtype = q->format->dtype;
  codes->quant = q;
  codes->has_range = false;
  add_node(g, at, "Quantize", codes->name, 1, &y, 1, &codes);
  return add_dequantize(g, at + 1, codes, arena_printf(g->arena, "%s_dq", codes->name));
}

/* Gives readers of y = Dequantize(codes) whose format is another than that of the codes theirs;
 * moves, which have a scale of their own then, see to it themselves. */
static void convert_formats(Plan *p, const Tensor *x, Tensor *y) {
  Graph *g = p->g;
  Tensor *last = y;
  for (int i = 0; i < p->n_node; i++) {
    Node *n = p->node[i];
    if (!p->integer[i] || is_move(n)) continue;
    for (int k = 0; k < n->n_in; k++) {
      if (n->in[k] != y) continue;
      const Format *f = static_format(p, n);
      if (f == y->def->in[0]->quant->format) continue;
      if (f != last->def->in[0]->quant->format)
        last = add_conversion(g, y, set_quant(p, find_set(p, x->id), f), NULL,
                              arena_printf(g->arena, "%s_%s", x->name, f->name));
      n->in[k] = last;
    }
  }
}

/* A state and its next value have the same codes, or are both real. */
static void join_states(Plan *p) {
  const Graph *g = p->g;
  for (int i = 0; i < g->n_state; i++) {
    const Tensor *in = g->in[n_inputs(g) + i], *out = g->out[n_outputs(g) + i];
    bool made = false;
    for (int k = 0; k < p->n_node; k++) made |= p->integer[k] && p->node[k] == out->def;
    if (made && used_by_integer(p, in) && !has_floats(format_of_codes(p, out)) && may_share(p, in, out))
      join(p, in, out);
    else p->real[in->id] = p->real[out->id] = true;
  }
}

static void insert_qdq(Plan *p, Tensor *x) {
  Graph *g = p->g;
  int index = -1;
  for (int i = 0; i < p->n_node && x->def; i++)
    if (p->node[i] == x->def) index = i;
  const Format *f = format_of_codes(p, x);
  bool made = index >= 0 && p->integer[index];
  bool real = has_floats(f) || p->real[x->id];
  if (real && is_graph_output(g, x)) made = false; /* the user gets real numbers */
  if (!made && !used_by_integer(p, x)) return;
  QuantSpec *q = set_quant(p, find_set(p, x->id), f);
  Tensor *codes;
  int at = x->def ? node_index(g, x->def) + 1 : 0;
  if (x->def || is_graph_output(g, x) || real) {
    bool is_output = is_graph_output(g, x) && made;
    const char *name = x->name;
    if (is_output) x->name = fresh_name(g, arena_printf(g->arena, "%s_real", name));
    codes =
        copy_tensor(g, is_output ? name : fresh_name(g, arena_printf(g->arena, "%s_q", name)), x);
    codes->dtype = q->format->dtype;
    codes->quant = q;
    codes->has_range = false;
    add_node(g, at++, "Quantize", fresh_name(g, arena_printf(g->arena, "%s_quantize", name)), 1, &x,
             1, &codes);
  } else {
    codes = quantize_input(p, x, q);
  }
  Tensor *y = add_dequantize(g, at, codes, arena_printf(g->arena, "%s_dq", codes->name));
  Node *own = at > 0 && codes->def ? codes->def : NULL;
  redirect(p, x, y, codes, made || !x->def);
  if (own) own->in[0] = x;
  convert_formats(p, x, y);
}

/* A constant operand of Add or Mul. */
static void quantize_operand(Plan *p, Node *n, int i) {
  Graph *g = p->g;
  const Tensor *c = n->in[i];
  Range r = {0, 0};
  for (int64_t k = 0; k < n_elements(c); k++) {
    r.lo = fminf(r.lo, floats_of(c)[k]);
    r.hi = fmaxf(r.hi, floats_of(c)[k]);
  }
  const Format *f = static_format(p, n);
  Tensor *codes = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_codes", c->name)), f->dtype,
                            c->rank, c->dim, arena_alloc(g->arena, 2 * n_elements(c) + 1));
  codes->quant = new_quant(g, f, -1, 0, 1);
  codes->layout = c->layout;
  fit_scale(r, f, f->dtype == DT_I16, &codes->quant->scale[0], &codes->quant->zero[0]);
  quantize_reals(codes, c->data, codes->data);
  set_input(
      g, n, i,
      add_dequantize(g, node_index(g, n), codes, arena_printf(g->arena, "%s_dq", codes->name)));
}

static bool same_quant(const QuantSpec *a, const QuantSpec *b) {
  return a->format == b->format && a->n == 1 && b->n == 1 && a->scale[0] == b->scale[0] &&
         a->zero[0] == b->zero[0];
}

/* Is there a correction that looks at the layer's outputs? */
static bool looks_at_outputs(const WeightChoice *w) { return w->correct > 0 && !w->by_weights; }

/* What is to be known of the inputs of a layer: for its solver, and for its bias. */
static int needs_of(const Context *cx, const Node *n, const WeightChoice *w) {
  if (attr_int(n, "transA", 0)) return NEEDS_NOTHING; /* its vectors are columns */
  bool means = policy_has(cx->policy, "transforms", "bias_correct");
  return find_solver(w->solver)->needs | outlier_needs(&w->outliers) |
         (means ? NEEDS_MEANS : NEEDS_NOTHING) |
         (w->clip || looks_at_outputs(w) ? NEEDS_HESSIAN : NEEDS_NOTHING);
}

/* Does something look at the inputs of layers?  Then there must be samples. */
static bool looks_at_samples(const Graph *g, const Context *cx) {
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    if (!has_real_weights(n)) continue;
    WeightChoice w = weight_choice(g, cx, n);
    if (!w.format || needs_of(cx, n, &w) == NEEDS_NOTHING) continue;
    const char *who = w.clip ? "transform 'awq'" : "transform 'bias_correct'";
    if (looks_at_outputs(&w)) who = "`lora: {correct: ...}` by outputs";
    if (outlier_needs(&w.outliers)) who = arena_printf(g->arena, "outlier rule '%s'", w.outliers.rule);
    if (find_solver(w.solver)->needs) who = arena_printf(g->arena, "solver '%s'", w.solver);
    need_samples(cx, w.loc, who, n->name);
    return true;
  }
  return false;
}

/* What needs_of() says; NULL where that is nothing.  Nodes in a row that multiply the same vectors
 * share it. */
static const Moments *moments_for(Plan *p, const Node *n, const WeightChoice *w) {
  int needs = needs_of(p->cx, n, w);
  if (needs == NEEDS_NOTHING) return NULL;
  if (p->moments != NULL && p->moments->what == needs && same_vectors(p->moments_of, n))
    return p->moments;
  free_moments(p->moments);
  p->moments = collect_moments(p->g, n, p->exact, p->cx, needs);
  p->moments_of = n;
  return p->moments;
}

/* Rounds no worse than it has to: products of low rank beside n, whose real input is x, and the means of its
 * outputs in its bias. */
static void correct_node(Plan *p, Node *n, bool integer, Tensor *x, const WeightChoice *w,
                         const Node *decoder, const Moments *moments) {
  LowRankPair beside = {0};
  const char *no = integer                           ? "its outputs are codes of scales known before"
                   : attr_int(n, "group", 1) > 1     ? "it is a convolution with groups"
                   : attr_int(n, "transA", 0)        ? "its inputs are transposed"
                   : is_op(n, "Gemm") && !attr_int(n, "transB", 0) ? "its weights are transposed"
                                                     : NULL;
  if (w->correct > 0 && no == NULL) beside = correct_weights(p->g, n, x, decoder, w, moments);
  else if (w->correct > 0) add_note(p->cx, n->name, "no products beside its weights: %s", no);
  if (moments != NULL && moments->mean != NULL) correct_bias(p->g, n, decoder, &beside, moments);
}

/* real: the node's input before that got codes with scales of run time. */
static void quantize_node_weights(Plan *p, Node *n, bool integer, Tensor *real) {
  Graph *g = p->g;
  WeightChoice w = weight_choice(g, p->cx, n);
  if (!w.format) return;
  if (needs_of(p->cx, n, &w) == NEEDS_NOTHING && find_solver(w.solver)->needs) {
    add_note(p->cx, n->name, "its weights are chosen by mse: %s does not look at transposed inputs",
             w.solver);
    w.solver = "mse";
  }
  if (attr_int(n, "transA", 0)) w.outliers.rate = 0;
  /* The scale of the activation: its Dequantize is already there when the node is an integer
   * one. */
  const Node *dq = integer ? n->in[0]->def : NULL;
  LayerInput x = {.scale = is_op(dq, "Dequantize") ? dq->in[0]->quant->scale[0] : 1,
                  .bias = integer && n->n_in > 2 && n->in[2] ? n->in[2]->data : NULL,
                  .moments = moments_for(p, n, &w)};
  const char *note;
  Tensor *beside[3] = {NULL}, *codes = quantize_weights(g, n->in[1], &w, &x, beside, &note);
  if (note) add_note(p->cx, n->name, "%s", note);
  const char *name = arena_printf(g->arena, "%s_dq", codes->name);
  Tensor *decoded = add_dequantize(g, node_index(g, n), codes, name);
  for (int i = 0; i < 3 && beside[i]; i++) set_input(g, decoded->def, 1 + i, beside[i]);
  correct_node(p, n, integer, real, &w, decoded->def, x.moments);
  if (w.compact || (!w.fast && p->cx->target && p->cx->target->is_small))
    set_int(g, n, "compact", 1);
  int64_t dense = (n_elements(codes) * w.format->bits + 7) / 8;
  if ((w.sparsity > 0 || w.keep > 0) && sparse_bytes(codes) < dense) set_int(g, n, "sparse", 1);
  set_input(g, n, 1, decoded);
}

/* Lowering takes what stands between Dequantize and Quantize for an integer operator; a node
 * that the policy keeps in float must say so. */
static void mark_islands(Plan *p) {
  for (int i = 0; i < p->n_node; i++) {
    Node *n = p->node[i];
    if (p->integer[i] || n->n_out < 1 || !n->out[0] || !used_by_integer(p, n->out[0])) continue;
    if (!is_move(n) && !p->raw[i] && !static_format(p, n))
      set_int(p->g, n, "keep_float", 1);
  }
}

/* Inputs of a move that do not share the scale of its output get it in front of the node: of a
 * Concat or Pad, or of one whose format is not that of its input. */
static void requantize_inputs(Plan *p, Node *n) {
  Graph *g = p->g;
  Node *quantize = only_user(g, n->out[0]);
  if (!is_op(quantize, "Quantize")) return;
  Tensor *y = quantize->out[0];
  for (int i = 0; i < n->n_in; i++) {
    Tensor *x = n->in[i];
    if (!x || !is_op(x->def, "Dequantize") || same_quant(x->def->in[0]->quant, y->quant)) continue;
    set_input(g, n, i,
              add_conversion(g, x, y->quant, n, arena_printf(g->arena, "%s_rescaled", x->name)));
  }
}

void pass_quantize(Graph *g, Context *cx) {
  Plan p = {.g = g, .cx = cx, .n_node = g->n_node, .n_tensor = g->n_tensor};
  p.integer = arena_alloc(g->arena, g->n_node + 1);
  p.raw = arena_alloc(g->arena, g->n_node + 1);
  p.dynamic = arena_alloc(g->arena, g->n_node + 1);
  p.most = arena_alloc(g->arena, (g->n_node + 1) * (int64_t)sizeof *p.most);
  p.real = arena_alloc(g->arena, g->n_tensor + 1);
  p.set = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *p.set);
  p.node = arena_alloc(g->arena, (g->n_node + 1) * (int64_t)sizeof *p.node);
  memcpy(p.node, g->node, (size_t)g->n_node * sizeof *p.node);
  for (int i = 0; i < g->n_tensor; i++) p.set[i] = i;
  if (looks_at_samples(g, cx)) p.exact = clone_graph(g);
  find_raw_chain(&p);
  for (int i = 0; i < p.n_node; i++) p.integer[i] = !p.raw[i] && wants_integer(&p, p.node[i]);
  for (int i = 0; i < p.n_node; i++) p.dynamic[i] = wants_dynamic(&p, p.node[i]);
  measure_columns(&p);
  settle_moves(&p);
  join_moves(&p);
  join_states(&p);
  mark_islands(&p);
  for (int i = 0; i < p.n_tensor; i++) {
    Tensor *x = g->tensor[i];
    if (is_const(x) || x->dtype != DT_F32) continue;
    insert_qdq(&p, x);
  }
  for (int i = 0; i < p.n_node; i++) {
    Node *n = p.node[i];
    if (p.integer[i] && is_move(n)) requantize_inputs(&p, n);
    Tensor *real = n->n_in > 0 ? n->in[0] : NULL;
    if (p.dynamic[i]) make_dynamic(&p, i);
    if (has_real_weights(n)) quantize_node_weights(&p, n, p.integer[i], real);
    for (int k = 0; p.integer[i] && !is_unary(n) && (is_op(n, "Add") || is_op(n, "Mul")) && k < 2;
         k++)
      if (is_float_const(n->in[k])) quantize_operand(&p, n, k);
  }
  free_moments(p.moments);
}
