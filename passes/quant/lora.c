/* lora.c - a low-rank adapter and the layers that it changes: w becomes w + factor * b a.
 *
 * As a branch it is computed beside the layer:
 *
 *   y = MatMul(x, w)   ==>   y = Add(MatMul(x, w), MatMul(MatMul(x, a), factor * b))
 *
 * A bias and a BatchNormalization behind the layer stay with it; the latter scales b.  Merged, the layer is as before with other weights:
 *
 *   w   ==>   decode(encode(w)) + factor * b a
 *
 * where encode is how the weights were stored when the adapter was trained, so that it makes up for their
 * errors (QLoRA: Dettmers et al. 2023, arXiv:2305.14314).  The policy then says what the sum is stored as.
 *
 * A module of the adapter is found by the name of a layer or of its weights: as it stands, or less what
 * one of the two begins with. */
#include <string.h>

#include "passes/quant/adapter.h"
#include "passes/quant/branch.h"
#include "passes/quant/quant.h"
#include "passes/resolve.h"
#include "passes/simplify/simplify.h"

const AdaptedLayer *find_adapted(const Adapted *a, const char *node) {
  for (int i = 0; i < a->n; i++)
    if (strcmp(a->layer[i].node, node) == 0) return &a->layer[i];
  return NULL;
}

/* ---- layers by name */

static bool is_adaptable(const Node *n) {
  if (n->n_in < 2 || !is_float_const(n->in[1]) || is_low_rank(n)) return false;
  if (is_op(n, "Conv")) return attr_int(n, "group", 1) == 1 && n->in[1]->rank >= 3;
  if (is_op(n, "Gemm")) return attr_float(n, "alpha", 1) == 1 && attr_int(n, "transA", 0) == 0;
  return is_op(n, "MatMul") && n->in[1]->rank == 2 && n->in[0]->rank >= 2;
}

/* Do weights have their outputs in the first dimension? */
static bool outputs_first(const Node *n) { return is_op(n, "Conv") || attr_int(n, "transB", 0) != 0; }

static bool is_separator(char c) { return c == '.' || c == '/'; }

/* Does one of two names end in the other, whole parts of it?  2: they are the same. */
static int same_end(const char *a, size_t n_a, const char *b, size_t n_b) {
  while (n_a > 0 && n_b > 0) {
    char x = a[n_a - 1], y = b[n_b - 1];
    if (x != y && !(is_separator(x) && is_separator(y))) return 0;
    n_a--, n_b--;
  }
  if (n_a == 0 && n_b == 0) return 2;
  return is_separator(n_a > 0 ? a[n_a - 1] : b[n_b - 1]);
}

static int match_name(const char *module, const char *name, size_t len) {
  while (len > 0 && is_separator(*name)) name++, len--;
  return len > 0 ? same_end(module, strlen(module), name, len) : 0;
}

/* How well a layer's names fit a module: 2: one is the same, 1: one ends in the other, 0.  Exporters give
 * nodes the module's name with the operator behind it. */
static int match_layer(const char *module, const Node *n) {
  static const char weight[] = ".weight";
  const char *w = n->in[1]->origin ? n->in[1]->origin : n->in[1]->name;
  const char *slash = strrchr(n->name, '/');
  size_t len = strlen(w);
  int fit[4] = {match_name(module, w, len), match_name(module, n->name, strlen(n->name)), 0, 0};
  if (ends_with(w, weight)) fit[2] = match_name(module, w, len - strlen(weight));
  if (slash != NULL) fit[3] = match_name(module, n->name, (size_t)(slash - n->name));
  int best = 0;
  for (int i = 0; i < 4; i++) best = fit[i] > best ? fit[i] : best;
  return best;
}

static _Noreturn void no_layer(const Graph *g, const Adapter *f, const char *module) {
  const char **name = arena_alloc(g->arena, (g->n_node + 1) * (int64_t)sizeof *name);
  int n = 0;
  for (int i = 0; i < g->n_node; i++)
    if (is_adaptable(g->node[i])) name[n++] = g->node[i]->name;
  const char *near = nearest_name(module, name, n);
  if (near != NULL)
    error_at(f->loc, "adapter '%s': no layer with constant weights is named '%s', did you mean '%s'?",
             f->path, module, near);
  error_at(f->loc, "adapter '%s': no layer with constant weights is named '%s'", f->path, module);
}

