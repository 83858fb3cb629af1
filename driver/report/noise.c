/* noise.c - what quantization does along the graph, layer by layer, on the samples.
 *
 * The graph behind pass `quantize` still computes in real numbers, with Quantize and Dequantize
 * where codes will be: it is run next to the float graph.  A layer is compared where its codes are
 * real numbers again, as those who read them see them.  Run as it is, it shows the error that has
 * come together so far; run node by node, with the exact values in the place of each compared one,
 * it shows what the layer itself adds.  Samples are streamed; sums are added in their order, so
 * that they do not depend on the number of threads. */
#include <stdlib.h>
#include <string.h>

#include "driver/report/report.h"

/* Where tensor `got` of the simulated graph stands for tensor `exact` of the float one. */
typedef struct Watch {
  const Tensor *exact, *got;
} Watch;

typedef struct Stage {
  Report *r;
  const Samples *raw;         /* as the model takes them */
  Samples *simulated, *final; /* as these graphs do */
  const int *label;
  Watch *watch; /* [n_node of the simulated graph] exact NULL: none */
} Stage;

/* One thread's. */
typedef struct Worker {
  Interp *model, *real, *simulated, *final;
  float *x, *y;     /* [most elements of a compared tensor] */
  double (*sum)[3]; /* [n_noise] of one sample: signal, own, all */
} Worker;

static const Tensor *exact_of(const Graph *real, const Tensor *t) {
  const Tensor *exact = t ? find_tensor(real, t->name) : NULL;
  return exact && exact->dtype == DT_F32 && !is_const(exact) ? exact : NULL;
}

static bool is_quantized_next(const Graph *g, const Tensor *t) {
  for (int i = 0; i < g->n_node; i++)
    if (is_op(g->node[i], "Quantize") && g->node[i]->in[0] == t) return true;
  return false;
}

static Watch watch_of(const Report *r, const Node *n) {
  const Tensor *t = n->n_out > 0 ? n->out[0] : NULL, *stands_for = t;
  if (!t) return (Watch){0};
  if (is_op(n, "Dequantize")) {
    const Node *made = n->in[0]->def;
    stands_for = is_op(made, "Quantize") ? made->in[0] : n->in[0];
  } else if (is_op(n, "Quantize")) {
    if (!is_graph_output(r->simulated, t)) return (Watch){0};
  } else if (is_quantized_next(r->simulated, t)) {
    return (Watch){0};
  }
  Watch w = {exact_of(r->real, stands_for), t};
  if (w.exact && n_elements(w.exact) != n_elements(t)) w.exact = NULL;
  return w;
}

static void list_watched(Stage *s) {
  Report *r = s->r;
  const Graph *g = r->simulated;
  s->watch = arena_alloc(r->a, (g->n_node + 1) * (int64_t)sizeof *s->watch);
  r->noise = arena_alloc(r->a, (g->n_node + 1) * (int64_t)sizeof *r->noise);
  for (int i = 0; i < g->n_node; i++) {
    Watch w = s->watch[i] = watch_of(r, g->node[i]);
    if (!w.exact) continue;
    const Node *made = w.exact->def;
    r->noise[r->n_noise++] = (Noise){.name = w.exact->name, .op = made ? made->op->name : "input"};
  }
}

/* Squares of the exact values, and of the differences to tensor t. */
static double add_difference(Worker *w, const Tensor *t, const float *exact, double *signal) {
  double noise = 0, squares = 0;
  int64_t n = n_elements(t);
  output_reals(t, interp_value(w->simulated, t), w->y);
  for (int64_t i = 0; i < n; i++) {
    double d = (double)w->y[i] - exact[i];
    squares += (double)exact[i] * exact[i];
    noise += d * d;
  }
  *signal = squares;
  return noise;
}

static void compare_layers(const Stage *s, Worker *w) {
  const Graph *g = s->r->simulated;
  int k = 0;
  for (int i = 0; i < g->n_node; i++) {
    const Watch *at = &s->watch[i];
    if (!at->exact) continue;
    const float *exact = interp_value(w->real, at->exact);
    w->sum[k][2] = add_difference(w, at->got, exact, &w->sum[k][0]);
    k++;
  }
  k = 0;
  for (int i = 0; i < g->n_node; i++) {
    const Watch *at = &s->watch[i];
    run_nodes(w->simulated, i, i + 1);
    if (!at->exact) continue;
    const float *exact = interp_value(w->real, at->exact);
    w->sum[k][1] = add_difference(w, at->got, exact, &w->sum[k][0]);
    if (at->got->dtype == DT_F32) set_value(w->simulated, at->got, exact);
    k++;
  }
}

