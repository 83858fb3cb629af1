/* inputs.c - graph inputs as the firmware gets them: raw integers with a mean and a standard
 * deviation, channels first or last.  The graph is extended in front, so that it can still be
 * run at every stage and later passes fold the additions away.
 *
 *   x float[1,3,32,32], policy {storage: uint8, std: 255, layout: NHWC}
 *   ==>  x uint8[1,32,32,3] NHWC;  Transpose(Dequantize(x))
 */
#include <math.h>
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static const InputPolicy *policy_of(const Context *cx, const char *name) {
  for (int i = 0; i < cx->policy->n_input; i++)
    if (strcmp(cx->policy->input[i].name, name) == 0) return &cx->policy->input[i];
  return NULL;
}

/* Channels of v (n 0: `otherwise`, n 1: the same for all). */
static float value_at(const float *v, int n, int64_t c, float otherwise) {
  return n == 0 ? otherwise : v[n == 1 ? 0 : c];
}

/* One scale and an integer zero point say it all: the usual case. */
static bool is_plain_scale(const InputPolicy *p) {
  const Format *f = format_of(p->storage);
  for (int i = 1; i < p->n_mean; i++)
    if (p->mean[i] != p->mean[0]) return false;
  for (int i = 1; i < p->n_std; i++)
    if (p->std[i] != p->std[0]) return false;
  float mean = value_at(p->mean, p->n_mean, 0, 0), std = value_at(p->std, p->n_std, 0, 1);
  return std > 0 && rintf(mean) == mean && mean >= (float)f->lo && mean <= (float)f->hi;
}

static Tensor *channel_const(Graph *g, const Tensor *x, const char *base, const float *v, int n,
                             float otherwise) {
  int axis = channel_axis(x);
  int64_t dim[MAX_RANK], c = n > 1 ? n : 1;
  for (int i = 0; i < x->rank; i++) dim[i] = i == axis && n > 1 ? n : 1;
  float *data = arena_alloc(g->arena, c * (int64_t)sizeof *data);
  for (int64_t i = 0; i < c; i++) data[i] = value_at(v, n, i, otherwise);
  return new_floats(g, base, x->rank, dim, data);
}

/* real = (stored - mean) / std; returns the real tensor. */
static Tensor *normalise(Graph *g, Tensor *x, const InputPolicy *p) {
  if (p->storage == DT_NONE || (p->storage == DT_F32 && p->n_mean == 0 && p->n_std == 0)) return x;
  if (p->storage != DT_F32 && is_plain_scale(p)) {
    QuantSpec *q = new_quant(g, format_of(p->storage), -1, 0, 1);
    q->scale[0] = 1.0f / value_at(p->std, p->n_std, 0, 1);
    q->zero[0] = (int32_t)value_at(p->mean, p->n_mean, 0, 0);
    x->quant = q;
    return add_op(g, 0, "Dequantize", fresh_name(g, "input_dequantize"), 1, &x);
  }
  int at = 0;
  if (p->storage != DT_F32) {
    x = add_op(g, at, "Cast", fresh_name(g, "input_cast"), 1, &x);
    set_int(g, g->node[at], "to", DT_F32);
    infer_node(g, g->node[at++]);
  }
  float *shift = arena_alloc(g->arena, (p->n_mean + 1) * (int64_t)sizeof *shift);
  float *scale = arena_alloc(g->arena, (p->n_std + 1) * (int64_t)sizeof *scale);
  for (int i = 0; i < p->n_mean; i++) shift[i] = -p->mean[i];
  for (int i = 0; i < p->n_std; i++) scale[i] = 1.0f / p->std[i];
  Tensor *s = channel_const(g, x, "input_shift", shift, p->n_mean, 0);
  x = add_op(g, at++, "Add", fresh_name(g, "input_shifted"), 2, (Tensor *[]){x, s});
  Tensor *k = channel_const(g, x, "input_scale", scale, p->n_std, 1);
  return add_op(g, at, "Mul", fresh_name(g, "input_scaled"), 2, (Tensor *[]){x, k});
}

static void channels_to(const Tensor *x, Layout to, int64_t *perm) {
  for (int i = 0; i < x->rank; i++) perm[i] = i;
  for (int i = 1; i < x->rank; i++) {
    if (to == LAYOUT_NHWC) perm[i] = i + 1 < x->rank ? i + 1 : 1;
    else perm[i] = i == 1 ? x->rank - 1 : i - 1;
  }
}

static void rewrite_input(Graph *g, int i, const InputPolicy *p) {
  Tensor *old = g->in[i];
  bool swap = p->has_layout && p->layout == LAYOUT_NHWC && old->rank >= 3;
  DType stored = p->storage == DT_NONE ? old->dtype : p->storage;
  if (!swap && stored == old->dtype && p->n_mean == 0 && p->n_std == 0) return;
  int64_t dim[MAX_RANK], perm[MAX_RANK];
  channels_to(old, LAYOUT_NHWC, perm);
  for (int d = 0; d < old->rank; d++) dim[d] = old->dim[swap ? perm[d] : d];
  const char *name = old->name;
  old->name = fresh_name(g, arena_printf(g->arena, "%s_real", name));
  Tensor *x = new_tensor(g, name, stored, old->rank, dim);
  x->layout = swap ? LAYOUT_NHWC : old->layout;
  x->loc = old->loc;
  g->in[i] = x;
  Tensor *y = normalise(g, x, p);
  if (swap) {
    int at = y->def ? node_index(g, y->def) + 1 : 0;
    channels_to(old, LAYOUT_NONE, perm);
    Node *t = add_node(g, at, "Transpose", fresh_name(g, "input_transpose"), 1, &y, 1,
                       (Tensor *[]){new_tensor(g, fresh_name(g, "input_nchw"), DT_NONE, -1, NULL)});
    set_ints(g, t, "perm", old->rank, perm);
    infer_node(g, t);
    y = t->out[0];
  }
  replace_uses(g, old, y);
}

void pass_inputs(Graph *g, Context *cx) {
  for (int i = 0; i < g->n_in; i++) {
    const InputPolicy *p = policy_of(cx, g->in[i]->name);
    if (p) rewrite_input(g, i, p);
  }
}
