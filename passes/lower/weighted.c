/* weighted.c - Conv and Gemm with weight codes become QConv and QGemm: the input's zero point
 * goes into the bias, the three scales into one multiplier per output channel, Relu and Clip
 * into the clamp.  The accumulator's bound is taken from the actual weights; where that of int16
 * activations needs more than 32 bits the node gets the attribute `wide`. */
#include <math.h>
#include <string.h>

#include "passes/lower/lower.h"
#include "passes/simplify/simplify.h"

typedef struct Channel {
  double sum;       /* of weights times multiples: what a unit of zero point adds */
  double bound;     /* largest |sum of w * x| over all codes x */
} Channel;

static Channel sum_channel(const Tensor *x, const Tensor *w, int64_t c, int64_t row) {
  const QuantSpec *q = w->quant;
  const int8_t *v = (const int8_t *)w->data + c * row;
  int64_t groups = q->group ? (row + q->group - 1) / q->group : 1;
  Channel r = {0, 0};
  double low = 0, high = 0, most = x->dtype == DT_I16 ? INT16_MAX : INT8_MAX, least = -most - 1;
  for (int64_t i = 0; i < row; i++) {
    double k = q->multiple ? q->multiple[c * groups + i / q->group] : 1;
    r.sum += v[i] * k;
    low += k * (v[i] > 0 ? v[i] * least : v[i] * most);
    high += k * (v[i] > 0 ? v[i] * most : v[i] * least);
  }
  r.bound = fmax(-low, high);
  return r;
}

double largest_sum(const Tensor *x, const Tensor *w, int64_t c, int64_t row) {
  return sum_channel(x, w, c, row).bound;
}

double largest_shifted_sum(const Tensor *w, int64_t c) {
  const QuantSpec *q = w->quant;
  int64_t row = n_elements(w) / w->dim[0], groups = q->group ? (row + q->group - 1) / q->group : 1;
  int32_t zero = q->group == 0 ? q->zero[q->n > 1 ? c : 0] : 0;
  double sum = zero ? 128.0 * 128 * (double)row : 0;
  for (int64_t i = 0; i < row; i++)
    sum += 255 * fabs((double)(((const int8_t *)w->data)[c * row + i] - zero)) *
           (q->multiple ? q->multiple[c * groups + i / q->group] : 1);
  return sum;
}

/* Adds what lies beside the codes, d the Dequantize that decodes them. */
static void sum_beside(const Tensor *x, const Node *d, Channel *channel) {
  if (!outlier_input(d)) return;
  const void *in[4];
  for (int i = 0; i < d->n_in; i++) in[i] = d->in[i]->data;
  OutlierRows s = get_outliers(d, in);
  double most = x->dtype == DT_I16 ? 32768 : 128;
  for (int64_t c = 0, at = 0; c < s.rows; c++)
    for (int64_t i = 0; i < s.count[c]; i++, at++) {
      channel[c].sum += s.value[at];
      channel[c].bound += fabs((double)s.value[at]) * most;
    }
}

double weight_scale(const QuantSpec *q, int64_t c) {
  if (q->channel_scale) return q->channel_scale[q->axis < 0 ? 0 : c];
  return q->scale[q->axis < 0 ? 0 : c];
}

Tensor *weight_multiples(Graph *g, const char *name, const Tensor *w) {
  if (!w->quant->multiple) return NULL;
  int64_t dim[2] = {w->dim[0], w->quant->n / w->dim[0]};
  return new_const(g, fresh_name(g, arena_printf(g->arena, "%s_multiple", name)), DT_U8, 2, dim,
                   w->quant->multiple);
}

/* Conv's window as explicit attributes. */
static void copy_window(Graph *g, Node *q, const Window *w) {
  int64_t pads[6];
  for (int i = 0; i < w->spatial; i++) pads[i] = w->pad[i], pads[w->spatial + i] = w->pad_end[i];
  set_int(g, q, "group", w->group);
  set_ints(g, q, "strides", w->spatial, w->stride);
  set_ints(g, q, "pads", 2 * w->spatial, pads);
  set_ints(g, q, "dilations", w->spatial, w->dilation);
}

