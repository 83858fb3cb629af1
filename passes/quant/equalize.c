/* equalize.c - cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721, section 4.1).
 *
 *   y = Relu(w1 x + b1), z = w2 y   ==>   y' = Relu(w1 / s x + b1 / s), z = (w2 s) y'
 *
 * for any s > 0 per channel of y, because Relu(y / s) is Relu(y) / s.  With s = sqrt(r1 / r2), r1 and
 * r2 the largest weights that make and that read the channel, both become sqrt(r1 r2): channels of
 * one tensor, which share a scale, get alike.  A layer in the middle is part of two pairs, so that
 * goes on until nothing moves.  Exact up to float rounding. */
#include <math.h>
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

enum { MOST_ROUNDS = 20 };

/* Node b is the only one that reads what a makes. */
typedef struct Pair { Node *a, *b; } Pair;

/* Weights with output channels first and input channels last, and a bias per channel or none. */
static bool is_layer(const Node *n) {
  bool conv = is_op(n, "Conv") && n->in[1]->layout == LAYOUT_NHWC;
  bool gemm = is_op(n, "Gemm") && attr_int(n, "transB", 0) && !attr_int(n, "transA", 0) &&
              attr_float(n, "alpha", 1) == 1 && attr_float(n, "beta", 1) == 1;
  if ((!conv && !gemm) || !is_float_const(n->in[1])) return false;
  const Tensor *bias = n->n_in > 2 ? n->in[2] : NULL;
  return !bias || (is_float_const(bias) && bias->rank == 1 && bias->dim[0] == n->in[1]->dim[0]);
}

/* Does f(y / s) equal f(y) / s for the activation that is fused into the node? */
static bool scales_through(const Node *n) {
  const char *name = attr_str(n, "activation", NULL);
  if (!name || strcmp(name, "LeakyRelu") == 0) return true;
  double lo = attr_float(n, "activation_min", -INFINITY);
  return strcmp(name, "Clip") == 0 && (lo == 0 || isinf(lo)) &&
         isinf(attr_float(n, "activation_max", INFINITY));
}

/* Input channel that element i of the weights multiplies. */
static int64_t input_channel(const Node *n, int64_t i) {
  const Tensor *w = n->in[1];
  int64_t group = attr_int(n, "group", 1), per_group = w->dim[w->rank - 1];
  int64_t out = i / (n_elements(w) / w->dim[0]);
  return out / (w->dim[0] / group) * per_group + i % per_group;
}

static int64_t input_channels(const Node *n) {
  return n->in[1]->dim[n->in[1]->rank - 1] * attr_int(n, "group", 1);
}

static Pair *find_pairs(Graph *g, int *n) {
  Pair *pair = NULL;
  *n = 0;
  for (int i = 0; i < g->n_node; i++) {
    Node *a = g->node[i];
    if (!is_layer(a) || !scales_through(a) || is_graph_output(g, a->out[0])) continue;
    Node *b = only_user(g, a->out[0]);
    if (!b || b->in[0] != a->out[0] || !is_layer(b) || input_channels(b) != a->in[1]->dim[0])
      continue;
    pair = arena_grow(g->arena, pair, *n, sizeof *pair);
    pair[(*n)++] = (Pair){a, b};
  }
  return pair;
}

/* Gives the node a copy of input i to write to. */
static void own_input(Graph *g, Node *n, int i) {
  const Tensor *t = n->n_in > i ? n->in[i] : NULL;
  if (!t) return;
  float *v = arena_alloc(g->arena, tensor_bytes(t));
  memcpy(v, floats_of(t), (size_t)tensor_bytes(t));
  Tensor *own = new_floats(g, t->name, t->rank, t->dim, v);
  own->layout = t->layout;
  set_input(g, n, i, own);
}

/* Divides what makes each channel by s and multiplies what reads it. */
static void move_scale(const Pair *p, const double *s) {
  float *made = p->a->in[1]->data, *read = p->b->in[1]->data;
  float *bias = p->a->n_in > 2 && p->a->in[2] ? p->a->in[2]->data : NULL;
  int64_t channels = p->a->in[1]->dim[0], n = n_elements(p->a->in[1]), row = n / channels;
  for (int64_t i = 0; i < n; i++) made[i] = (float)(made[i] / s[i / row]);
  for (int64_t c = 0; bias && c < channels; c++) bias[c] = (float)(bias[c] / s[c]);
  for (int64_t i = 0; i < n_elements(p->b->in[1]); i++)
    read[i] = (float)(read[i] * s[input_channel(p->b, i)]);
}

/* Returns how far the largest step is from none. */
static double equalize_pair(Arena *scratch, const Pair *p) {
  const float *made = p->a->in[1]->data, *read = p->b->in[1]->data;
  int64_t channels = p->a->in[1]->dim[0], n = n_elements(p->a->in[1]), row = n / channels;
  double *s = arena_alloc(scratch, channels * (int64_t)sizeof *s), most = 0;
  double *r = arena_alloc(scratch, channels * (int64_t)sizeof *r);
  for (int64_t i = 0; i < n; i++) s[i / row] = fmax(s[i / row], fabs((double)made[i]));
  for (int64_t i = 0; i < n_elements(p->b->in[1]); i++) {
    int64_t c = input_channel(p->b, i);
    r[c] = fmax(r[c], fabs((double)read[i]));
  }
  for (int64_t c = 0; c < channels; c++) {
    s[c] = s[c] > 0 && r[c] > 0 ? sqrt(s[c] / r[c]) : 1; /* nobody makes or reads the channel */
    most = fmax(most, fabs(s[c] - 1));
  }
  move_scale(p, s);
  return most;
}

void pass_equalize(Graph *g, Context *cx) {
  if (!policy_has(cx->policy, "transforms", "equalize")) return;
  int n;
  Pair *pair = find_pairs(g, &n);
  for (int i = 0; i < n; i++)
    for (int k = 1; k < 3; k++) {
      own_input(g, pair[i].a, k);
      own_input(g, pair[i].b, k);
    }
  double step = 1;
  for (int round = 0; round < MOST_ROUNDS && step > 1e-3; round++) {
    Arena *scratch = new_arena();
    step = 0;
    for (int i = 0; i < n; i++) step = fmax(step, equalize_pair(scratch, &pair[i]));
    free_arena(scratch);
  }
}
