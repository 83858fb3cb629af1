/* calibrate.c - a real range for every activation, from the user's samples.  Streamed: a first
 * run over the samples finds smallest and largest values, a second fills histograms of fixed
 * bounds, so nothing grows with the number of samples and sums of counts do not depend on the
 * thread count. Method `auto` quantizes each tensor alone by each method's range on some samples
 * and takes the one that changes the outputs of the tensor's readers least.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "passes/passes.h"
#include "passes/quant/quant.h"
#include "passes/quant/range.h"

enum { METHODS = 4, AUTO_SAMPLES = 24 };
static const char *const method_names[METHODS] = {"minmax", "percentile", "entropy", "mse"};

typedef struct Calibration {
  Graph *g;
  Context *cx;
  int n_thread;
  Stats **stats;          /* [n_thread][n_tensor] */
  ActChoice *choice;      /* [n_tensor] of activations */
  bool counting;          /* second run */
} Calibration;

typedef struct Seen { Calibration *c; Stats *stats; } Seen;

static void observe(void *ctx, const Tensor *t, const void *data) {
  Seen *s = ctx;
  if (t->dtype != DT_F32) return;
  const float *x = data;
  Stats *st = &s->stats[t->id];
  int64_t n = n_elements(t);
  if (s->c->counting) {
    count_values(st, x, n);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    if (x[i] < st->lo) st->lo = x[i];
    if (x[i] > st->hi) st->hi = x[i];
  }
}

static void sample_inputs(const Calibration *c, int64_t i, const void **in) {
  for (int k = 0; k < c->g->n_in; k++) in[k] = sample_at(c->g, c->cx->calib, k, i);
}

/* Runs all samples through the float graph; every thread fills its own statistics. */
static void run_samples(Calibration *c, const char *what, int64_t base, int64_t total) {
  int64_t n = c->cx->calib->n, done = 0;
#pragma omp parallel num_threads(c->n_thread)
  {
    Interp *it = new_interp(c->g);
    const void *in[MAX_IO];
    Seen seen = {c, c->stats[omp_get_thread_num()]};
#pragma omp for schedule(static)
    for (int64_t i = 0; i < n; i++) {
      sample_inputs(c, i, in);
      run_interp(it, in, observe, &seen);
#pragma omp critical(progress)
      if (c->cx->progress) c->cx->progress(what, base + ++done, total);
    }
    free_interp(it);
  }
}

static void merge_extremes(Calibration *c) {
  for (int t = 0; t < c->g->n_tensor; t++) {
    Stats *first = &c->stats[0][t];
    for (int k = 1; k < c->n_thread; k++) {
      first->lo = fminf(first->lo, c->stats[k][t].lo);
      first->hi = fmaxf(first->hi, c->stats[k][t].hi);
    }
    for (int k = 1; k < c->n_thread; k++)
      c->stats[k][t].lo = first->lo, c->stats[k][t].hi = first->hi;
  }
}

static void merge_counts(Calibration *c) {
  for (int t = 0; t < c->g->n_tensor; t++)
    for (int k = 1; k < c->n_thread; k++)
      for (int b = 0; b < N_BINS; b++) c->stats[0][t].count[b] += c->stats[k][t].count[b];
}

/* What a range is cut in. */
static int levels_of(const ActChoice *a) { return a->format->hi - a->format->lo + 1; }

static Range range_by(const Stats *s, int method, const ActChoice *a) {
  switch (method) {
    case 1: return percentile_range(s, a->percentile);
    case 2: return entropy_range(s, levels_of(a));
    case 3: return mse_range(s, levels_of(a));
    default: return (Range){s->lo, s->hi};
  }
}

static int method_index(const char *name) {
  for (int i = 0; i < METHODS; i++)
    if (strcmp(name, method_names[i]) == 0) return i;
  return -1; /* auto */
}

/* x rounded to the codes of a range. */
static void fake_quantize(Range r, const Format *f, const float *x, int64_t n, float *y) {
  float scale;
  int32_t zero;
  fit_scale(r, f, f->dtype == DT_I16, &scale, &zero);
  for (int64_t i = 0; i < n; i++) {
    if (has_floats(f)) {
      y[i] = (float)code_value(f, code_near(f, (double)(x[i] / scale))) * scale;
      continue;
    }
    float q = rintf(x[i] / scale) + (float)zero;
    y[i] = (fminf(fmaxf(q, (float)f->lo), (float)f->hi) - (float)zero) * scale;
  }
}