/* The integer that channel c's bias is at scale s: an imported one is such codes already. */
static double bias_codes(const Tensor *b, int64_t c, double s) {
  if (!b) return 0;
  if (is_const(b)) return rint(((const float *)b->data)[c] / s);
  const Tensor *codes = b->def->in[0];
  const QuantSpec *q = codes->quant;
  double code = (double)(get_int(codes->dtype, codes->data, c) - q->zero[q->n > 1 ? c : 0]);
  double ratio = (double)q->scale[q->n > 1 ? c : 0] / s;
  /* The scale of a bias is meant to be that of the products, but for its rounding to float32. */
  return fabs(ratio - 1) < ldexp(1, -20) ? code : rint(code * ratio);
}

typedef enum Rounding { RULE_Q31, RULE_TFLITE, RULE_FLOAT } Rounding;
static const char *const rule_name[] = {"q31", "tflite", "float"};

/* Multipliers of the channels, by rule tflite with exponents behind them: m[2 * channels].  False where the
 * accumulator does not fit 32 bits. */
static bool pick_multipliers(const Tensor *y, int64_t channels, const double *scale, double bound, Rounding rule,
                             int32_t *m, int *shift) {
  if (rule == RULE_Q31) return pick_rescale(y, channels, scale, bound, m, shift);
  int32_t most = 0;
  if (rule == RULE_FLOAT) {
    *shift = 0;
    pick_bits(channels, scale, m);
    return bound <= INT32_MAX;
  }
  for (int64_t c = 0; c < channels; c++) {
    pick_tflite(scale[c], &m[c], &m[channels + c]);
    if (m[channels + c] > most) most = m[channels + c];
  }
  *shift = 0;
  return ldexp(bound, most) <= INT32_MAX;
}

/* A channel of rule tflite whose weights are all 0 has one code, which may come from a bias of any size: here from one
 * that is 128 times as large, for the kernels that have no room for more. */
static void shrink_bias(int32_t *b, int32_t *m, int32_t *exponent) {
  int32_t code = scale_tflite(*b, *m, *exponent);
  *b = 128 * (code < -256 ? -256 : code > 256 ? 256 : code);
  *m = 1 << 30;
  *exponent = -6;
}

/* The scale of the sums of a channel whose weights are all 0, which have none of their own: what there is is a bias, in
 * parts of an output code; more than all codes of it are as good as these. */
static double bias_scale(const Tensor *y) { return scale_of(y) / 128; }

static double clamp_bias(const Tensor *y, double code) {
  double most = 256 * largest_code(y);
  return fmin(fmax(code, -most), most);
}

