/* smoothquant.c - large channels of activations made smaller, at the cost of the weights that read them
 * (Xiao et al. 2023, arXiv:2211.10438).
 *
 *   y = w x   ==>   y = (w diag(s)) (x / s),    s = max|x|^alpha / max|w|^(1 - alpha) per channel
 *
 * x / s comes from whatever makes x (channels.c). Activations share a scale per tensor, so one large
 * channel takes the codes from all others; weights have scales of their own per output channel. With alpha
 * 0.5 both have the same largest magnitude in each channel, with 1 all channels of x are alike, with 0 those
 * of w. `alpha: auto` takes for each group of layers whose channels belong together the one with the least
 * error at their outputs, or leaves them as they are where that is least.
 *
 * Of n values of a channel on the samples the next one is the largest with probability 1 / (n + 1). Once all
 * channels fill the range, a new input of more than n channels can be expected to go beyond it: layers with
 * so few values stay as they are. */
#include <math.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/quant/channels.h"
#include "passes/simplify/simplify.h"

enum { ALPHA_STEPS = 20 };    /* of the search, from 0 to 1 */

typedef struct Extremes {
  double *x, *w;              /* [n_class] largest magnitude of activations and weights that read them */
} Extremes;

static Extremes find_extremes(const Graph *g, const Channels *c) {
  Extremes m = {arena_alloc(g->arena, c->n_class * (int64_t)sizeof *m.x),
                arena_alloc(g->arena, c->n_class * (int64_t)sizeof *m.w)};
  for (int i = 0; i < c->n_end; i++) {
    const Ends *e = &c->end[i];
    for (int64_t k = 0; k < e->n_read; k++) {
      double *x = &m.x[e->read[k]];
      *x = fmax(*x, fmax(fabs((double)e->lo[k]), fabs((double)e->hi[k])));
    }
    for (int64_t k = 0; e->n_read > 0 && k < n_elements(e->n->in[1]); k++) {
      double *w = &m.w[e->read[input_channel(e->n, k)]];
      *w = fmax(*w, fabs((double)floats_of(e->n->in[1])[k]));
    }
  }
  return m;
}

/* Channels that nothing is known of, because they or their weights are 0, get the mean of the others. */
static void smooth(const Extremes *m, const Unit *u, double alpha, double *s) {
  double sum = 0;
  int known = 0;
  for (int i = 0; i < u->n_class; i++) {
    int k = u->class_of[i];
    bool dead = !(m->x[k] > 0 && m->w[k] > 0);
    double log_s = dead ? 0 : alpha * log(m->x[k]) - (1 - alpha) * log(m->w[k]);
    s[k] = dead ? 0 : exp(log_s);
    sum += log_s;
    known += !dead;
  }
  for (int i = 0; i < u->n_class; i++)
    if (s[u->class_of[i]] == 0) s[u->class_of[i]] = known > 0 ? exp(sum / known) : 1;
}

/* Candidate 0 changes nothing. */
static void smooth_candidate(const void *ctx, const Unit *u, int i, double *s) {
  if (i > 0) smooth(ctx, u, (double)(i - 1) / ALPHA_STEPS, s);
}

static bool is_integer_layer(const Graph *g, const Context *cx, const Node *n) {
  return weight_choice(g, cx, n).format && act_choice(g, cx, n).format;
}

/* Do the samples have as many values of each channel as there are channels?  Says so in a note if not. */
static bool knows_ranges(Context *cx, const Unit *u) {
  for (int i = 0; i < u->n_layer; i++) {
    const Ends *e = u->layer[i];
    int64_t values = e->n_read > 0 ? cx->calib->n * (n_elements(e->n->in[0]) / e->n_read) : 0;
    if (values >= e->n_read) continue;
    add_note(cx, e->n->name,
             "smoothquant leaves it as it is: the samples have %lld values of each of its %lld input "
             "channels, too few to know their ranges",
             (long long)values, (long long)e->n_read);
    return false;
  }
  return true;
}

void pass_smoothquant(Graph *g, Context *cx) {
  if (!policy_has(cx->policy, "transforms", "smoothquant")) return;
  const Channels *c = start_scaling(g, cx, "smoothquant", is_integer_layer);
  if (!c) return;
  Extremes m = find_extremes(g, c);
  double *s = new_scales(g, c);
  bool search = strcmp(policy_value(cx->policy, "transforms.smoothquant.alpha"), "auto") == 0;
  double alpha = search ? 0 : policy_real(cx->policy, "transforms.smoothquant.alpha");
  for (int i = 0; i < c->n_unit; i++) {
    const Unit *u = &c->unit[i];
    if (!knows_ranges(cx, u)) continue;
    if (!search) smooth(&m, u, alpha, s);
    else
      smooth_candidate(&m, u, best_candidate(g, cx, c, u, ALPHA_STEPS + 2, smooth_candidate, &m, NULL),
                       s);
  }
  scale_classes(g, c, s);
}
