/* loss.c - the loss whose derivatives say how sensitive a layer is: that of the task where there
 * are labels, else the divergence of the outputs from what the float network itself says. */
#include <math.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "driver/search/search.h"

/* 1 for the label of every sample. */
static void label_targets(const BitSpace *s, int64_t classes, float *target) {
  for (int64_t i = 0; i < s->samples->n; i++) target[i * classes + s->label[i]] = 1;
}

/* What the float network itself says. */
static void own_targets(const BitSpace *s, int64_t elements, float *target) {
  prepare_blas();
#pragma omp parallel
  {
    Interp *it = new_interp(s->g);
    const void *in[MAX_IO];
#pragma omp for schedule(static, 1)
    for (int64_t i = 0; i < s->samples->n; i++) {
      for (int k = 0; k < s->g->n_in; k++) in[k] = sample_at(s->g, s->samples, k, i);
      run_interp(it, in, NULL, NULL);
      memcpy(target + i * elements, interp_value(it, s->g->out[0]),
             (size_t)elements * sizeof *target);
    }
    free_interp(it);
  }
}

/* One class of each distribution along the axis of y, as likely as it says. */
static void draw_classes(const Tensor *y, uint64_t *state, float *t) {
  int axis = axis_of(y->def, y, -1);
  int64_t n = y->dim[axis], inner = dims_product(y->dim, axis + 1, y->rank);
  for (int64_t o = 0; o < n_elements(y) / n; o++) {
    float *p = t + o / inner * n * inner + o % inner;
    double left = ldexp((double)(next_bits(state) >> 11), -53);
    int64_t drawn = n - 1;
    for (int64_t k = n - 1; k >= 0; k--) {
      left -= (double)p[k * inner];
      if (left >= 0) drawn = k - 1;
      p[k * inner] = 0;
    }
    p[(drawn < 0 ? 0 : drawn) * inner] = 1;
  }
}

/* Targets that the network's outputs make likely: classes, or real numbers at a distance of 1. */
static void draw_targets(const BitSpace *s, int64_t elements, float *target) {
  const Tensor *y = s->g->out[0];
  for (int64_t i = 0; i < s->samples->n; i++) {
    uint64_t state = (uint64_t)i << 32;
    float *t = target + i * elements;
    if (is_distribution(y)) draw_classes(y, &state, t);
    else
      for (int64_t k = 0; k < elements; k++) t[k] += next_bits(&state) & 1 ? 1 : -1;
  }
}

LossFunction make_loss(const BitSpace *s, bool drawn) {
  Graph *g = clone_graph(s->g);
  Tensor *y = g->out[0], *target,
         **weight = arena_alloc(s->a, (s->n_layer + 1) * (int64_t)sizeof *weight);
  if (y->dtype != DT_F32)
    error_at(y->loc, "output '%s' is %s, and a loss needs real numbers", y->name,
             dtype_name(y->dtype));
  LossFunction f = {.g = g, .weight = weight};
  for (int l = 0; l < s->n_layer; l++) {
    Tensor *w = g->node[s->layer[l].node]->in[1];
    if (weight_number(&f, w->name) < 0) weight[f.n++] = w;
  }
  bool classes = s->label != NULL || is_distribution(y);
  f.loss = add_loss(g, y, classes ? LOSS_CROSS_ENTROPY : LOSS_SQUARED_ERROR, &target);
  int64_t elements = n_elements(y);
  float *t = arena_alloc(s->a, mul_size(mul_size(s->samples->n, elements), (int64_t)sizeof *t));
  if (s->label) label_targets(s, elements, t);
  else own_targets(s, elements, t);
  if (!s->label && drawn) draw_targets(s, elements, t);
  Samples *all = arena_alloc(s->a, sizeof *all);
  *all = *s->samples;
  all->data = arena_alloc(s->a, (all->n_in + 1) * (int64_t)sizeof *all->data);
  memcpy(all->data, s->samples->data, (size_t)all->n_in * sizeof *all->data);
  all->data[all->n_in++] = t;
  f.samples = all;
  return f;
}

int weight_number(const LossFunction *f, const char *name) {
  for (int i = 0; i < f->n; i++)
    if (strcmp(f->weight[i]->name, name) == 0) return i;
  return -1;
}

void weigh_errors(const BitSpace *s, const LossFunction *f, const Trace *trace, Cost *cost) {
  for (int l = 0; l < s->n_layer; l++) {
    const Tensor *w = s->g->node[s->layer[l].node]->in[1];
    const Trace *t = &trace[weight_number(f, w->name)];
    int64_t n = n_elements(w);
    for (int c = 0; c < s->n_candidate; c++) {
      double noise = 0;
      for (int64_t i = 0; i < n; i++) {
        double e = (double)s->layer[l].decoded[c][i] - (double)((const float *)w->data)[i];
        noise += e * e;
      }
      cost[l * s->n_candidate + c] =
          (Cost){t->value / (double)n * noise, t->error / (double)n * noise};
    }
  }
}
