/* scaling.c - what transforms share that scale channels: statistics of the channels on the samples, the
 * search for the scales of least error, and the scaling itself.
 *
 * With scales s a layer computes (w diag(s)) (x / s), the same in reals.  Quantized, w s becomes d, and x / s
 * gets noise of its rounding: even over a step of the range of all channels, none where x is 0, and never
 * more than x / s itself.  The error of the outputs then is
 *
 *   sum over the output channels of e H e^T / 2 + d^2 . noise,    e = d / s - w,
 *
 * H the Hessian of the inputs on the samples (moments.h).  No sample is needed for more than H, so any
 * number of candidates costs one run over the samples per layer. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/channels.h"
#include "passes/quant/quant.h"
#include "passes/simplify/simplify.h"

/* ---- statistics ------------------------------------------------------------------------------ */

static void start_watching(const Graph *g, Ends *e) {
  e->lo = arena_alloc(g->arena, e->n_read * (int64_t)sizeof *e->lo);
  e->hi = arena_alloc(g->arena, e->n_read * (int64_t)sizeof *e->hi);
  e->mean = arena_alloc(g->arena, e->n_read * (int64_t)sizeof *e->mean);
  e->square = arena_alloc(g->arena, e->n_read * (int64_t)sizeof *e->square);
  e->live = arena_alloc(g->arena, e->n_read * (int64_t)sizeof *e->live);
}

/* Inputs have channels last. */
static void watch_input(Ends *e, const float *x) {
  int64_t n = n_elements(e->n->in[0]);
  for (int64_t row = 0; row < n; row += e->n_read)
    for (int64_t c = 0; c < e->n_read; c++) {
      float v = x[row + c];
      e->lo[c] = fminf(e->lo[c], v);
      e->hi[c] = fmaxf(e->hi[c], v);
      e->mean[c] += fabs((double)v);
      e->square[c] += (double)v * v;
      e->live[c] += v != 0;
    }
}

static void watch_inputs(void *ctx, const Interp *it) {
  const Channels *c = ctx;
  for (int k = 0; k < c->n_end; k++)
    if (c->end[k].n_read > 0) watch_input(&c->end[k], interp_value(it, c->end[k].n->in[0]));
}

static void watch_channels(const Graph *g, const Context *cx, Channels *c) {
  const Samples *samples = cx->calib;
  for (int i = 0; i < c->n_end; i++)
    if (c->end[i].n_read > 0) start_watching(g, &c->end[i]);
  watch_samples(g, cx, "looking at channels", watch_inputs, c);
  for (int i = 0; i < c->n_end; i++) {
    Ends *e = &c->end[i];
    double count = e->n_read > 0 ? (double)samples->n * n_elements(e->n->in[0]) / e->n_read : 1;
    for (int64_t k = 0; k < e->n_read; k++) {
      e->mean[k] /= count;
      e->square[k] /= count;
      e->live[k] /= count;
    }
  }
}

/* ---- units ----------------------------------------------------------------------------------- */

static const Node *layer_for(const Graph *g, const Context *cx, const Unit *u, LayerFn *is_for) {
  for (int i = 0; i < u->n_layer; i++)
    if (is_for(g, cx, u->layer[i]->n)) return u->layer[i]->n;
  return NULL;
}

Channels *start_scaling(Graph *g, Context *cx, const char *transform, LayerFn *is_for) {
  Channels *c = find_channels(g);
  const Node *first = NULL;
  int n = 0;
  for (int i = 0; i < c->n_unit; i++) {
    const Unit *u = &c->unit[i];
    const Node *layer = layer_for(g, cx, u, is_for);
    if (!layer) continue;
    for (int k = 0; u->fixed && k < u->n_layer; k++)
      add_note(cx, u->layer[k]->n->name, "%s leaves it as it is: the channels that it reads are tied to %s",
               transform, u->fixed);
    if (u->fixed) continue;
    if (!first) first = layer;
    c->unit[n++] = *u;
  }
  c->n_unit = n;
  if (!first) return NULL;
  need_samples(cx, find_setting(&cx->policy->defaults, "transforms")->loc,
               arena_printf(g->arena, "transform '%s'", transform), first->name);
  watch_channels(g, cx, c);
  return c;
}

double *new_scales(const Graph *g, const Channels *c) {
  double *s = arena_alloc(g->arena, c->n_class * (int64_t)sizeof *s);
  for (int i = 0; i < c->n_class; i++) s[i] = 1;
  return s;
}

/* ---- scaling --------------------------------------------------------------------------------- */

static bool has_scale(const int *cls, int64_t n, const double *s) {
  for (int64_t i = 0; i < n; i++)
    if (s[cls[i]] != 1) return true;
  return false;
}

/* Elements of a parameter in runs of one output channel. */
static void divide_made(float *v, int64_t n, const Ends *e, const double *s) {
  for (int64_t i = 0; i < n; i++) v[i] = (float)(v[i] / s[e->made[i / (n / e->n_made)]]);
}

void scale_classes(Graph *g, const Channels *c, const double *s) {
  for (int i = 0; i < c->n_end; i++) {
    const Ends *e = &c->end[i];
    bool made = has_scale(e->made, e->n_made, s), read = has_scale(e->read, e->n_read, s);
    if (made || read) own_input(g, e->n, 1);
    if (made) own_input(g, e->n, 2);
    for (int k = 1; made && k < e->n->n_in && k < 3; k++)
      if (e->n->in[k]) divide_made(e->n->in[k]->data, n_elements(e->n->in[k]), e, s);
    float *w = e->n->in[1]->data;
    for (int64_t k = 0; read && k < n_elements(e->n->in[1]); k++)
      w[k] = (float)(w[k] * s[e->read[input_channel(e->n, k)]]);
  }
}