static double squared_distance(const float *a, const float *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  return sum;
}

/* Error of node n's float outputs when input `t` is replaced by `changed`, relative to their
 * energy. */
static double reader_error(const Interp *it, const Node *n, const Tensor *t, const float *changed) {
  const void *in[64];
  void *out[16] = {0};
  double error = 0;
  if (n->n_in > 64 || n->n_out > 16) return 0;
  for (int i = 0; i < n->n_in; i++)
    in[i] = !n->in[i] ? NULL : n->in[i] == t ? changed : interp_value(it, n->in[i]);
  for (int i = 0; i < n->n_out; i++)
    out[i] = n->out[i] ? malloc((size_t)tensor_bytes(n->out[i]) + 64) : NULL;
  n->op->eval(n, in, out);
  apply_fused_activation(n, out[0]);
  for (int i = 0; i < n->n_out; i++) {
    if (n->out[i] && n->out[i]->dtype == DT_F32) {
      const float *exact = interp_value(it, n->out[i]);
      int64_t count = n_elements(n->out[i]);
      double energy = 1e-12;
      for (int64_t k = 0; k < count; k++) energy += (double)exact[k] * exact[k];
      error += squared_distance(out[i], exact, count) / energy;
    }
    free(out[i]);
  }
  return error;
}

/* Fills error[t * METHODS + m] for one sample that has been run. */
static void try_ranges(const Calibration *c, const Interp *it, const Range *range,
                       const bool *wanted, double *error) {
  const Graph *g = c->g;
  for (int t = 0; t < g->n_tensor; t++) {
    if (!wanted[t]) continue;
    const Tensor *x = g->tensor[t];
    int64_t n = n_elements(x);
    float *changed = malloc((size_t)n * sizeof *changed + 64);
    for (int m = 0; m < METHODS; m++) {
      const float *exact = interp_value(it, x);
      fake_quantize(range[t * METHODS + m], c->choice[t].format, exact, n, changed);
      double e = 0;
      if (is_graph_output(g, x)) {
        double energy = 1e-12;
        for (int64_t k = 0; k < n; k++) energy += (double)exact[k] * exact[k];
        e += squared_distance(changed, exact, n) / energy;
      }
      for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i]->n_in; k++)
          if (g->node[i]->in[k] == x) {
            e += reader_error(it, g->node[i], x, changed);
            break;
          }
      error[t * METHODS + m] += e;
    }
    free(changed);
  }
}

/* For every wanted tensor the method with the least error over some samples, spread evenly. */
static void choose_auto(Calibration *c, const Range *range, const bool *wanted, int *best) {
  const Graph *g = c->g;
  int64_t n = c->cx->calib->n, used = n < AUTO_SAMPLES ? n : AUTO_SAMPLES;
  size_t per = (size_t)g->n_tensor * METHODS;
  double *error = calloc((size_t)used * per + 1, sizeof *error);
#pragma omp parallel num_threads(c->n_thread)
  {
    Interp *it = new_interp(g);
    const void *in[MAX_IO];
#pragma omp for schedule(static)
    for (int64_t i = 0; i < used; i++) {
      sample_inputs(c, i * n / used, in);
      run_interp(it, in, NULL, NULL);
      try_ranges(c, it, range, wanted, error + (size_t)i * per);
#pragma omp critical(progress)
      if (c->cx->progress) c->cx->progress("choosing ranges", i + 1, used);
    }
    free_interp(it);
  }
  for (int t = 0; t < g->n_tensor; t++) {
    double least = INFINITY;
    for (int m = 0; wanted[t] && m < METHODS; m++) {
      double sum = 0;  /* added in sample order: the same on any number of threads */
      for (int64_t i = 0; i < used; i++)
        sum += error[(size_t)i * per + (size_t)t * METHODS + (size_t)m];
      if (sum < least) least = sum, best[t] = m;
    }
  }
  free(error);
}

/* Are the scales of its codes found by calibration? */
static bool is_static(const ActChoice *a) { return a->format && !a->dynamic; }

/* The choice of who makes the tensor; where that is float, the first reader's that is not: it
 * gets codes. */
static ActChoice choice_of(const Graph *g, const Context *cx, const Tensor *t) {
  ActChoice own = t->def ? act_choice(g, cx, t->def) : input_choice(g, cx, t);
  for (int i = 0; !is_static(&own) && i < g->n_node; i++)
    for (int k = 0; k < g->node[i]->n_in; k++) {
      if (g->node[i]->in[k] != t) continue;
      ActChoice reader = act_choice(g, cx, g->node[i]);
      if (is_static(&reader)) return reader;
    }
  return own;
}

