/* reduce_pool.c - average pools, Softmax, and operators that only move elements. */
#include <math.h>
#include <string.h>

#include "passes/lower/lower.h"

/* Valid taps of the window at every output position: the smallest and largest number. */
static void count_taps(const Window *w, int64_t *least, int64_t *most) {
  *least = *most = 1;
  for (int d = 0; d < w->spatial; d++) {
    int64_t lo = w->kernel[d], hi = 0;
    for (int64_t o = 0; o < w->out[d]; o++) {
      int64_t n = 0;
      for (int64_t k = 0; k < w->kernel[d]; k++) {
        int64_t i = o * w->stride[d] - w->pad[d] + k * w->dilation[d];
        n += i >= 0 && i < w->in[d];
      }
      if (n < lo) lo = n;
      if (n > hi) hi = n;
    }
    *least *= lo;
    *most *= hi;
  }
}

bool lower_average_pool(Graph *g, Context *cx, Node *n, Node *quantize) {
  Tensor *x = codes_of(n->in[0]), *y = quantize->out[0];
  if (!x || x->dtype != y->dtype) return false;
  Window w;
  get_window(n, n->in[0], NULL, &w);
  int64_t least, most, taps = 1, pads[6], padded = 0;
  for (int d = 0; d < w.spatial; d++) {
    taps *= w.kernel[d];
    pads[d] = w.pad[d], pads[w.spatial + d] = w.pad_end[d];
    padded += w.pad[d] + w.pad_end[d];
  }
  count_taps(&w, &least, &most);
  bool count_pad = attr_int(n, "count_include_pad", 0) && padded;
  /* With padding counted and windows cut by ceil_mode the divisor has a third form: not in
   * integers. */
  if (least < 1 || (count_pad && attr_int(n, "ceil_mode", 0))) return false;
  int64_t count = count_pad || least == most ? 1 : taps;
  double *scale = arena_alloc(g->arena, count * (int64_t)sizeof *scale);
  for (int64_t i = 0; i < count; i++)
    scale[i] = scale_of(x) / scale_of(y) / (double)(count == 1 ? (count_pad ? taps : most) : i + 1);
  int32_t *m = arena_alloc(g->arena, count * 4), lo, hi;
  int shift = 0;
  bool real = wants_float(cx, y);
  double bound = largest_code(x) * (double)taps;
  if (real) pick_bits(count, scale, m);
  if (bound > INT32_MAX || (!real && !pick_rescale(y, count, scale, bound, m, &shift))) return false;
  Tensor *mt =
      new_const(g, fresh_name(g, arena_printf(g->arena, "%s_m", n->name)), DT_I32, 1, &count, m);
  clamp_codes(n, y, &lo, &hi);
  int64_t ceil_mode = attr_int(n, "ceil_mode", 0);
  Node *q = replace_by(g, n, quantize, "QAveragePool", 2, (Tensor *[]){x, mt});
  set_ints(g, q, "kernel_shape", w.spatial, w.kernel);
  set_ints(g, q, "strides", w.spatial, w.stride);
  set_ints(g, q, "dilations", w.spatial, w.dilation);
  set_ints(g, q, "pads", 2 * w.spatial, pads);
  if (ceil_mode) set_int(g, q, "ceil_mode", 1);
  set_int(g, q, "x_zero", zero_of(x));
  if (real) set_str(g, q, "rule", "float");
  set_rescale(g, q, shift, zero_of(y), lo, hi);
  return true;
}