/* Sets layer[] to the nodes that have the module's weights; returns how many. */
static int find_layers(const Graph *g, const Adapter *f, const char *module, Node **layer) {
  int best = 1, n = 0;
  for (int i = 0; i < g->n_node; i++) {
    int fit = is_adaptable(g->node[i]) ? match_layer(module, g->node[i]) : 0;
    if (fit > best) best = fit, n = 0;
    if (fit == best) layer[n++] = g->node[i];
  }
  if (n == 0) no_layer(g, f, module);
  for (int i = 1; i < n; i++)
    if (layer[i]->in[1] != layer[0]->in[1])
      error_at(f->loc, "adapter '%s': module '%s' may be layer '%s' or '%s'", f->path, module,
               layer[0]->name, layer[i]->name);
  return n;
}

/* ---- shapes */

static const char *dims_text(Arena *a, int rank, const int64_t *dim) {
  const char *text = "[";
  for (int i = 0; i < rank; i++)
    text = arena_printf(a, "%s%s%lld", text, i > 0 ? "," : "", (long long)dim[i]);
  return arena_printf(a, "%s]", text);
}

static void check_shape(const Graph *g, const Adapter *f, const LowRank *p, const Node *n,
                        const SafeTensor *t, const int64_t *dim) {
  int rank = is_op(n, "Conv") ? n->in[1]->rank : 2;
  if (t->rank == rank && memcmp(t->dim, dim, (size_t)rank * sizeof *dim) == 0) return;
  error_at(f->loc, "adapter '%s': %s of module '%s' is %s, layer '%s' (%s) needs %s", f->path,
           t == p->a ? "lora_A" : "lora_B", p->module, dims_text(g->arena, t->rank, t->dim), n->name,
           n->op->name, dims_text(g->arena, rank, dim));
}

static void check_shapes(const Graph *g, const Adapter *f, const LowRank *p, const Node *n) {
  const Tensor *w = n->in[1];
  int64_t a[MAX_RANK] = {p->rank}, b[MAX_RANK] = {w->dim[outputs_first(n) ? 0 : 1], p->rank};
  for (int i = 1; i < w->rank; i++) a[i] = outputs_first(n) ? w->dim[i] : w->dim[0];
  for (int i = 2; i < w->rank; i++) b[i] = 1;
  check_shape(g, f, p, n, p->a, a);
  check_shape(g, f, p, n, p->b, b);
}

/* ---- the branch */

/* The one node that reads y, if it adds constants to it. */
static const Node *bias_behind(const Graph *g, const Tensor *y) {
  const Node *n = only_user(g, y);
  if (!is_op(n, "Add") || is_graph_output(g, y) || !same_shape(y, n->out[0])) return NULL;
  return is_float_const(n->in[0]) || is_float_const(n->in[1]) ? n : NULL;
}

/* Or normalizes it; *scale is then what by, for each channel. */
static const Node *norm_behind(Graph *g, const Tensor *y, bool by_channel, float **scale) {
  const Node *n = only_user(g, y);
  float *shift;
  bool norm = is_op(n, "BatchNormalization") && !is_graph_output(g, y) && n->n_out == 1 && by_channel;
  return norm && read_norm(g, n, scale, &shift) ? n : NULL;
}

/* The output of a layer behind its bias and normalization; they scale output c by gain[c]. */
static Tensor *settled_output(Graph *g, const Node *n, int64_t channels, float *gain) {
  Tensor *y = n->out[0];
  bool by_channel = is_op(n, "Conv") || y->rank == 2;
  for (;;) {
    float *scale;
    const Node *add = bias_behind(g, y), *norm = norm_behind(g, y, by_channel, &scale);
    if (add == NULL && norm == NULL) return y;
    for (int64_t c = 0; norm != NULL && c < channels; c++) gain[c] *= scale[c];
    y = (add != NULL ? add : norm)->out[0];
  }
}

static void add_branch(Graph *g, Node *n, const LowRank *p) {
  int64_t channels = p->b->dim[0];
  float *gain = arena_alloc(g->arena, (channels + 1) * (int64_t)sizeof *gain);
  for (int64_t c = 0; c < channels; c++) gain[c] = (float)p->factor;
  Tensor *y = settled_output(g, n, channels, gain);
  LowRankPair pair = {p->rank, channels, p->a->bytes / dtype_bytes(p->a->dtype) / p->rank,
                      adapter_floats(g->arena, p->a, 1), adapter_floats(g->arena, p->b, 1)};
  for (int64_t i = 0; i < channels * p->rank; i++) pair.b[i] *= gain[i / p->rank];
  Tensor *x = add_low_rank(g, node_index(g, y->def) + 1, n, n->in[0], &pair,
                           arena_printf(g->arena, "%s.lora", n->name));
  add_to_output(g, y->def, x, arena_printf(g->arena, "%s_base", y->name),
                arena_printf(g->arena, "%s.lora", n->name));
}

/* ---- merged */

