/* qdq.c - a model that is quantized already keeps its codes: QuantizeLinear and DequantizeLinear
 * become our Quantize and Dequantize, from which lowering makes integer operators as it does of
 * what we quantize ourselves.  Nothing is calibrated, and no policy is needed.
 *
 *   q = QuantizeLinear(x, s, 128) uint8;  y = DequantizeLinear(q, s, 128)
 *   ==>  q int8 = Quantize(x);  y = Dequantize(q)               quant=int8(scale=s, zero=0)
 *   w = DequantizeLinear(codes int8, s)
 *   ==>  const float w = {...}                                  quant=int8(scale=s)
 *
 * What an importer has to emit, in either form:
 *
 *   - Around activations QuantizeLinear and DequantizeLinear with constant scale and zero point (a
 *     single one each), or Quantize whose output has a QuantSpec (format int8, or int16 with zero point
 *     0) and Dequantize.  An input or output of the graph may be int8 or uint8 codes.
 *   - For weights DequantizeLinear of constant codes of 2, 4 or 8 bits, with scales for the tensor, along an
 *     axis or in blocks, or Dequantize of a constant with a QuantSpec; any zero points.
 *   - For a bias DequantizeLinear of int32 codes whose scale is that of the input times that of the weights; it
 *     becomes a constant of floats, and lowering rounds it back to the same codes.
 *   - Operators are ONNX's float operators, with or without activations behind them.
 *
 * Weights become floats that remember in their QuantSpec which codes they are, so that all
 * simplifying passes treat them as any weights; `codes` makes codes of them again.  Codes are
 * kept without zero point, in the narrowest format that has them, or with it where a layer finds the scale of its
 * input at run time (integers.c).  uint8 and narrower activations become int8
 * by another zero point; those that use fewer codes are clipped before.  A Clip of codes (2 to 8 bits
 * written as int8) becomes a Clip of the reals before them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/functions.h"
#include "passes/import/import.h"
#include "passes/quant/quant.h"
#include "passes/simplify/simplify.h"

/* ---- constants */

static bool has_constant_inputs(const Node *n) {
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && !is_const(n->in[i])) return false;
  return true;
}

/* The narrowest format that has the codes from lo to hi. */
static const Format *narrowest_format(double lo, double hi) {
  static const char *const names[] = {"int2", "int4", "int8"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const Format *f = find_format(names[i]);
    if (lo >= f->lo && hi <= f->hi) return f;
  }
  return NULL;
}

/* Where the scales of a DequantizeLinear are: QuantSpec's axis and group.  False where a QuantSpec cannot
 * say it: blocks of tensors that have more than two dimensions. */
static bool find_axis(const Node *n, int *axis, int64_t *group) {
  const Tensor *x = n->in[0], *scale = n->in[1];
  int64_t block = attr_int(n, "block_size", 0), at = attr_int(n, "axis", 1);
  *axis = -1, *group = 0;
  if (n_elements(scale) == 1 && block == 0) return true;
  int along = (int)(at < 0 ? at + x->rank : at);
  if (block == 0) return *axis = along, true;
  int channel = along == 0 ? 1 : 0;
  for (int d = 0; d < x->rank; d++) {
    if (d == along || x->dim[d] == 1) continue;
    if (*axis >= 0) return false;
    *axis = channel = d;
  }
  if (x->rank < 2) return false;
  return *axis = channel, *group = block, true;
}

/* scale[i] of the QuantSpec stands where in the scales of a DequantizeLinear? */
static int64_t scale_place(const Node *n, const QuantSpec *q, int64_t i) {
  if (q->group == 0) return i;
  int64_t at = attr_int(n, "axis", 1), channels = n->in[0]->dim[q->axis], groups = q->n / channels;
  int along = (int)(at < 0 ? at + n->in[0]->rank : at);
  return along > q->axis ? i : i % groups * channels + i / groups;
}

/* The quantization of the constant that a DequantizeLinear decodes, with the format's zero points as
 * they are in the model; NULL where a QuantSpec cannot say it. */
static QuantSpec *linear_quant(Graph *g, const Node *n, int64_t *zero) {
  const Tensor *x = n->in[0], *scale = n->in[1], *z = n->n_in > 2 ? n->in[2] : NULL;
  int axis;
  int64_t group;
  if (scale->dtype != DT_F32 || !find_axis(n, &axis, &group)) return NULL;
  QuantSpec *q = new_quant(g, format_of(DT_I8), axis, group, n_elements(scale));
  for (int64_t i = 0; i < q->n; i++) {
    int64_t k = scale_place(n, q, i);
    q->scale[i] = ((const float *)scale->data)[k];
    if (!(q->scale[i] > 0) || isinf(q->scale[i])) return NULL;
    if (z && !dtype_is_int(x->dtype) && get_real(z->dtype, z->data, k) != 0) return NULL;
    zero[i] = z && dtype_is_int(x->dtype) ? get_int(x->dtype, z->data, k) : 0;
  }
  return q;
}

