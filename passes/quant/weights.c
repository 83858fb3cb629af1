/* weights.c - codes for a constant weight tensor: the chosen solver's scales, made usable by
 * integer kernels, then its codes.  Group scales become integer multiples (1..255) of a scale per
 * channel; the scale of a channel with tiny weights but a large bias is raised until the bias fits
 * int32 with room to spare. */
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/quant.h"
#include "passes/quant/outliers.h"

/* Scale that the solver would give a run. */
static void fit_run(void *ctx, const float *w, int64_t n, int64_t from, int64_t index) {
  Layer *l = ctx;
  bool clip = l->choice->clip && l->x != NULL && l->x->hessian != NULL && !l->q->format->book_size;
  float scale = clip ? clipped_scale(l, w, n, from) : fit_part(l, w, from, n);
  l->q->scale[index] = scale > 0 ? scale : 1;
}

/* scale[c, g] = channel_scale[c] * multiple[c, g]. */
static void make_multiples(Graph *g, const Tensor *w, const Layer *l, const LayerInput *x) {
  QuantSpec *q = l->q;
  int64_t channels = q->axis < 0 ? 1 : w->dim[q->axis], groups = q->n / channels;
  q->multiple = arena_alloc(g->arena, q->n);
  q->channel_scale = arena_alloc(g->arena, channels * (int64_t)sizeof(float));
  for (int64_t c = 0; c < channels; c++) {
    float largest = 0;
    for (int64_t k = 0; k < groups; k++) largest = fmaxf(largest, q->scale[c * groups + k]);
    int top = l->outliers ? outlier_multiple(l, c, largest, x->scale, x->bias) : 255;
    q->channel_scale[c] = largest / nearest_multiple(top, l);
    for (int64_t k = 0; k < groups; k++) {
      double m = (double)q->scale[c * groups + k] / (double)q->channel_scale[c];
      q->multiple[c * groups + k] = nearest_multiple(m, l);
      q->scale[c * groups + k] = q->channel_scale[c] * (float)q->multiple[c * groups + k];
    }
  }
}

/* Largest |bias| of the channels that share scale i. */
static double bias_of(const Tensor *w, const QuantSpec *q, int64_t i, int64_t per, const float *bias) {
  double b = 0;
  for (int64_t o = 0; bias && o < w->dim[0]; o++)
    if (q->axis < 0 || o == i / per) b = fmax(b, fabs((double)bias[o]));
  return b;
}

/* Do all weights of scale i's channel round to 0? */
static bool is_dead(const QuantSpec *q, int64_t i, int64_t per, const float *w, int64_t row) {
  const float *channel = w + i / per * row;
  for (int64_t k = 0; k < row; k++)
    if (fabs((double)channel[k]) >= 0.5 * (double)q->scale[i]) return false;
  return true;
}

/* Room for the bias in the accumulator: |bias code| stays below these powers of two.  A channel
 * without weights needs few bits, and must not decide the shift of the whole layer. */
enum { BIAS_BITS = 26, DEAD_BIAS_BITS = 16 };

/* v [elements of w]: its reals. */
static void settle_scales(const Tensor *w, const float *v, QuantSpec *q, float x_scale,
                          const float *bias) {
  int64_t channels = q->axis < 0 ? 1 : w->dim[q->axis], row = n_elements(w) / channels;
  int64_t per = q->n / channels;
  float largest = 0;
  for (int64_t i = 0; i < q->n; i++) {
    double least = bias_of(w, q, i, per, bias) / x_scale;
    q->scale[i] = fmaxf(q->scale[i], (float)ldexp(least, -BIAS_BITS));
    if (!is_dead(q, i, per, v, row)) largest = fmaxf(largest, q->scale[i]);
  }
  for (int64_t i = 0; i < q->n; i++) {
    if (!is_dead(q, i, per, v, row)) continue;
    double least = bias_of(w, q, i, per, bias) / x_scale;
    if (least > 0) q->scale[i] = fmaxf(q->scale[i], (float)ldexp(least, -DEAD_BIAS_BITS));
    else if (largest > 0) q->scale[i] = largest;
  }
}

static void keep_squares(Layer *l) {
  int64_t k = l->row, n = l->x->groups * k;
  l->square = scratch(n, sizeof *l->square);
  for (int64_t i = 0; i < n; i++) l->square[i] = l->x->hessian[i * k + i % k];
}

/* For every group of channels that have the same inputs, or for every channel where all weights have one
 * scale. */
static void spread_importance(Layer *l) {
  int64_t per_group = l->channels / l->x->groups;
  l->alike = l->q->axis < 0 ? 1 : per_group;
  l->importance = scratch(l->channels / l->alike * l->row, sizeof *l->importance);
  for (int64_t c = 0; c < l->channels; c += l->alike)
    for (int64_t k = 0; k < l->row; k++)
      l->importance[c / l->alike * l->row + k] = (float)l->square[c / per_group * l->row + k];
}

Tensor *quantize_weights(Graph *g, const Tensor *w, const WeightChoice *choice, const LayerInput *x,
                         Tensor *beside[3], const char **note) {
  int64_t count = n_elements(w), channels = w->dim[0], row = channels ? count / channels : 0;
  bool wanted = beside != NULL && choice->outliers.rate > 0, outliers = wanted && row <= UINT16_MAX;
  bool groups = choice->granularity == GRAN_GROUP && choice->group < row;
  int64_t group = groups ? choice->group : row;
  int axis = choice->granularity == GRAN_TENSOR ? -1 : 0;
  int64_t n = axis < 0 ? 1 : channels * (group ? (row + group - 1) / group : 1);
  Tensor *t = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_codes", w->name)),
                        choice->format->dtype, w->rank, w->dim, arena_alloc(g->arena, count + 1));
  t->layout = w->layout;
  t->quant = new_quant(g, choice->format, axis, groups || outliers ? group : 0, n);
  Layer l = {.solver = find_solver(choice->solver), .choice = choice, .t = t, .w = w->data,
             .channels = channels, .row = row, .q = t->quant, .codes = t->data, .x = x->moments};
  if (!l.solver) error_at(choice->loc, "unknown solver '%s'", choice->solver);
  if (l.x != NULL && l.x->hessian != NULL) keep_squares(&l);
  if (l.solver->needs & NEEDS_HESSIAN) spread_importance(&l);
  float *pruned = is_pruned(choice) ? prune_weights(&l) : NULL;
  if (pruned != NULL) l.dense = l.w, l.w = pruned;
  if (outliers) new_outliers(&l);
  for_each_run(t, t->quant, fit_run, l.w, &l);
  settle_scales(w, l.w, t->quant, x->scale, x->bias);
  if (t->quant->group) make_multiples(g, t, &l, x);
  fit_books(g, &l);
  *note = l.solver->round(&l);
  if (outliers) store_outliers(g, &l, w->name, beside);
  else if (wanted) *note = "no weights lie beside the codes of rows as long as its";
  free_outliers(l.outliers);
  free(l.importance);
  free(l.square);
  free(pruned);
  return t;
}
