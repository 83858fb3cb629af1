/* outliers.c - the few weights that codes hold badly lie beside them, as what is to be added to the
 * code (ir/outliers.c).  The grid of all others then need not cover them.
 *
 * A rule (outliers.def) may mark weights before any scale is fitted, says which scale a run has
 * without its outliers, and may set a limit: weights whose rounding costs more are kept as well.  A
 * solver that rounds one weight after another asks when it comes to each, so that the others make up
 * for nothing that is kept; for any other solver the question is put behind it. */
#include "passes/quant/outliers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/simplify/simplify.h"

static const OutlierRule rules[] = {
#define OUTLIERS(name, mark, fit, limit, needs, summary) {#name, mark, fit, limit, needs},
#include "ir/outliers.def"
#undef OUTLIERS
};

static const OutlierRule *find_rule(const char *name) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (strcmp(rules[i].name, name) == 0) return &rules[i];
  bug("no rule for outliers is called '%s'", name);
}

int outlier_needs(const OutlierChoice *c) {
  return c->rate > 0 ? find_rule(c->rule)->needs : NEEDS_NOTHING;
}

double input_square(const Layer *l, int64_t channel, int64_t column) {
  return l->square[channel / (l->channels / l->x->groups) * l->row + column];
}

/* ---- before the solver ----------------------------------------------------------------------- */

Outliers *new_outliers(Layer *l) {
  const OutlierChoice *c = &l->choice->outliers;
  Outliers *o = scratch(1, sizeof *o);
  o->rule = find_rule(c->rule);
  o->kept = scratch(l->channels * l->row, 1);
  o->value = scratch(l->channels * l->row, sizeof *o->value);
  o->left = scratch(l->channels, sizeof *o->left);
  o->limit = scratch(l->x->groups, sizeof *o->limit);
  for (int64_t i = 0; i < l->channels; i++) o->left[i] = (int64_t)ceil(c->rate * (double)l->row);
  l->outliers = o;
  double *cost = scratch(l->row, sizeof *cost);
  int64_t n = l->channels / l->x->groups;
  for (int64_t g = 0; g < l->x->groups; g++) {
    for (int64_t k = 0; k < l->row; k++) cost[k] = input_square(l, g * n, k);
    set_outlier_limit(l, g, cost);
  }
  free(cost);
  if (o->rule->mark != NULL) o->rule->mark(l);
  return o;
}

void free_outliers(Outliers *o) {
  if (o == NULL) return;
  free(o->kept);
  free(o->value);
  free(o->left);
  free(o->limit);
  free(o);
}

void set_outlier_limit(Layer *l, int64_t group, const double *cost) {
  Outliers *o = l->outliers;
  o->limit[group] = o->rule->limit != NULL ? o->rule->limit(l, group, cost) : INFINITY;
}

float fit_without(const Layer *l, const float *w, int64_t from, int64_t n, const uint8_t *out) {
  float *rest = scratch(2 * n, sizeof *rest), *weight = NULL;
  if (l->importance != NULL) weight = rest + n;
  for (int64_t i = 0; i < n; i++) {
    rest[i] = out[i] ? 0 : w[i];
    if (weight != NULL) weight[i] = out[i] ? 0 : importance_from(l, from)[i];
  }
  float s = l->solver->fit(rest, weight, n, l->q->format);
  free(rest);
  return s;
}

float fit_unmarked(const Layer *l, const float *w, int64_t from, int64_t n) {
  return fit_without(l, w, from, n, l->outliers->kept + from);
}

/* ---- units of values -------------------------------------------------------------------------- */

/* Room that a feedback may add to a kept weight, and the accumulator's share of 31 bits. */
static const double most_units = 30000, most_sum = 1 << 30;

int outlier_multiple(const Layer *l, int64_t channel, float scale, float x_scale, const float *bias) {
  double largest = 0, sum = bias != NULL ? fabs((double)bias[channel] / (double)x_scale) : 0;
  for (int64_t k = 0; k < l->row; k++) {
    double w = fabs((double)l->w[channel * l->row + k]);
    largest = fmax(largest, w);
    sum += 255 * w;
  }
  double top = 255;
  if (largest > 0) top = fmin(top, most_units * (double)scale / largest);
  if (sum > 0) top = fmin(top, most_sum * (double)scale / sum);
  return (int)fmax(top, 1);
}

/* ---- the question ----------------------------------------------------------------------------- */

static double within(double v, double bound) { return fmin(fmax(v, -bound), bound); }

double settle_weight(const Layer *l, int64_t element, double now, double q, double cost) {
  Outliers *o = l->outliers;
  if (o == NULL) return q;
  int64_t channel = element / l->row, group = channel / (l->channels / l->x->groups);
  if (!o->kept[element]) {
    if (!(cost * (now - q) * (now - q) > o->limit[group]) || o->left[channel] == 0) return q;
    o->left[channel]--;
  }
  double unit = (double)l->q->channel_scale[channel], code = rint(q / unit);
  double value = within(within(rint(now / unit), INT16_MAX) - code, INT16_MAX);
  o->kept[element] = true;
  o->value[element] = (int16_t)value;
  return q + unit * value;
}

static void settle_all(Layer *l) {
  for (int64_t e = 0; e < l->channels * l->row; e++) {
    double q = (double)l->q->scale[scale_index(l->t, l->q, e)] * code_value(l->q->format, l->codes[e]);
    settle_weight(l, e, (double)l->w[e], q, input_square(l, e / l->row, e % l->row));
  }
}

/* ---- the result -------------------------------------------------------------------------------- */

void store_outliers(Graph *g, Layer *l, const char *name, Tensor *beside[3]) {
  Outliers *o = l->outliers;
  if (!o->asked) settle_all(l);
  int64_t n = 0, at = 0, elements = l->channels * l->row;
  for (int64_t e = 0; e < elements; e++) n += o->value[e] != 0;
  if (n == 0) return;
  uint16_t *count = arena_alloc(g->arena, l->channels * 2), *column = arena_alloc(g->arena, n * 2);
  int16_t *value = arena_alloc(g->arena, n * 2);
  for (int64_t e = 0; e < elements; e++) {
    if (o->value[e] == 0) continue;
    count[e / l->row]++;
    column[at] = (uint16_t)(e % l->row);
    value[at++] = o->value[e];
  }
  static const char *const suffix[] = {"count", "column", "value"};
  void *data[] = {count, column, value};
  for (int i = 0; i < 3; i++) {
    const char *full = fresh_name(g, arena_printf(g->arena, "%s_%s", name, suffix[i]));
    beside[i] = new_const(g, full, i < 2 ? DT_U16 : DT_I16, 1, i ? &n : &l->channels, data[i]);
  }
}
