/* moments.c - Hessians and means of a layer's inputs, streamed from the samples.
 *
 * The squared error of an output channel with weights w + e is e H e^T / 2 per vector, H the sum of
 * x x^T over all input vectors x, times 2 / their number.  The samples run through the network as
 * it is at the moment, so what comes before the layer may be quantized already.  Samples run in
 * parallel, sums are added in sample order and in double: the same bytes on any number of threads.
 * Of a layer in a loop the inputs of the first step are taken.  Memory is a matrix and a block of
 * vectors, however many samples there are. */
#include "passes/quant/moments.h"

#include <cblas.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

enum { BLOCK_ELEMENTS = 1 << 16 }; /* of a block of vectors */

/* When a node is to run for the input of another. */
enum { NEVER, ONCE, EVERY_SAMPLE };

/* The nodes of one graph that compute the input of one node. */
typedef struct Prefix {
  const Graph *g;
  const Node *end;
  char *when; /* [n_node] */
} Prefix;

/* Marks the nodes that t depends on; returns whether it depends on the sample. */
static bool mark_needed(const Graph *g, const Tensor *t, char *when) {
  if (t == NULL || is_const(t)) return false;
  if (t->def == NULL) return true;
  int i = node_index(g, t->def);
  if (when[i] != NEVER) return when[i] == EVERY_SAMPLE;
  bool varies = false;
  for (int k = 0; k < t->def->n_in; k++) varies |= mark_needed(g, t->def->in[k], when);
  when[i] = varies ? EVERY_SAMPLE : ONCE;
  return varies;
}

static Prefix prefix_of(const Graph *g, const Node *end) {
  Prefix p = {g, end, scratch(g->n_node, sizeof *p.when)};
  mark_needed(g, end->in[0], p.when);
  return p;
}

/* Ready to run the prefix: what depends on constants only, weights from their codes, is there. */
static Interp *new_prefix_interp(const Prefix *p) {
  Interp *it = new_interp(p->g);
  run_chosen(it, p->when, ONCE);
  return it;
}

static const Node *node_named(const Graph *g, const char *name) {
  for (int i = 0; i < g->n_node; i++)
    if (strcmp(g->node[i]->name, name) == 0) return g->node[i];
  bug("the float network has no node '%s'", name);
}

/* Sets an input of g, which quantization may have made one of codes, from a sample for the float
 * network's. */
static void set_input_value(Interp *it, const Tensor *own, const Tensor *real, const void *sample) {
  if (own->dtype == real->dtype) {
    set_value(it, own, sample);
    return;
  }
  void *codes = scratch(tensor_bytes(own), 1);
  quantize_reals(own, sample, codes);
  set_value(it, own, codes);
  free(codes);
}

/* The input of the prefix's end on one of the samples, which fit the float network `exact`. */
static const float *run_prefix(const Prefix *p, Interp *it, const Graph *exact, const Samples *s,
                               int64_t sample) {
  for (int k = 0; k < p->g->n_in; k++)
    set_input_value(it, p->g->in[k], exact->in[k], sample_at(exact, s, k, sample));
  run_chosen(it, p->when, EVERY_SAMPLE);
  return interp_value(it, p->end->in[0]);
}

/* ---- the vectors of one layer ---------------------------------------------------------------- */

/* Vectors of a Gemm are the rows of its input, a convolution without a window. */
typedef struct Vectors {
  Window w; /* widened; of a Gemm only batch (rows) and group are set */
  bool conv, taps_last;
  int64_t k, positions; /* elements, and vectors of one sample and group */
} Vectors;

static Vectors vectors_of(const Node *n) {
  const Tensor *weights = n->in[1];
  Vectors v = {.conv = is_op(n, "Conv"), .taps_last = weights->layout != LAYOUT_NHWC};
  v.k = weights->dim[0] > 0 ? n_elements(weights) / weights->dim[0] : 0;
  if (v.conv) {
    get_window(n, n->in[0], weights, &v.w);
    widen_window(&v.w);
    v.positions = window_positions(&v.w);
    return v;
  }
  v.w.group = v.w.batch = 1;
  v.positions = v.k > 0 ? n_elements(n->in[0]) / v.k : 0;
  return v;
}

bool same_vectors(const Node *a, const Node *b) {
  if (a->in[0] != b->in[0] || a->op != b->op) return false;
  Vectors u = vectors_of(a), v = vectors_of(b);
  u.w.out_channels = v.w.out_channels = 0;
  u.w.out_channel_step = v.w.out_channel_step = 0;
  u.w.out_batch_step = v.w.out_batch_step = 0;
  memset(u.w.out_step, 0, sizeof u.w.out_step);
  memset(v.w.out_step, 0, sizeof v.w.out_step);
  return u.k == v.k && u.taps_last == v.taps_last && memcmp(&u.w, &v.w, sizeof u.w) == 0;
}

static void widen_block(const Vectors *v, const float *x, int64_t batch, int64_t group,
                        int64_t first, int64_t count, float *rows, double *to) {
  const float *from = x + first * v->k;
  if (v->conv) {
    Patches p = {&v->w, x, sizeof *x, 0, v->taps_last, batch, group};
    gather_patches(&p, first, count, rows);
    from = rows;
  }
  for (int64_t i = 0; i < count * v->k; i++) to[i] = (double)from[i];
}

/* ---- sums ------------------------------------------------------------------------------------ */