bool lower_weighted(Graph *g, Context *cx, Node *n, Node *quantize) {
  Tensor *x = codes_of(n->in[0]), *w = codes_of(n->in[1]), *y = quantize->out[0];
  if (!x || !w || !is_const(w) || x->dtype != y->dtype) return false;
  if (has_floats(w->quant->format)) return false; /* codes, but not of integers */
  const Tensor *bias = n->n_in > 2 ? n->in[2] : NULL;
  if (bias && !is_const(bias) && !is_decoded_const(bias)) return false;
  bool tflite = wants_tflite(cx, n) && y->dtype == DT_I8, one = w->quant->axis < 0;
  Rounding rule = tflite ? RULE_TFLITE : wants_float(cx, y) ? RULE_FLOAT : RULE_Q31;
  int64_t channels = w->dim[0], row = n_elements(w) / channels, x_zero = zero_of(x);
  int32_t *b = arena_alloc(g->arena, channels * 4), *m = arena_alloc(g->arena, 2 * channels * 4), lo,
          hi;
  double *scale = arena_alloc(g->arena, channels * (int64_t)sizeof *scale), bound = 0;
  bool fits = true;
  Channel *channel = arena_alloc(g->arena, channels * (int64_t)sizeof *channel);
  for (int64_t c = 0; c < channels; c++) channel[c] = sum_channel(x, w, c, row);
  sum_beside(x, n->in[1]->def, channel);
  for (int64_t c = 0; c < channels; c++) {
    Channel k = channel[c];
    bool dead = k.bound == 0 && !tflite;
    double s = dead ? bias_scale(y) : scale_of(x) * weight_scale(w->quant, c);
    double folded = bias_codes(bias, c, s) - (double)x_zero * k.sum;
    if (dead) folded = clamp_bias(y, folded);
    /* One scale for all weights: the product is a float32, as that runtime has it. */
    scale[c] = (tflite && one ? (double)(float)s : s) / scale_of(y);
    if (rule == RULE_FLOAT && !dead) scale[c] = scale_in_float(scale_of(x), weight_scale(w->quant, c), scale_of(y));
    bound = fmax(bound, fabs(folded) + k.bound);
    fits &= fabs(folded) < INT32_MAX;
    b[c] = fits ? (int32_t)folded : 0;
  }
  int shift;
  if (!fits || !pick_multipliers(y, channels, scale, bound, rule, m, &shift)) {
    add_note(cx, n->name,
             "%s stays in float: its accumulator may reach %.0f and does not fit 32 bits",
             n->op->name, bound);
    return false;
  }
  for (int64_t c = 0; tflite && c < channels; c++)
    if (channel[c].bound == 0) shrink_bias(&b[c], &m[c], &m[channels + c]);
  bool conv = is_op(n, "Conv");
  Window window;
  if (conv) get_window(n, n->in[0], n->in[1], &window);
  const char *name = n->name;
  Tensor *bt =
      new_const(g, fresh_name(g, arena_printf(g->arena, "%s_b", name)), DT_I32, 1, &channels, b);
  int64_t m_dim[2] = {2, channels};
  Tensor *mt = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_m", name)), DT_I32, tflite ? 2 : 1,
                         tflite ? m_dim : &channels, m);
  Tensor *kt = weight_multiples(g, name, w);
  clamp_codes(n, y, &lo, &hi);
  const Node *decoder = n->in[1]->def;
  Node *q = replace_by(g, n, quantize, conv ? "QConv" : "QGemm", kt ? 5 : 4,
                       (Tensor *[]){x, w, bt, mt, kt});
  if (conv) copy_window(g, q, &window);
  if (kt) set_int(g, q, "group_size", w->quant->group);
  for (int i = 0; outlier_input(decoder) && i < 3; i++) set_input(g, q, 6 + i, decoder->in[1 + i]);
  if (attr_int(n, "compact", 0)) set_int(g, q, "compact", 1);
  if (attr_int(n, "sparse", 0)) set_int(g, q, "sparse", 1);
  if (bound > INT32_MAX) set_int(g, q, "wide", 1);
  if (rule != RULE_Q31) set_str(g, q, "rule", rule_name[rule]);
  set_int(g, q, "x_zero", x_zero);
  set_rescale(g, q, shift, zero_of(y), lo, hi);
  return true;
}

/* Product of two activations. */
bool lower_matmul(Graph *g, Context *cx, Node *n, Node *quantize) {
  Tensor *a = codes_of(n->in[0]), *b = codes_of(n->in[1]), *y = quantize->out[0];
  if (!a || !b || a->dtype != DT_I8 || b->dtype != DT_I8) return false;
  double scale = scale_of(a) * scale_of(b) / scale_of(y),
         bound = 255.0 * 255.0 * (double)a->dim[a->rank - 1];
  int32_t m, lo, hi;
  int shift = 0;
  bool real = wants_float(cx, y) && bound <= INT32_MAX;
  if (real) scale = scale_in_float(scale_of(a), scale_of(b), scale_of(y)), pick_bits(1, &scale, &m);
  if (!real && !pick_rescale(y, 1, &scale, bound, &m, &shift)) {
    add_note(cx, n->name, "MatMul stays in float: its accumulator does not fit 32 bits");
    return false;
  }
  clamp_codes(n, y, &lo, &hi);
  Node *q = replace_by(g, n, quantize, "QMatMul", 2, (Tensor *[]){a, b});
  set_int(g, q, "a_zero", zero_of(a));
  set_int(g, q, "b_zero", zero_of(b));
  set_int(g, q, "m", m);
  if (real) set_str(g, q, "rule", "float");
  set_rescale(g, q, shift, zero_of(y), lo, hi);
  return true;
}
