/* spread.c - how the values of weights and activations lie, and what of that their codes reach.
 *
 * Activations are looked at twice, as in pass `calibrate`: a first run over the samples finds
 * smallest and largest values, a second counts.  Counts add up to the same in any order. */
#include <math.h>
#include <string.h>

#include "driver/report/report.h"
#include "passes/quant/quant.h"

typedef struct Counter {
  Report *r;
  int *of_tensor; /* [n_tensor of the float graph] in spread; -1: not looked at */
  bool counting;  /* the second run */
} Counter;

static int bin_of(const Spread *s, float x) {
  double width = (double)s->hi - s->lo, at = width > 0 ? (x - (double)s->lo) / width : 0;
  return at < 1 ? (int)(at * SPREAD_BINS) : SPREAD_BINS - 1;
}

/* Values that are not finite have no place on an axis. */
static void widen(Spread *s, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(x[i])) continue;
    if (s->n == 0) s->lo = s->hi = x[i];
    if (x[i] < s->lo) s->lo = x[i];
    if (x[i] > s->hi) s->hi = x[i];
    s->n++;
  }
}

static void count(Spread *s, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(x[i])) continue;
    s->bin[bin_of(s, x[i])]++;
    s->clipped += s->has_codes && (x[i] < s->from || x[i] > s->to);
  }
}

static void watch(void *ctx, const Interp *it) {
  Counter *c = ctx;
  const Graph *g = c->r->real;
  for (int i = 0; i < g->n_tensor; i++) {
    if (c->of_tensor[i] < 0) continue;
    Spread *s = &c->r->spread[c->of_tensor[i]];
    const float *x = interp_value(it, g->tensor[i]);
    if (c->counting) count(s, x, n_elements(g->tensor[i]));
    else widen(s, x, n_elements(g->tensor[i]));
  }
}

/* The node of the simulated graph that makes the same tensor. */
static int simulated_node(const Report *r, const Node *n) {
  const Graph *g = r->simulated;
  for (int i = 0; i < g->n_node; i++)
    if (g->node[i]->n_out > 0 && strcmp(g->node[i]->name, n->name) == 0 && g->node[i]->op == n->op)
      return i;
  return -1;
}

/* Compares the weights with what their codes become. */
static void compare_codes(Report *r, Spread *s, const Node *n, const float *exact) {
  int at = simulated_node(r, n);
  const Node *q = at >= 0 ? r->simulated->node[at] : NULL;
  const Node *decoder = q && q->n_in > 1 && q->in[1] ? q->in[1]->def : NULL;
  if (!is_op(decoder, "Dequantize") || !is_const(decoder->in[0])) return;
  if (n_elements(decoder->out[0]) != s->n) return; /* not all finite, or of another shape */
  Interp *it = new_interp(r->simulated);
  at = node_index(r->simulated, decoder);
  run_nodes(it, at, at + 1);
  const float *got = interp_value(it, decoder->out[0]);
  s->has_codes = true;
  s->from = s->to = got[0];
  for (int64_t i = 0; i < s->n; i++) {
    double d = (double)got[i] - exact[i];
    s->from = got[i] < s->from ? got[i] : s->from;
    s->to = got[i] > s->to ? got[i] : s->to;
    s->signal += (double)exact[i] * exact[i];
    s->noise += d * d;
  }
  free_interp(it);
}

static void add_weights(Report *r, const Node *n) {
  const Tensor *w = node_weights(n);
  if (!w || w->dtype != DT_F32 || n_elements(w) < 1) return;
  Spread *s = &r->spread[r->n_spread++];
  *s = (Spread){.name = w->name, .layer = n->name, .is_weights = true};
  widen(s, w->data, n_elements(w));
  compare_codes(r, s, n, w->data);
  count(s, w->data, s->n);
}

static void add_activation(Report *r, Counter *c, const Tensor *t, const char *layer) {
  if (t->dtype != DT_F32 || n_elements(t) < 1) return;
  c->of_tensor[t->id] = r->n_spread;
  r->spread[r->n_spread++] = (Spread){
      .name = t->name, .layer = layer, .has_codes = t->has_range, .from = t->lo, .to = t->hi};
}

void measure_spread(Report *r, const Samples *samples) {
  const Graph *g = r->real;
  Counter c = {.r = r, .of_tensor = arena_alloc(r->a, (g->n_tensor + 1) * (int64_t)sizeof(int))};
  for (int i = 0; i < g->n_tensor; i++) c.of_tensor[i] = -1;
  r->spread = arena_alloc(r->a, (g->n_in + 2 * g->n_node + 1) * (int64_t)sizeof *r->spread);
  for (int i = 0; samples && i < g->n_in; i++) add_activation(r, &c, g->in[i], g->in[i]->name);
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    add_weights(r, n);
    if (samples && n->n_out > 0 && n->out[0]) add_activation(r, &c, n->out[0], n->name);
  }
  if (!samples) return;
  Context cx = r->j->cx;
  cx.calib = samples;
  watch_samples(g, &cx, "finding extremes", watch, &c);
  c.counting = true;
  watch_samples(g, &cx, "counting values", watch, &c);
}
