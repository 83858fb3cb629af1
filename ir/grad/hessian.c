/* hessian.c - second derivatives of a mean loss: products with its Hessian, and traces of the blocks that
 * belong to single weight tensors.
 *
 * A product is a central difference of gradients, H v = (g(w + e v) - g(w - e v)) / 2e with e = 1e-3 |w| / |v|:
 * two gradients instead of a gradient of a gradient, which would cost three times as much; exact for quadratic
 * losses, and for others up to terms of e^2 and the rounding of the gradients.  Where a Relu bends it
 * measures the slope's change over that distance, as rounding weights will do, too.
 *
 * Traces by Hutchinson's estimator (1990), as HAWQ-V2 uses it (Dong et al. 2020): for v of random signs over
 * all tensors at once, v_l . (H v)_l has the trace of block l as its mean, whatever the other blocks are.
 * Every probe looks at some samples, in turn, so the scatter of the probes is that of both. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/grad.h"

enum { CHUNK = 10 }; /* probes between two looks at the error */
#define STEP 1e-3    /* length of e v, relative to w */

/* ---- one thread's gradients */

typedef struct Worker {
  const LossFunction *f;
  const Graph *d;  /* gradient graph: output 1 + l is the gradient of tensor l */
  Tensor **weight; /* [f->n] in d; NULL: the loss does not depend on it */
  Interp *it;
  float **moved; /* [f->n][elements] */
} Worker;

static void *room(int64_t n, size_t bytes) {
  void *p = calloc((size_t)n + 1, bytes);
  if (p == NULL) error("out of memory");
  return p;
}

static Worker start_worker(const LossFunction *f, const Graph *d) {
  Worker w = {f, d, room(f->n, sizeof *w.weight), new_interp(d), room(f->n, sizeof *w.moved)};
  for (int l = 0; l < f->n; l++) {
    w.weight[l] = find_tensor(d, f->weight[l]->name);
    w.moved[l] = room(n_elements(f->weight[l]), sizeof *w.moved[l]);
  }
  return w;
}

static void end_worker(Worker *w) {
  for (int l = 0; l < w->f->n; l++) free(w->moved[l]);
  free(w->moved);
  free(w->weight);
  free_interp(w->it);
}

/* Sets the weights to w + step * v. */
static void move_weights(Worker *w, const float *const *v, double step) {
  for (int l = 0; l < w->f->n; l++) {
    const float *from = w->f->weight[l]->data;
    int64_t count = n_elements(w->f->weight[l]);
    if (w->weight[l] == NULL) continue;
    for (int64_t i = 0; i < count; i++)
      w->moved[l][i] = (float)((double)from[i] + step * (double)v[l][i]);
    set_value(w->it, w->weight[l], w->moved[l]);
  }
}

static void run_sample(Worker *w, int64_t i) {
  const void *in[MAX_LOSS_INPUTS];
  for (int k = 0; k < w->d->n_in; k++) in[k] = sample_at(w->d, w->f->samples, k, i);
  run_interp(w->it, in, NULL, NULL);
}

static const float *gradient_of(const Worker *w, int l) {
  return interp_value(w->it, w->d->out[1 + l]);
}

static Graph *gradient_graph(const LossFunction *f) {
  if (f->g->n_in > MAX_LOSS_INPUTS) bug("a loss of %d inputs", f->g->n_in);
  prepare_blas();
  return gradient(f->g, f->loss, f->n, f->weight);
}

/* ---- products */

static double square_sum(int64_t n, const float *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  return sum;
}

/* e for vectors of this square sum. */
static double step_for(const LossFunction *f, double squares) {
  double weights = 0;
  for (int l = 0; l < f->n; l++)
    weights += square_sum(n_elements(f->weight[l]), f->weight[l]->data);
  return STEP * sqrt((weights > 0 ? weights : 1) / (squares > 0 ? squares : 1));
}

void hessian_vector(const LossFunction *f, const float *const *v, double **product) {
  Worker w = start_worker(f, gradient_graph(f));
  double squares = 0, n = (double)f->samples->n;
  for (int l = 0; l < f->n; l++) {
    squares += square_sum(n_elements(f->weight[l]), v[l]);
    memset(product[l], 0, (size_t)n_elements(f->weight[l]) * sizeof *product[l]);
  }
  double e = step_for(f, squares);
  for (int side = 1; side >= -1; side -= 2) {
    move_weights(&w, v, side * e);
    for (int64_t i = 0; i < f->samples->n; i++) {
      run_sample(&w, i);
      for (int l = 0; l < f->n; l++) {
        const float *g = gradient_of(&w, l);
        int64_t count = n_elements(f->weight[l]);
        for (int64_t k = 0; k < count; k++) product[l][k] += side * (double)g[k] / (2 * e * n);
      }
    }
  }
  end_worker(&w);
}