/* Only along the last dimension. */
bool lower_softmax(Graph *g, Context *cx, Node *n, Node *quantize) {
  (void)cx;
  Tensor *x = codes_of(n->in[0]), *y = quantize->out[0];
  int64_t axis = attr_int(n, "axis", -1);
  if (attr_int(n, "flat", 0) || (axis != -1 && axis != n->in[0]->rank - 1)) return false;
  if (!x || x->dtype != DT_I8 || y->dtype != DT_I8) return false;
  /* Somebody else's scale of y; 12 bits are left for e then, at least. */
  bool scaled = scale_of(y) != 1.0 / 256 || zero_of(y) != -128;
  if (scaled && scale_of(y) < 0x1p-19) return false;
  int64_t count = x->dim[x->rank - 1], entries = scaled ? 512 : 256;
  int bits = 31;
  while (bits > 0 && ((int64_t)1 << (31 - bits)) < count) bits--;
  if (bits > 23) bits = 23;
  while (scaled && bits > 0 && ldexp(1 / scale_of(y), bits) > 0x1p31) bits--;
  uint32_t *table = arena_alloc(g->arena, entries * 4);
  for (int d = 0; d < 256; d++) {
    double e = exp(-d * scale_of(x)) * ldexp(1, bits);
    table[d] = (uint32_t)rint(e);
    if (scaled) table[256 + d] = (uint32_t)rint(e / scale_of(y));
  }
  Tensor *t = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_exp", n->name)), DT_U32, 1,
                        &entries, table);
  int32_t zero = zero_of(y);
  Node *q = replace_by(g, n, quantize, "QSoftmax", 2, (Tensor *[]){x, t});
  if (scaled) set_int(g, q, "y_zero", zero);
  return true;
}

static bool same_scale(const Tensor *a, const Tensor *b) {
  return a->dtype == b->dtype && a->quant->scale[0] == b->quant->scale[0] &&
         a->quant->zero[0] == b->quant->zero[0];
}

/* A constant as codes of y's scale. */
static Tensor *const_codes(Graph *g, const Tensor *t, const Tensor *y) {
  Tensor *codes = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_codes", t->name)), y->dtype,
                            t->rank, t->dim, arena_alloc(g->arena, 2 * n_elements(t) + 1));
  codes->layout = t->layout;
  codes->quant = y->quant;
  quantize_reals(codes, t->data, codes->data);
  return codes;
}

/* The operator itself, on codes: every float input and output has the same quantization.  Inputs
 * behind the first are parameters, but for those of Concat. */
bool lower_move(Graph *g, Context *cx, Node *n, Node *quantize) {
  (void)cx;
  const Tensor *y = quantize->out[0];
  bool pad = is_op(n, "Pad"), concat = is_op(n, "Concat");
  for (int i = 0; i < n->n_in; i++) {
    Tensor *t = n->in[i];
    if (!t || t->dtype != DT_F32 || (is_const(t) && (concat || i > 0))) continue;
    if (!codes_of(t) || !same_scale(codes_of(t), y)) return false;
  }
  for (int i = 0; i < n->n_out; i++) {
    Node *q = n->out[i] ? only_user(g, n->out[i]) : NULL;
    if (n->out[i] &&
        (!is_op(q, "Quantize") || !same_scale(q->out[0], y) || is_graph_output(g, n->out[i])))
      return false;
  }
  for (int i = 0; i < n->n_in; i++) {
    Tensor *t = n->in[i];
    if (!t || t->dtype != DT_F32) continue;
    if (codes_of(t)) set_input(g, n, i, codes_of(t));
    else if (concat) set_input(g, n, i, const_codes(g, t, y));
  }
  if (pad && strcmp(attr_str(n, "mode", "constant"), "constant") == 0) {
    Tensor *code = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_value", n->name)), y->dtype,
                             0, NULL, arena_alloc(g->arena, dtype_bytes(y->dtype)));
    code->quant = y->quant;
    float value = n->n_in > 2 && n->in[2] ? ((const float *)n->in[2]->data)[0] : 0;
    quantize_reals(code, &value, code->data);
    code->quant = NULL;
    set_input(g, n, 2, code);
  }
  for (int i = 0; i < n->n_out; i++) {
    if (!n->out[i]) continue;
    Node *q = only_user(g, n->out[i]);
    Tensor *codes = q->out[0];
    q->out[0]->def = NULL, q->out[0] = NULL;
    remove_node(g, q);
    n->out[i]->def = NULL;
    n->out[i] = codes;
    codes->def = n;
  }
  return true;
}
