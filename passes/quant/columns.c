/* columns.c - the few columns of a layer's input that hold large numbers are multiplied as real numbers
 * with float16 weights, all others as codes (LLM.int8, Dettmers et al. 2022).  Which columns these are is
 * decided at compile time: those whose magnitude reaches the threshold on the samples.
 *
 *   y = Gemm(x, w, b)   ==>   a = Gemm(x without the columns, w without them, b)
 *                             c = Gemm(Gather(x, columns), w of the columns)
 *                             y = Add(a, c)
 */
#include <math.h>
#include <string.h>

#include "passes/quant/branch.h"
#include "passes/quant/quant.h"
#include "passes/simplify/simplify.h"

/* ---- the largest magnitudes */

typedef struct Largest {
  const Graph *g;
  float **most;   /* [n_tensor] of the columns of a tensor, NULL: nobody asks for them */
} Largest;

static void raise_columns(void *ctx, const Interp *it) {
  const Largest *l = ctx;
  for (int i = 0; i < l->g->n_tensor; i++) {
    const Tensor *t = l->g->tensor[i];
    float *most = l->most[i];
    if (most == NULL) continue;
    const float *x = interp_value(it, t);
    int64_t columns = t->dim[t->rank - 1];
    for (int64_t k = 0, n = n_elements(t); k < n; k++)
      most[k % columns] = fmaxf(most[k % columns], fabsf(x[k]));
  }
}

void find_largest_columns(const Graph *g, const Context *cx, float **most) {
  Largest l = {g, most};
  watch_samples(g, cx, "outlier columns", raise_columns, &l);
}

/* ---- the split */

/* Weights of the columns [channels][count], as float16 where that holds them. */
static Tensor *weights_of(Graph *g, const Tensor *w, int64_t count, const int32_t *column) {
  int64_t channels = w->dim[0], depth = w->dim[1], dim[2] = {channels, count};
  float *v = arena_alloc(g->arena, channels * count * (int64_t)sizeof *v);
  uint16_t *half = arena_alloc(g->arena, channels * count * (int64_t)sizeof *half);
  bool fits = true;
  for (int64_t i = 0; i < channels * count; i++) {
    v[i] = floats_of(w)[i / count * depth + column[i % count]];
    half[i] = float_to_half(v[i]);
    fits &= fabsf(v[i]) <= 65504;
  }
  return new_const(g, fresh_name(g, arena_printf(g->arena, "%s_columns", w->name)),
                   fits ? DT_F16 : DT_F32, 2, dim, fits ? (void *)half : (void *)v);
}

/* The other weights; zeros in the columns. */
static Tensor *weights_without(Graph *g, const Tensor *w, int64_t count, const int32_t *column) {
  float *v = arena_alloc(g->arena, n_elements(w) * (int64_t)sizeof *v);
  memcpy(v, w->data, (size_t)n_elements(w) * sizeof *v);
  for (int64_t o = 0; o < w->dim[0]; o++)
    for (int64_t k = 0; k < count; k++) v[o * w->dim[1] + column[k]] = 0;
  Tensor *t = new_floats(g, w->name, w->rank, w->dim, v);
  set_origin(t, w);
  return t;
}

/* x's columns as a tensor; layers that read the same ones share it and their list. */
static Tensor *gather_columns(Graph *g, Tensor *x, int64_t count, const int32_t *column) {
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    if (is_op(n, "Gather") && n->in[0] == x && is_const(n->in[1]) && n->in[1]->dtype == DT_I32 &&
        n_elements(n->in[1]) == count && memcmp(n->in[1]->data, column, (size_t)count * 4) == 0)
      return n->out[0];
  }
  int32_t *v = arena_alloc(g->arena, count * (int64_t)sizeof *v);
  memcpy(v, column, (size_t)count * sizeof *v);
  const char *name = arena_printf(g->arena, "%s_columns", x->name);
  Tensor *list = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_list", name)), DT_I32, 1, &count, v);
  Tensor *y = new_tensor(g, fresh_name(g, name), DT_NONE, -1, NULL);
  int at = x->def ? node_index(g, x->def) + 1 : 0;
  Node *n = add_node(g, at, "Gather", y->name, 2, (Tensor *[]){x, list}, 1, &y);
  set_int(g, n, "axis", 1);
  infer_node(g, n);
  return y;
}

Tensor *split_columns(Graph *g, Context *cx, Node *n, const float *most, double threshold) {
  Tensor *x = n->in[0], *w = n->in[1], *y = n->out[0];
  int64_t depth = w->dim[1], count = 0;
  int32_t *column = arena_alloc(g->arena, (depth + 1) * (int64_t)sizeof *column);
  for (int64_t c = 0; c < depth; c++)
    if ((double)most[c] >= threshold) column[count++] = (int32_t)c;
  if (count == 0) return NULL;
  add_note(cx, n->name, "%lld of %lld input columns reach %g and are multiplied with float16 weights",
           (long long)count, (long long)depth, threshold);
  Tensor *gathered = gather_columns(g, x, count, column);
  Tensor *real = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_columns", y->name)), y);
  real->has_range = false;
  Tensor *in[2] = {gathered, weights_of(g, w, count, column)};
  Node *gemm = add_node(g, node_index(g, n) + 1, "Gemm", real->name, 2, in, 1, &real);
  gemm->loc = n->loc;
  set_int(g, gemm, "transB", 1);
  infer_node(g, gemm);
  add_to_output(g, n, real, arena_printf(g->arena, "%s_codes", y->name),
                arena_printf(g->arena, "%s_sum", n->name));
  set_input(g, n, 1, weights_without(g, w, count, column));
  return gathered->def->in[1];
}