/* ---- traces */

static void draw_signs(const LossFunction *f, uint64_t seed, float **v) {
  uint64_t bits = 0;
  int left = 0;
  for (int l = 0; l < f->n; l++)
    for (int64_t i = 0; i < n_elements(f->weight[l]); i++, bits >>= 1, left--) {
      if (left == 0) bits = next_bits(&seed), left = 64;
      v[l][i] = bits & 1 ? 1 : -1;
    }
}

/* share[l] = v_l . (H v)_l for one probe, over its samples. */
static void run_probe(Worker *w, const TraceOptions *o, int64_t probe, float **v, double *share) {
  const LossFunction *f = w->f;
  int64_t elements = 0, n = o->samples < f->samples->n ? o->samples : f->samples->n;
  for (int l = 0; l < f->n; l++) {
    elements += n_elements(f->weight[l]);
    share[l] = 0;
  }
  draw_signs(f, o->seed + (uint64_t)probe * UINT64_C(0x632be59bd9b4e019), v);
  double e = step_for(f, (double)elements);
  for (int side = 1; side >= -1; side -= 2) {
    move_weights(w, (const float *const *)v, side * e);
    for (int64_t i = 0; i < n; i++) {
      run_sample(w, (probe * n + i) % f->samples->n);
      for (int l = 0; l < f->n; l++) {
        const float *g = gradient_of(w, l);
        int64_t count = n_elements(f->weight[l]);
        double sum = 0;
        for (int64_t k = 0; k < count; k++) sum += (double)v[l][k] * (double)g[k];
        share[l] += side * sum / (2 * e * (double)n);
      }
    }
  }
}

/* Mean and standard error of column l of share[n][columns]; l -1: of the rows' sums. */
static Trace summarize(const double *share, int64_t n, int columns, int l) {
  double sum = 0, squares = 0;
  for (int pass = 0; pass < 2; pass++) {
    double mean = sum / (double)n;
    for (int64_t p = 0; p < n; p++) {
      double x = 0;
      for (int k = 0; k < columns; k++)
        if (l < 0 || k == l) x += share[p * columns + k];
      if (pass == 0) sum += x;
      else squares += (x - mean) * (x - mean);
    }
  }
  return (Trace){sum / (double)n, n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : INFINITY};
}

static void run_probes(const LossFunction *f, const Graph *d, const TraceOptions *o, int64_t from,
                       int64_t to, double *share) {
#pragma omp parallel
  {
    Worker w = start_worker(f, d);
    float **v = room(f->n, sizeof *v);
    for (int l = 0; l < f->n; l++) v[l] = room(n_elements(f->weight[l]), sizeof *v[l]);
#pragma omp for schedule(dynamic)
    for (int64_t p = from; p < to; p++) run_probe(&w, o, p, v, share + p * f->n);
    for (int l = 0; l < f->n; l++) free(v[l]);
    free(v);
    end_worker(&w);
  }
}

int64_t hessian_traces(const LossFunction *f, const TraceOptions *o, Trace *trace) {
  const Graph *d = gradient_graph(f);
  double *share = room(o->most * f->n, sizeof *share);
  int64_t n = 0;
  bool enough = false;
  while (n < o->most && !enough) {
    int64_t to = n + CHUNK < o->most ? n + CHUNK : o->most;
    run_probes(f, d, o, n, to, share);
    n = to;
    if (o->progress) o->progress("probing", n, o->most);
    Trace all = summarize(share, n, f->n, -1);
    enough = n >= o->least && all.error <= o->tolerance * fabs(all.value);
  }
  for (int l = 0; l < f->n; l++) trace[l] = summarize(share, n, f->n, l);
  free(share);
  return n;
}

/* ---- squares of gradients */

void gradient_squares(const LossFunction *f, Trace *square) {
  const Graph *d = gradient_graph(f);
  int64_t n = f->samples->n;
  double *share = room(n * f->n, sizeof *share);
#pragma omp parallel
  {
    Worker w = start_worker(f, d);
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < n; i++) {
      run_sample(&w, i);
      for (int l = 0; l < f->n; l++)
        share[i * f->n + l] = square_sum(n_elements(f->weight[l]), gradient_of(&w, l));
    }
    end_worker(&w);
  }
  for (int l = 0; l < f->n; l++) square[l] = summarize(share, n, f->n, l);
  free(share);
}