typedef struct Scratch {
  int64_t block;     /* vectors in a block */
  float *rows;       /* [block][k], or NULL where inputs lie that way */
  double *x, *exact; /* [block][k] */
} Scratch;

static void add_mean(double *mean, const double *x, int64_t count, int64_t k) {
  for (int64_t i = 0; i < count; i++)
    for (int64_t j = 0; j < k; j++) mean[j] += x[i * k + j];
}

static void add_block(Moments *m, int64_t group, int64_t count, const double *x, double *exact) {
  int64_t k = m->k;
  int size = (int)k, rows = (int)count;
  if (m->hessian != NULL)
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, size, rows, 1, x, size, 1,
                m->hessian + group * k * k, size);
  if (m->mean != NULL) add_mean(m->mean + group * k, x, count, k);
  if (m->float_mean != NULL) add_mean(m->float_mean + group * k, exact, count, k);
  if (m->mismatch == NULL) return;
  for (int64_t i = 0; i < count * k; i++) exact[i] -= x[i];
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, size, size, rows, 1, exact, size, x, size, 1,
              m->mismatch + group * k * k, size);
}

/* Adds the vectors of one sample: inputs x, and those of the float network or NULL. */
static void add_sample(Moments *m, const Vectors *v, const Scratch *s, const float *x,
                       const float *exact) {
  for (int64_t b = 0; b < v->w.batch; b++)
    for (int64_t g = 0; g < v->w.group; g++)
      for (int64_t first = 0; first < v->positions; first += s->block) {
        int64_t count = v->positions - first < s->block ? v->positions - first : s->block;
        widen_block(v, x, b, g, first, count, s->rows, s->x);
        if (exact != NULL) widen_block(v, exact, b, g, first, count, s->rows, s->exact);
        add_block(m, g, count, s->x, s->exact);
      }
}

static void finish_hessian(Moments *m, double scale) {
  int64_t k = m->k;
  for (int64_t g = 0; g < m->groups; g++) {
    double *h = m->hessian + g * k * k;
    for (int64_t i = 0; i < k; i++)
      for (int64_t j = i; j < k; j++) h[j * k + i] = h[i * k + j] *= scale;
  }
}

static void scale_all(double *sum, int64_t n, double scale) {
  for (int64_t i = 0; sum != NULL && i < n; i++) sum[i] *= scale;
}

static void finish(Moments *m) {
  double one = m->count > 0 ? 1 / (double)m->count : 0;
  if (m->hessian != NULL) finish_hessian(m, 2 * one);
  scale_all(m->mismatch, m->groups * m->k * m->k, 2 * one);
  scale_all(m->mean, m->groups * m->k, one);
  scale_all(m->float_mean, m->groups * m->k, one);
}

static Moments *new_moments(const Vectors *v, int what, int64_t samples) {
  int64_t groups = v->w.group, n = groups * v->k, square = mul_size(n, v->k);
  Moments *m = scratch(1, sizeof *m);
  *m = (Moments){.what = what, .k = v->k, .groups = groups};
  m->count = samples * v->w.batch * v->positions;
  if (what & NEEDS_HESSIAN) m->hessian = scratch(square, sizeof *m->hessian);
  if (what & NEEDS_MISMATCH) m->mismatch = scratch(square, sizeof *m->mismatch);
  if (what & NEEDS_MEANS) m->mean = scratch(n, sizeof *m->mean);
  if (what & NEEDS_MEANS) m->float_mean = scratch(n, sizeof *m->float_mean);
  return m;
}

void free_moments(Moments *m) {
  if (m == NULL) return;
  free(m->hessian);
  free(m->mismatch);
  free(m->mean);
  free(m->float_mean);
  free(m);
}

static Scratch new_scratch(const Vectors *v, bool exact) {
  Scratch s = {.block = BLOCK_ELEMENTS / (v->k > 0 ? v->k : 1) + 1};
  if (s.block > v->positions) s.block = v->positions;
  s.rows = v->conv ? scratch(s.block * v->k, sizeof *s.rows) : NULL;
  s.x = scratch(s.block * v->k, sizeof *s.x);
  s.exact = exact ? scratch(s.block * v->k, sizeof *s.exact) : NULL;
  return s;
}

Moments *collect_moments(const Graph *g, const Node *n, const Graph *exact, const Context *cx,
                         int what) {
  const Samples *samples = cx->calib;
  bool compare = what & (NEEDS_MISMATCH | NEEDS_MEANS);
  Vectors v = vectors_of(n);
  Moments *m = new_moments(&v, what, samples->n);
  Scratch s = new_scratch(&v, compare);
  Prefix own = prefix_of(g, n), other = {0};
  if (compare) other = prefix_of(exact, node_named(exact, n->name));
  prepare_blas();
#pragma omp parallel
  {
    Interp *it = new_prefix_interp(&own);
    Interp *it_exact = compare ? new_prefix_interp(&other) : NULL;
#pragma omp for ordered schedule(static, 1)
    for (int64_t i = 0; i < samples->n; i++) {
      const float *x = run_prefix(&own, it, exact, samples, i);
      const float *x_exact = compare ? run_prefix(&other, it_exact, exact, samples, i) : NULL;
#pragma omp ordered
      {
        add_sample(m, &v, &s, x, x_exact);
        if (cx->progress) cx->progress(n->name, i + 1, samples->n);
      }
    }
    free_interp(it);
    free_interp(it_exact);
  }
  finish(m);
  free(s.rows);
  free(s.x);
  free(s.exact);
  free(own.when);
  free(other.when);
  return m;
}
