/* fold_norm.c - scale and shift of a normalization go into the layers that read it, where all of its
 * readers are layers.  What is left is a plain normalization, through which a rotation passes
 * (hadamard.c); a shift per channel costs nothing in a bias.  Exact up to float rounding.
 *
 *   y = LayerNormalization(x, gamma, beta), z = w y + b
 *   ==>   y = LayerNormalization(x, 1), z = (w diag(gamma)) y + (b + w beta)
 */
#include "passes/passes.h"
#include "passes/quant/rotate.h"
#include "passes/simplify/simplify.h"

typedef struct Readers {
  int n;
  Node **layer;     /* [n] Conv and Gemm that read the tensor, as it is or moved */
} Readers;

/* False when something else reads rows of t, or what it is. */
static bool find_readers(Graph *g, const Tensor *t, Readers *r) {
  if (is_graph_output(g, t)) return false;
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    for (int k = 0; k < n->n_in; k++) {
      if (n->in[k] != t) continue;
      if (k > 0) return false;
      if (is_linear_layer(n)) {
        r->layer = arena_grow(g->arena, r->layer, r->n, sizeof *r->layer);
        r->layer[r->n++] = n;
      } else if (!moves_rows(n) || !find_readers(g, n->out[0], r)) {
        return false;
      }
    }
  }
  return true;
}

static bool has_window(const Node *n) {
  int64_t taps = 1;
  for (int d = 1; d < n->in[1]->rank - 1; d++) taps *= n->in[1]->dim[d];
  return taps > 1;
}

/* gamma and beta (or NULL), one per input channel, into the weights and the bias. */
static void fold_into(Graph *g, Node *n, const Tensor *gamma, const Tensor *beta) {
  const Tensor *w = n->in[1], *b = n->n_in > 2 ? n->in[2] : NULL;
  int64_t channels = w->dim[0], row = n_elements(w) / channels, k = w->dim[w->rank - 1];
  float *v = arena_alloc(g->arena, tensor_bytes(w));
  float *bias = arena_alloc(g->arena, channels * (int64_t)sizeof *bias);
  for (int64_t o = 0; o < channels; o++) {
    double sum = b ? (double)floats_of(b)[o] : 0;
    for (int64_t i = o * row; i < (o + 1) * row; i++) {
      v[i] = floats_of(w)[i] * floats_of(gamma)[i % k];
      if (beta) sum += (double)floats_of(w)[i] * floats_of(beta)[i % k];
    }
    bias[o] = (float)sum;
  }
  Tensor *folded = new_floats(g, w->name, w->rank, w->dim, v);
  folded->layout = w->layout;
  set_input(g, n, 1, folded);
  if (!beta) return;
  const char *name = b ? b->name : arena_printf(g->arena, "%s_bias", n->name);
  set_input(g, n, 2, new_floats(g, name, 1, &channels, bias));
}

static Tensor *shift_of(const Node *n) { return n->n_in > 2 ? n->in[2] : NULL; }

static void fold_norm(Graph *g, Node *n) {
  Tensor *gamma = n->in[1], *beta = shift_of(n);
  Readers r = {0};
  if (n->n_out != 1 || !is_float_const(gamma) || (beta && !is_float_const(beta)) ||
      n_elements(gamma) != n->in[0]->dim[n->in[0]->rank - 1] || is_plain_norm(n) ||
      !find_readers(g, n->out[0], &r) || r.n == 0)
    return;
  for (int i = 0; i < r.n; i++)
    if (beta && has_window(r.layer[i])) return; /* its padding has no shift */
  for (int i = 0; i < r.n; i++) fold_into(g, r.layer[i], gamma, beta);
  float *ones = arena_alloc(g->arena, tensor_bytes(gamma));
  for (int64_t i = 0; i < n_elements(gamma); i++) ones[i] = 1;
  set_input(g, n, 1, new_floats(g, gamma->name, gamma->rank, gamma->dim, ones));
  if (beta) n->n_in = 2;
}

void pass_fold_norm(Graph *g, Context *cx) {
  if (!policy_has(cx->policy, "transforms", "fold_norm")) return;
  for (int i = 0; i < g->n_node; i++)
    if (is_op(g->node[i], "LayerNormalization") || is_op(g->node[i], "RMSNormalization"))
      fold_norm(g, g->node[i]);
}