/* Chooses the format for the codes of `x` less their zero points; NULL: there is none. */
static const Format *format_for(const Tensor *x, const QuantSpec *q, const int64_t *zero) {
  if (x->dtype == DT_F8E4M3 || x->dtype == DT_F8E5M2) {
    for (int64_t i = 0; i < n_elements(x); i++)
      if (!isfinite(get_real(x->dtype, x->data, i))) return NULL;
    return find_format(x->dtype == DT_F8E4M3 ? "fp8_e4m3" : "fp8_e5m2");
  }
  if (!dtype_is_int(x->dtype) || dtype_bits(x->dtype) > 8) return NULL;
  double lo = 0, hi = 0;
  for (int64_t i = 0; i < n_elements(x); i++) {
    double code = (double)(get_int(x->dtype, x->data, i) - zero[scale_index(x, q, i)]);
    lo = fmin(lo, code);
    hi = fmax(hi, code);
  }
  return narrowest_format(lo, hi);
}

/* Codes of 8 bits for layers that know zero points of weights (integers.c); uint8 codes are 128 less. */
static void keep_zero_points(const Tensor *x, QuantSpec *q, const int64_t *zero) {
  q->format = format_of(DT_I8);
  for (int64_t i = 0; i < q->n; i++) q->zero[i] = (int32_t)zero[i] - (x->dtype == DT_U8 ? 128 : 0);
}

/* What y, decoded from n's constant, remembers; NULL: nothing. */
static QuantSpec *remembered(Graph *g, const Node *n) {
  const Tensor *x = n->in[0];
  QuantSpec *q = x->quant, *own = NULL;
  int64_t *zero = NULL;
  if (is_op(n, "DequantizeLinear")) {
    zero = arena_alloc(g->arena, n_elements(n->in[1]) * (int64_t)sizeof *zero + 1);
    own = linear_quant(g, n, zero);
  } else if (q && !q->multiple && !q->book && n->n_in == 1) {
    own = new_quant(g, q->format, q->axis, q->group, q->n);
    memcpy(own->scale, q->scale, (size_t)q->n * sizeof *own->scale);
    zero = arena_alloc(g->arena, q->n * (int64_t)sizeof *zero + 1);
    for (int64_t i = 0; i < q->n; i++) zero[i] = q->zero[i];
  }
  if (!own) return NULL;
  own->format = format_for(x, own, zero);
  if (!own->format && attr_int(n, "keep_zero", 0)) keep_zero_points(x, own, zero);
  return own->format ? own : NULL;
}

/* Codes of a bias that a float32 cannot tell from their neighbours, once their scale is rounded, too. */
static bool is_too_long(const Tensor *codes) {
  if (codes->dtype != DT_I32) return false;
  for (int64_t i = 0; i < n_elements(codes); i++)
    if (llabs(get_int(DT_I32, codes->data, i)) >= 1 << 21) return true;
  return false;
}

/* Decodes and encodes constants; decoded codes remember them. */
static bool fold_codes(Graph *g, Node *n) {
  bool decodes = is_op(n, "DequantizeLinear") || is_op(n, "Dequantize");
  if ((!decodes && !is_op(n, "QuantizeLinear")) || !has_constant_inputs(n)) return false;
  Tensor *y = n->out[0];
  if (is_graph_output(g, y) || n_elements(y) < 0 || (is_op(n, "Dequantize") && is_too_long(n->in[0]))) return false;
  Tensor *c = new_const(g, fresh_name(g, y->name), y->dtype, y->rank, y->dim,
                        arena_alloc(g->arena, tensor_bytes(y) + 1));
  c->layout = y->layout;
  eval_constants(n, (void *[]){c->data});
  set_origin(c, decodes ? n->in[0] : y);
  if (decodes && c->dtype == DT_F32) c->quant = remembered(g, n);
  replace_uses(g, y, c);
  remove_node(g, n);
  return true;
}

/* Also what depends on them, such as the Clip of codes, and the decoding of what that gives. */
static bool fold_all_codes(Graph *g) {
  bool folded = false;
  for (bool again = true; again; folded |= again) {
    again = false;
    for (int i = 0; i < g->n_node; i++)
      if (fold_codes(g, g->node[i])) again = true, i--;
    if (again) fold_constants(g);
  }
  return folded;
}