static void run_sample(const Graph *g, Interp *it, const Samples *s, int64_t i) {
  const void *in[MAX_IO];
  for (int k = 0; k < g->n_in; k++) in[k] = sample_at(g, s, k, i);
  run_interp(it, in, NULL, NULL);
}

/* Every output is compared with the model's; the label is of the first one. */
static void score_outputs(const Stage *s, Worker *w, int64_t i) {
  Report *r = s->r;
  int label = s->label ? s->label[i] : -1;
  for (int k = 0; k < n_outputs(r->j->model); k++) {
    const Tensor *t = r->j->model->out[k], *u = r->j->g->out[k];
    Score exact = r->exact, score = r->score;
    output_reals(t, interp_value(w->model, t), w->x);
    output_reals(u, interp_value(w->final, u), w->y);
    add_score(&r->exact, w->x, w->x, n_elements(t), label);
    add_score(&r->score, w->x, w->y, n_elements(t), label);
    if (k == 0) continue;
    r->exact.samples = exact.samples, r->exact.agree = exact.agree, r->exact.right = exact.right;
    r->score.samples = score.samples, r->score.agree = score.agree, r->score.right = score.right;
  }
}

static void add_sample(const Stage *s, Worker *w, int64_t i) {
  Report *r = s->r;
  for (int k = 0; k < r->n_noise; k++) {
    r->noise[k].signal += w->sum[k][0];
    r->noise[k].own += w->sum[k][1];
    r->noise[k].all += w->sum[k][2];
  }
  score_outputs(s, w, i);
  if (r->j->cx.progress) r->j->cx.progress("comparing", i + 1, s->raw->n);
}

static int64_t most_elements(const Graph *g) {
  int64_t most = 1;
  for (int i = 0; i < g->n_tensor; i++)
    most = n_elements(g->tensor[i]) > most ? n_elements(g->tensor[i]) : most;
  return most;
}

static void *room(int64_t n, size_t bytes) {
  void *p = calloc((size_t)n + 1, bytes);
  if (!p) error("out of memory");
  return p;
}

static Worker new_worker(const Report *r) {
  int64_t most = most_elements(r->simulated), outputs = most_elements(r->j->model);
  if (outputs > most) most = outputs;
  return (Worker){.model = new_interp(r->j->model),
                  .real = new_interp(r->real),
                  .simulated = new_interp(r->simulated),
                  .final = new_interp(r->j->g),
                  .x = room(most, sizeof(float)),
                  .y = room(most, sizeof(float)),
                  .sum = room(r->n_noise, sizeof(double[3]))};
}

static void free_worker(Worker *w) {
  free_interp(w->model);
  free_interp(w->real);
  free_interp(w->simulated);
  free_interp(w->final);
  free(w->x);
  free(w->y);
  free(w->sum);
}

/* The samples as a graph of the job takes them. */
static Samples *samples_of(const Report *r, Graph *g, const Samples *s) {
  Job j = *r->j;
  j.g = g;
  return samples_for(&j, s);
}

void measure_noise(Report *r, const Samples *samples, const int *label) {
  Stage s = {.r = r,
             .raw = samples,
             .simulated = samples_of(r, r->simulated, samples),
             .final = samples_of(r, r->j->g, samples),
             .label = label};
  list_watched(&s);
  r->n_sample = samples->n;
  prepare_blas();
#pragma omp parallel
  {
    Worker w = new_worker(r);
#pragma omp for ordered schedule(static, 1)
    for (int64_t i = 0; i < samples->n; i++) {
      run_sample(r->j->model, w.model, samples, i);
      run_sample(r->real, w.real, samples, i);
      run_sample(r->simulated, w.simulated, s.simulated, i);
      run_sample(r->j->g, w.final, s.final, i);
      compare_layers(&s, &w);
#pragma omp ordered
      add_sample(&s, &w, i);
    }
    free_worker(&w);
  }
}
