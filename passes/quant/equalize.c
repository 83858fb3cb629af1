/* equalize.c - cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721, section 4.1).
 *
 *   y = Relu(w1 x + b1), z = w2 y   ==>   y' = Relu(w1 / s x + b1 / s), z = (w2 s) y'
 *
 * for any s > 0 per channel of y, because Relu(y / s) is Relu(y) / s.  With s = sqrt(r1 / r2), r1 and
 * r2 the largest weights that make and that read the channel, both become sqrt(r1 r2): channels of
 * one tensor, which share a scale, get alike.  A layer in the middle is part of two pairs, so that
 * goes on until nothing moves.  Exact up to float rounding. */
#include <math.h>

#include "passes/quant/channels.h"
#include "passes/simplify/simplify.h"

enum { MOST_ROUNDS = 20 };

/* Node b is the only one that reads what a makes. */
typedef struct Pair { Node *a, *b; } Pair;

static Pair *find_pairs(Graph *g, int *n) {
  Pair *pair = NULL;
  *n = 0;
  for (int i = 0; i < g->n_node; i++) {
    Node *a = g->node[i];
    if (!is_scalable_layer(a) || !scales_through(a) || is_graph_output(g, a->out[0])) continue;
    Node *b = only_user(g, a->out[0]);
    if (!b || b->in[0] != a->out[0] || !is_scalable_layer(b) || input_channels(b) != a->in[1]->dim[0])
      continue;
    pair = arena_grow(g->arena, pair, *n, sizeof *pair);
    pair[(*n)++] = (Pair){a, b};
  }
  return pair;
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