/* ---- activations */

/* The single constant scale and zero point of a QuantizeLinear or DequantizeLinear. */
static bool read_scale(const Node *n, DType codes, float *scale, int64_t *zero) {
  const Tensor *s = n->in[1], *z = n->n_in > 2 ? n->in[2] : NULL;
  if (!is_const(s) || s->dtype != DT_F32 || n_elements(s) != 1 || (z && !is_const(z))) return false;
  *scale = ((const float *)s->data)[0];
  *zero = z && dtype_is_int(codes) ? get_int(codes, z->data, 0) : 0;
  return *scale > 0 && !isinf(*scale);
}

/* Our quantization for activations of such codes: int8, or int16; NULL where neither has the zero
 * point. */
static QuantSpec *activation_quant(Graph *g, DType codes, float scale, int64_t zero) {
  bool narrow = dtype_is_int(codes) && dtype_bits(codes) <= 8;
  if (!narrow && (codes != DT_I16 || zero != 0)) return NULL;
  QuantSpec *q = new_quant(g, format_of(narrow ? DT_I8 : DT_I16), -1, 0, 1);
  q->scale[0] = scale;
  q->zero[0] = (int32_t)(codes == DT_U8 ? zero - 128 : zero);
  return q;
}

/* x clipped to the reals of the codes lo to hi. */
static Tensor *clipped(Graph *g, int *at, Tensor *x, const char *base, const QuantSpec *q, double lo, double hi) {
  Tensor *low = new_scalar_f32(g, fresh_name(g, arena_printf(g->arena, "%s_lo", base)),
                               (float)((lo - q->zero[0]) * (double)q->scale[0])),
         *high = new_scalar_f32(g, fresh_name(g, arena_printf(g->arena, "%s_hi", base)),
                                (float)((hi - q->zero[0]) * (double)q->scale[0]));
  return add_op(g, (*at)++, "Clip", fresh_name(g, arena_printf(g->arena, "%s_clip", base)), 3,
                (Tensor *[]){x, low, high});
}

static bool same_scale_as(const Node *q, const Node *d) {
  float a, b;
  int64_t za, zb;
  DType t = q->out[0]->dtype;
  return read_scale(q, t, &a, &za) && read_scale(d, t, &b, &zb) && a == b && za == zb &&
         d->out[0]->dtype == DT_F32;
}

/* The constant bound i of a Clip of codes, or `otherwise`. */
static bool read_code_bound(const Node *clip, int i, double *bound) {
  const Tensor *t = clip->n_in > i ? clip->in[i] : NULL;
  if (!t) return true;
  if (!is_const(t) || n_elements(t) != 1) return false;
  *bound = get_real(t->dtype, t->data, 0);
  return true;
}

/* The codes that are used, by their type and a Clip behind it, whose output then stands for y. */
static Node *narrow_codes(const Graph *g, Tensor *y, double *lo, double *hi) {
  float least, most;
  code_limits(y->dtype, &least, &most);
  *lo = (double)least, *hi = (double)most;
  Node *clip = only_user(g, y);
  double low = *lo, high = *hi;
  if (!is_op(clip, "Clip") || is_graph_output(g, y) || clip->in[0] != y || !read_code_bound(clip, 1, &low) ||
      !read_code_bound(clip, 2, &high) || low > high)
    return NULL;
  *lo = fmax(*lo, low), *hi = fmin(*hi, high);
  return clip;
}

/* A move of codes moves the reals: y = Move(q) ==> y = QuantizeLinear(Move(DequantizeLinear(q))). */
static void move_reals(Graph *g, Node *quantize, Node *move) {
  Tensor *q = quantize->out[0], *y = move->out[0], *real = NULL;
  int at = node_index(g, move);
  Tensor *in[3] = {q, quantize->in[1], quantize->n_in > 2 ? quantize->in[2] : NULL};
  real = add_op(g, at, "DequantizeLinear", fresh_name(g, arena_printf(g->arena, "%s_real", q->name)),
                quantize->n_in, in);
  set_input(g, move, 0, real);
  Tensor *moved = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_real", y->name)), y);
  moved->dtype = DT_F32;
  y->def = NULL, move->out[0] = moved, moved->def = move;
  in[0] = moved;
  Node *again = add_node(g, at + 2, "QuantizeLinear", fresh_name(g, arena_printf(g->arena, "%s_quantize", y->name)),
                         quantize->n_in, in, 1, &y);
  again->loc = move->loc;
  infer_node(g, again);
}

