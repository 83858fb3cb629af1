/* awq.c - weights that multiply large activations made larger before they are rounded, so that their errors
 * count less (Lin et al. 2023, arXiv:2306.00978, as its authors' code has it).
 *
 *   y = w x   ==>   y = (w diag(s)) (x / s),    s = mean|x|^r per channel, sqrt(max s * min s) = 1
 *
 * x / s comes from whatever makes x (channels.c).  For each group of layers whose channels belong together
 * r = 0, 1 / grid ... is the one with the least error at their outputs when weights have the codes that they
 * will get; r = 0 is what the codes would be without.  What `clip` does is in clip.c. */
#include <math.h>

#include "passes/quant/channels.h"

/* Smallest scale beside the largest one. */
static const double least_scale = 1e-4;

typedef struct Grid {
  int n;                      /* of r */
  double *mean;               /* [n_class] magnitude of the activations, 0: always 0 */
} Grid;

static double *class_means(const Graph *g, const Channels *c) {
  double *mean = arena_alloc(g->arena, c->n_class * (int64_t)sizeof *mean);
  double *count = arena_alloc(g->arena, c->n_class * (int64_t)sizeof *count);
  for (int i = 0; i < c->n_end; i++) {
    const Ends *e = &c->end[i];
    double rows = e->n_read > 0 ? (double)n_elements(e->n->in[0]) / (double)e->n_read : 0;
    for (int64_t k = 0; k < e->n_read; k++) {
      mean[e->read[k]] += rows * e->mean[k];
      count[e->read[k]] += rows;
    }
  }
  for (int i = 0; i < c->n_class; i++)
    if (count[i] > 0) mean[i] /= count[i];
  return mean;
}

static void awq_candidate(const void *ctx, const Unit *u, int i, double *s) {
  const Grid *grid = ctx;
  double r = (double)i / grid->n, largest = 0, least = 1;
  for (int k = 0; k < u->n_class; k++) largest = fmax(largest, grid->mean[u->class_of[k]]);
  if (i == 0 || !(largest > 0)) return;
  for (int k = 0; k < u->n_class; k++) {
    double mean = grid->mean[u->class_of[k]];
    if (mean > 0) least = fmin(least, fmax(pow(mean / largest, r), least_scale));
  }
  for (int k = 0; k < u->n_class; k++) {
    double mean = grid->mean[u->class_of[k]];
    if (mean > 0)
      s[u->class_of[k]] = fmax(pow(mean / largest, r), least_scale) / sqrt(least);
  }
}

static bool gets_codes(const Graph *g, const Context *cx, const Node *n) {
  return weight_choice(g, cx, n).format != NULL;
}

void pass_awq(Graph *g, Context *cx) {
  if (!policy_has(cx->policy, "transforms", "awq")) return;
  const Channels *c = start_scaling(g, cx, "awq", gets_codes);
  if (!c) return;
  Grid grid = {(int)policy_int(cx->policy, "transforms.awq.grid"), class_means(g, c)};
  double *s = new_scales(g, c);
  for (int i = 0; i < c->n_unit; i++) {
    const Unit *u = &c->unit[i];
    awq_candidate(&grid, u, best_candidate(g, cx, c, u, grid.n, awq_candidate, &grid, NULL), s);
  }
  scale_classes(g, c, s);
}