/* ---- search ---------------------------------------------------------------------------------- */

typedef struct Trial {
  const Ends *e;
  WeightChoice w;
  ActChoice act;
  const Moments *x;
  int64_t count;         /* elements of the weights */
} Trial;

/* What the weights, scaled, are after quantization: [count], to be freed. Solvers that look at inputs are
 * stood for by `mse`. */
static float *decoded_weights(const Trial *t, const double *s) {
  Arena *a = new_arena();
  Graph *g = new_graph(a, "trial");
  const Tensor *w = t->e->n->in[1];
  float *v = arena_alloc(a, tensor_bytes(w)), *decoded = scratch(t->count, sizeof *decoded);
  for (int64_t i = 0; i < t->count; i++)
    v[i] = (float)(floats_of(w)[i] * s[t->e->read[input_channel(t->e->n, i)]]);
  Tensor *scaled = new_const(g, w->name, DT_F32, w->rank, w->dim, v);
  scaled->layout = w->layout;
  WeightChoice choice = t->w;
  if (find_solver(choice.solver)->needs != NEEDS_NOTHING) choice.solver = "mse";
  const char *note;
  const Tensor *codes = quantize_weights(g, scaled, &choice, &(LayerInput){.scale = 1}, NULL, &note);
  dequantize_codes(codes, codes->data, decoded);
  free_arena(a);
  return decoded;
}

/* Sum of e H e^T / 2 over the rows of e [count]. */
static double squared_error(const Trial *t, const double *e) {
  int64_t k = t->x->k, rows = t->count / k / t->x->groups;
  double *product = scratch(rows * k, sizeof *product), sum = 0;
  for (int64_t g = 0; g < t->x->groups; g++) {
    const double *from = e + g * rows * k;
    cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, (int)rows, (int)k, 1,
                t->x->hessian + g * k * k, (int)k, from, (int)k, 0, product, (int)k);
    for (int64_t i = 0; i < rows * k; i++) sum += from[i] * product[i];
  }
  free(product);
  return sum / 2;
}

/* Mean square of what rounding adds to an element of x / s that is not 0. */
static double rounding_noise(const Trial *t, const double *s) {
  if (!t->act.format) return 0;
  double lo = 0, hi = 0;
  for (int64_t c = 0; c < t->e->n_read; c++) {
    lo = fmin(lo, (double)t->e->lo[c] / s[t->e->read[c]]);
    hi = fmax(hi, (double)t->e->hi[c] / s[t->e->read[c]]);
  }
  if (t->act.symmetric) hi = fmax(hi, -lo), lo = -hi;
  double step = (hi - lo) / (t->act.format->hi - t->act.format->lo);
  return step * step / 12;
}

/* What rounding adds to channel c of x / s: nothing where that is 0, and no more than there is. */
static double channel_noise(const Trial *t, const double *s, double noise, int64_t c) {
  double own = s[t->e->read[c]];
  return fmin(noise * t->e->live[c], t->e->square[c] / own / own);
}

static double trial_error(const Trial *t, const double *s) {
  float *d = decoded_weights(t, s);
  double *e = scratch(t->count, sizeof *e), noise = rounding_noise(t, s), sum = 0;
  for (int64_t i = 0; i < t->count; i++) {
    int64_t c = input_channel(t->e->n, i);
    sum += (double)d[i] * d[i] * channel_noise(t, s, noise, c);
    e[i] = d[i] / s[t->e->read[c]] - floats_of(t->e->n->in[1])[i];
  }
  sum += squared_error(t, e);
  free(e);
  free(d);
  return sum;
}

/* Of the outputs, biases left out. */
static double output_energy(const Trial *t) {
  double *w = scratch(t->count, sizeof *w);
  for (int64_t i = 0; i < t->count; i++) w[i] = floats_of(t->e->n->in[1])[i];
  double energy = squared_error(t, w);
  free(w);
  return energy;
}

static void try_candidates(const Trial *t, const Channels *c, const Unit *u, int n,
                           CandidateFn *candidate, const void *ctx, double *loss) {
  double energy = output_energy(t);
  if (!(energy > 0)) return;
#pragma omp parallel for schedule(dynamic)
  for (int i = 0; i < n; i++) {
    double *s = scratch(c->n_class, sizeof *s);
    for (int k = 0; k < c->n_class; k++) s[k] = 1;
    candidate(ctx, u, i, s);
    loss[i] += trial_error(t, s) / energy;
    free(s);
  }
}

int best_candidate(const Graph *g, const Context *cx, const Channels *c, const Unit *u, int n,
                   CandidateFn *candidate, const void *ctx, double *loss) {
  Moments *x = NULL;
  double *sum = scratch(n, sizeof *sum);
  int best = 0;
  prepare_blas();
  for (int i = 0; i < u->n_layer; i++) {
    Node *layer = u->layer[i]->n;
    Trial t = {.e = u->layer[i], .count = n_elements(layer->in[1])};
    t.w = weight_choice(g, cx, layer);
    t.act = act_choice(g, cx, layer);
    if (!t.w.format) continue;
    if (i == 0 || !x || !same_vectors(u->layer[i - 1]->n, layer)) {
      free_moments(x);
      x = collect_moments(g, layer, g, cx, NEEDS_HESSIAN);
    }
    t.x = x;
    try_candidates(&t, c, u, n, candidate, ctx, sum);
  }
  free_moments(x);
  for (int i = 0; i < n; i++) {
    if (sum[i] < sum[best]) best = i;
    if (loss) loss[i] = sum[i];
  }
  free(sum);
  return best;
}
