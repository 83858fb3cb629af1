/* simplify.c - shared by the simplifying passes: constants and per-channel scaling of weights. */
#include "passes/simplify/simplify.h"

#include <string.h>

QuantSpec *permuted_quant(Graph *g, const QuantSpec *q, int rank, const int64_t *perm) {
  QuantSpec *p = arena_alloc(g->arena, sizeof *p);
  *p = *q;
  for (int i = 0; i < rank; i++)
    if (perm[i] == q->axis) p->axis = i;
  return p;
}

Tensor *transpose_const(Graph *g, const Tensor *t, const int64_t *perm) {
  int64_t dim[MAX_RANK], step[MAX_RANK], s = 1;
  for (int i = t->rank - 1; i >= 0; i--) step[i] = s, s *= t->dim[i];
  for (int i = 0; i < t->rank; i++) dim[i] = t->dim[perm[i]];
  int bytes = dtype_bytes(t->dtype);
  int64_t n = n_elements(t), at[MAX_RANK] = {0};
  char *out = arena_alloc(g->arena, n * bytes + 1);
  for (int64_t i = 0; i < n; i++) {
    int64_t from = 0;
    for (int d = 0; d < t->rank; d++) from += at[d] * step[perm[d]];
    memcpy(out + i * bytes, (const char *)t->data + from * bytes, (size_t)bytes);
    for (int d = t->rank - 1; d >= 0 && ++at[d] == dim[d]; d--) at[d] = 0;
  }
  Tensor *result = new_const(g, fresh_name(g, t->name), t->dtype, t->rank, dim, out);
  set_origin(result, t);
  if (t->quant) result->quant = permuted_quant(g, t->quant, t->rank, perm);
  return result;
}

bool is_float_const(const Tensor *t) { return t && is_const(t) && t->dtype == DT_F32; }

bool is_decoded_const(const Tensor *t) { return t && is_op(t->def, "Dequantize") && is_const(t->def->in[0]); }

const float *floats_of(const Tensor *t) { return t->data; }

Tensor *new_floats(Graph *g, const char *base, int rank, const int64_t *dim, float *data) {
  const Tensor *model = find_tensor(g, base);
  Tensor *t = new_const(g, fresh_name(g, base), DT_F32, rank, dim, data);
  if (model) set_origin(t, model);
  return t;
}

int64_t weighted_channels(const Node *n) {
  if (find_attr(n, "activation") || (n->n_in > 0 && n->in[0]->layout == LAYOUT_NHWC)) return 0;
  if (is_op(n, "Conv") && is_float_const(n->in[1])) return n->in[1]->dim[0];
  if (is_op(n, "ConvTranspose") && is_float_const(n->in[1]))
    return n->in[1]->dim[1] * attr_int(n, "group", 1);
  if (is_op(n, "Gemm") && is_float_const(n->in[1]))
    return n->in[1]->dim[attr_int(n, "transB", 0) ? 0 : 1];
  return 0;
}

/* Output channel of element i of the weights. */
static int64_t channel_of(const Node *n, int64_t i) {
  const Tensor *w = n->in[1];
  int64_t inner = 1;
  for (int d = 2; d < w->rank; d++) inner *= w->dim[d];
  if (is_op(n, "Conv")) return i / (inner * w->dim[1]);
  if (is_op(n, "Gemm")) return attr_int(n, "transB", 0) ? i / w->dim[1] : i % w->dim[1];
  int64_t per_group = w->dim[1], in_per_group = w->dim[0] / attr_int(n, "group", 1);
  return i / (inner * per_group) / in_per_group * per_group + i / inner % per_group;
}

void scale_channels(Graph *g, Node *n, const float *scale, const float *shift) {
  const Tensor *w = n->in[1], *b = n->n_in > 2 ? n->in[2] : NULL;
  int64_t count = n_elements(w), channels = weighted_channels(n);
  float *v = arena_alloc(g->arena, count * (int64_t)sizeof *v);
  for (int64_t i = 0; i < count; i++) v[i] = floats_of(w)[i] * scale[channel_of(n, i)];
  float *bias = arena_alloc(g->arena, channels * (int64_t)sizeof *bias);
  for (int64_t c = 0; c < channels; c++)
    bias[c] = (b ? floats_of(b)[n_elements(b) == 1 ? 0 : c] : 0) * scale[c] + shift[c];
  Tensor *nw = new_floats(g, w->name, w->rank, w->dim, v);
  nw->layout = w->layout;
  set_input(g, n, 1, nw);
  const char *base = b ? b->name : arena_printf(g->arena, "%s_bias", n->name);
  set_input(g, n, 2, new_floats(g, base, 1, &channels, bias));
}

const float *per_channel(Graph *g, const Tensor *t, int rank, int axis, int64_t n) {
  if (!is_float_const(t) || t->rank > rank) return NULL;
  int64_t count = n_elements(t);
  int own = axis - (rank - t->rank); /* the axis in t's own dimensions */
  if (count != 1 && (own < 0 || t->dim[own] != n || count != n)) return NULL;
  float *v = arena_alloc(g->arena, n * (int64_t)sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = floats_of(t)[count == 1 ? 0 : i];
  return v;
}

void bypass(Graph *g, Node *n, Tensor *x) {
  Tensor *y = n->out[0];
  if (is_graph_output(g, y) && x->def && !is_graph_output(g, x)) {
    /* The graph's output keeps its name: the producer writes it directly. */
    Node *producer = x->def;
    for (int i = 0; i < producer->n_out; i++)
      if (producer->out[i] == x) producer->out[i] = y;
    n->out[0]->def = NULL, n->out[0] = NULL;
    remove_node(g, n);
    y->def = producer;
    y->dtype = x->dtype, y->rank = x->rank, y->layout = x->layout, y->quant = x->quant;
    memcpy(y->dim, x->dim, sizeof y->dim);
    y->has_range = x->has_range, y->lo = x->lo, y->hi = x->hi;
    x->def = NULL;
    replace_uses(g, x, y);
  } else if (!is_graph_output(g, y)) {
    replace_uses(g, y, x);
    remove_node(g, n);
  }
}