/* How the weights were stored when the adapter was trained. */
static WeightChoice base_choice(const Policy *p) {
  const char *format = policy_value(p, "lora.base.format");
  WeightChoice c = {.format = find_format(format), .real = dtype_by_name(format)};
  c.solver = policy_value(p, "lora.base.solver");
  c.granularity = find_granularity(policy_value(p, "lora.base.granularity"));
  c.group = policy_int(p, "lora.base.group");
  c.loc = find_setting(&p->defaults, "lora.base.format")->loc;
  if (dtype_is_float(c.real)) c.format = NULL;
  if (c.format != NULL && (c.format->vector > 1 || c.format->book_size > 0))
    error_at(c.loc, "'base' has no format %s: its codes have no value of their own", format);
  if (c.granularity == GRAN_GROUP && c.group < 1)
    error_at(c.loc, "granularity: group needs a group size, such as `group: 64`");
  return c;
}

/* v [n] as numbers of a real type. */
static float *round_reals(DType t, int64_t n, float *v) {
  uint64_t number = 0;
  for (int64_t i = 0; i < n; i++) set_real(t, &number, 0, (double)v[i]), v[i] = (float)get_real(t, &number, 0);
  return v;
}

/* Weights [outputs][row] as they are after having been stored so. */
static float *store_and_load(Graph *g, Context *cx, const Tensor *w, const WeightChoice *c) {
  int64_t n = n_elements(w);
  float *v = arena_alloc(g->arena, (n + 1) * (int64_t)sizeof *v);
  memcpy(v, w->data, (size_t)n * sizeof *v);
  if (c->format == NULL) return round_reals(c->real, n, v);
  LayerInput x = {.scale = 1};
  const char *note;
  Tensor *codes = quantize_weights(g, w, c, &x, NULL, &note);
  if (note != NULL) add_note(cx, w->name, "%s", note);
  dequantize_codes(codes, codes->data, v);
  return v;
}

/* v [outputs][row] += factor * b a. */
static void add_product(Arena *arena, const LowRank *p, int64_t outputs, int64_t row, float *v) {
  const float *a = adapter_floats(arena, p->a, 1), *b = adapter_floats(arena, p->b, p->factor);
  for (int64_t o = 0; o < outputs; o++) {
    for (int64_t k = 0; k < row; k++) {
      double sum = 0;
      for (int64_t r = 0; r < p->rank; r++) sum += (double)b[o * p->rank + r] * (double)a[r * row + k];
      v[o * row + k] = (float)((double)v[o * row + k] + sum);
    }
  }
}

static void merge(Graph *g, Context *cx, Node *n, const LowRank *p, const WeightChoice *base) {
  static const int64_t swap[] = {1, 0};
  Tensor *w = n->in[1], *rows = outputs_first(n) ? w : transpose_const(g, w, swap);
  float *v = store_and_load(g, cx, rows, base);
  add_product(g->arena, p, rows->dim[0], n_elements(rows) / rows->dim[0], v);
  Tensor *sum = new_floats(g, w->name, rows->rank, rows->dim, v);
  set_input(g, n, 1, outputs_first(n) ? sum : transpose_const(g, sum, swap));
}

/* ---- the pass */

static bool is_taken(const Node *n, const Adapted *a) { return find_adapted(a, n->name) != NULL; }

static void adapt(Graph *g, Context *cx, const Adapter *f, const WeightChoice *base, Adapted *done) {
  Node **layer = arena_alloc(cx->arena, (g->n_node + 1) * (int64_t)sizeof *layer);
  for (int i = 0; i < f->n; i++) {
    const LowRank *p = &f->part[i];
    int n = find_layers(g, f, p->module, layer);
    for (int k = 0; k < n; k++) {
      check_shapes(g, f, p, layer[k]);
      if (is_taken(layer[k], done))
        error_at(f->loc, "adapter '%s': module '%s' is layer '%s', which another module is already",
                 f->path, p->module, layer[k]->name);
      if (done->merged) merge(g, cx, layer[k], p, base);
      else add_branch(g, layer[k], p);
      done->layer = arena_grow(cx->arena, done->layer, done->n, sizeof *done->layer);
      done->layer[done->n++] = (AdaptedLayer){layer[k]->name, p->rank};
    }
  }
}

void pass_lora(Graph *g, Context *cx) {
  const Adapter *f = read_adapter(cx->arena, cx->policy);
  if (f == NULL) return;
  Adapted *done = arena_alloc(cx->arena, sizeof *done);
  *done = (Adapted){.hash = f->hash, .merged = strcmp(policy_value(cx->policy, "lora.mode"), "merge") == 0};
  WeightChoice base = {0};
  if (done->merged) base = base_choice(cx->policy), done->base = format_text(base.format, base.real);
  adapt(g, cx, f, &base, done);
  cx->adapted = done;
}