static void set_range(Tensor *t, Range r) {
  t->has_range = true;
  t->lo = fminf(r.lo, 0);
  t->hi = fmaxf(r.hi, 0);
}

static void choose_ranges(Calibration *c, const int *method) {
  Graph *g = c->g;
  Range *range = arena_alloc(g->arena, (int64_t)g->n_tensor * METHODS * (int64_t)sizeof *range);
  bool *wanted = arena_alloc(g->arena, g->n_tensor + 1);
  int *best = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *best), any = 0;
#pragma omp parallel for schedule(dynamic)
  for (int t = 0; t < g->n_tensor; t++)
    for (int m = 0; m < METHODS; m++)
      if (method[t] == m || method[t] == -1)
        range[t * METHODS + m] = range_by(&c->stats[0][t], m, &c->choice[t]);
  for (int t = 0; t < g->n_tensor; t++) {
    wanted[t] = method[t] == -1;
    best[t] = method[t];
    any |= wanted[t];
  }
  if (any) choose_auto(c, range, wanted, best);
  for (int t = 0; t < g->n_tensor; t++)
    if (method[t] >= -1) set_range(g->tensor[t], range[t * METHODS + best[t]]);
}

/* The method of each tensor that needs a range: index, -1 auto, -2 none; and its choice. */
static bool choose_methods(Graph *g, Context *cx, int *method, ActChoice *choice) {
  bool any = false;
  for (int i = 0; i < g->n_tensor; i++) {
    Tensor *t = g->tensor[i];
    method[i] = -2;
    if (is_const(t) || t->dtype != DT_F32) continue;
    ActChoice a = choice[i] = choice_of(g, cx, t);
    float lo, hi;
    if (!is_static(&a)) continue;
    choice[i].format = format_kept(g, cx, t, a.format);
    if (policy_range(cx->policy, t->name, &lo, &hi)) {
      set_range(t, (Range){lo, hi});
      continue;
    }
    method[i] = method_index(a.method);
    any = true;
    if (!cx->calib)
      error_at(
          a.loc,
          "static activations need calibration samples (tensor '%s'): give --calib SAMPLES.npy, or "
          "'calibration: {data: SAMPLES.npy}' in the policy",
          t->name);
  }
  return any;
}

void pass_calibrate(Graph *g, Context *cx) {
  resolve_policy(g, cx);
  int *method = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *method);
  ActChoice *choice = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *choice);
  if (!choose_methods(g, cx, method, choice)) return;
  Calibration c = {.g = g, .cx = cx, .n_thread = omp_get_max_threads(), .choice = choice};
  if (c.n_thread > cx->calib->n) c.n_thread = (int)cx->calib->n;
  c.stats = calloc((size_t)c.n_thread, sizeof *c.stats);
  for (int k = 0; k < c.n_thread; k++) {
    c.stats[k] = calloc((size_t)g->n_tensor + 1, sizeof **c.stats);
    for (int t = 0; t < g->n_tensor; t++) c.stats[k][t].lo = INFINITY, c.stats[k][t].hi = -INFINITY;
  }
  bool histograms = false;
  for (int t = 0; t < g->n_tensor; t++) histograms |= method[t] == -1 || method[t] > 0;
  int64_t total = cx->calib->n * (histograms ? 2 : 1);
  run_samples(&c, "calibrating", 0, total);
  merge_extremes(&c);
  for (int t = 0; t < g->n_tensor; t++)
    if (method[t] >= -1 && !(isfinite(c.stats[0][t].lo) && isfinite(c.stats[0][t].hi)))
      error_at(g->tensor[t]->def ? g->tensor[t]->def->loc : g->tensor[t]->loc, "tensor '%s' %s", g->tensor[t]->name,
               c.stats[0][t].lo > c.stats[0][t].hi ? "has no values on the calibration samples: its loop makes no step"
                                                   : "is not finite on the calibration samples");
  if (histograms) {
    c.counting = true;
    run_samples(&c, "calibrating", cx->calib->n, total);
    merge_counts(&c);
  }
  choose_ranges(&c, method);
  for (int k = 0; k < c.n_thread; k++) free(c.stats[k]);
  free(c.stats);
}