/* Moves of one tensor of codes, which the model may have between its two sides. */
static bool moves_codes(const Node *n, const Tensor *q) {
  return is_move(n) && n->n_out == 1 && n->in[0] == q && !is_op(n, "Concat") && !is_op(n, "Pad");
}

/* The codes get a tensor of ours, from which whoever reads the model's reads on: DequantizeLinear becomes
 * Dequantize, and for others the model's node makes the model's codes of ours. */
static bool import_quantize(Graph *g, Node *n) {
  Tensor *x = n->in[0], *y = n->out[0];
  float scale;
  int64_t zero;
  if (!is_op(n, "QuantizeLinear") || x->dtype != DT_F32 || is_const(x) ||
      !dtype_is_int(y->dtype) || !read_scale(n, y->dtype, &scale, &zero))
    return false;
  QuantSpec *q = activation_quant(g, y->dtype, scale, zero);
  const Tensor *own = activation_codes(x);
  if (!q || (own && equal_quant(own->quant, q))) return false;
  for (int i = 0; i < g->n_node; i++)
    if (moves_codes(g->node[i], y)) move_reals(g, n, g->node[i]);
  double lo, hi;
  Node *clip = narrow_codes(g, y, &lo, &hi);
  int at = node_index(g, n), shift = y->dtype == DT_U8 ? 128 : 0;
  lo -= shift, hi -= shift;
  if (q->format->dtype == DT_I8 && (lo > q->format->lo || hi < q->format->hi))
    x = clipped(g, &at, x, y->name, q, lo, hi);
  Tensor *real = add_rounding(g, at, x, q, arena_printf(g->arena, "%s_codes", y->name));
  Node *quantize = real->def->in[0]->def;
  real->def->loc = quantize->loc = n->loc;
  set_int(g, quantize, "imported", 1); /* for lowering */
  set_input(g, n, 0, real);
  if (clip) replace_uses(g, clip->out[0], y), remove_node(g, clip);
  for (int i = 0; i < g->n_node; i++) {
    Node *d = g->node[i];
    if (!is_op(d, "DequantizeLinear") || d->in[0] != y || !same_scale_as(n, d)) continue;
    int before = g->n_node;
    bypass(g, d, real);
    i -= before - g->n_node;
  }
  return true;
}

/* Codes that are an input of the graph. */
static bool import_input(Graph *g, Node *n) {
  Tensor *x = n->in[0], *y = n->out[0];
  float scale;
  int64_t zero;
  if (!is_op(n, "DequantizeLinear") || x->def || is_const(x) || (x->dtype != DT_I8 && x->dtype != DT_U8) ||
      y->dtype != DT_F32 || !read_scale(n, x->dtype, &scale, &zero))
    return false;
  QuantSpec *q = new_quant(g, format_of(x->dtype), -1, 0, 1);
  q->scale[0] = scale, q->zero[0] = (int32_t)zero;
  if (x->quant && !equal_quant(x->quant, q)) return false;
  x->quant = q;
  int at = node_index(g, n);
  y->def = NULL, n->out[0] = NULL;
  bool shifted = x->dtype == DT_U8;
  Tensor *real = shifted ? copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_real", x->name)), y) : y;
  Node *d = add_node(g, at, "Dequantize", n->name, 1, &x, 1, &real);
  d->loc = n->loc;
  remove_node(g, n);
  if (!shifted) return true;
  Tensor *codes = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_codes", x->name)), x);
  codes->dtype = DT_I8, codes->quant = activation_quant(g, DT_U8, scale, zero);
  add_node(g, at + 1, "Quantize", codes->name, 1, &real, 1, &codes)->loc = d->loc;
  add_node(g, at + 2, "Dequantize", fresh_name(g, y->name), 1, &codes, 1, &y)->loc = d->loc;
  return true;
}

/* The others are computed as they stand, on whole elements. */
static bool expand_at_run_time(Graph *g) {
  bool changed = false;
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    if (!is_op(n, "DequantizeLinear") && !is_op(n, "QuantizeLinear")) continue;
    if (n_elements(n->out[0]) < 0) continue;
    set_int(g, n, "run_time", 1);
    if (expand_function(g, n)) changed = true, i--;
  }
  return changed;
}

void pass_import(Graph *g, Context *cx) {
  (void)cx;
  bool changed = fold_all_codes(g);
  for (int i = 0; i < g->n_node; i++)
    if (import_quantize(g, g->node[i]) || import_input(g, g->node[i])) {
      changed = true;
      i = -1;
    }
  if (changed) {
    remove_dead(g);
    pool_means(g);
    free_moves(g);
  }
  if (expand_at_run_time(g)) fold_constants(g);
}
