/* sparsegpt.c - GPTQ that also prunes (Frantar and Alistarh 2023, arXiv:2301.00774): the weights that
 * are still to be rounded make up for those that become 0 as they do for rounding errors.
 *
 * Dropping weight k adds d_k t_k^2 to the loss, t_k what the feedback of the columns before asks of
 * it (factor.c). With a sparsity the cheapest weights of a block of columns are dropped when the loop
 * comes to it; with a pattern those of every m columns of each channel, which are then taken in
 * their own order. */
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/solvers.h"

/* Weights of the conv group to be dropped before this chunk's step `step`: exact at the end, however
 * blocks and chunks fall. */
static int64_t dropped_before(const Targets *a, int64_t step) {
  int64_t first = a->channel % (a->l->channels / a->l->x->groups);
  return count_dropped(a->l->choice, first * a->l->row + a->n * step);
}

static void drop_cheapest(const Targets *a, bool *drop) {
  int64_t width = a->to - a->from, count = width;
  if (a->l->choice->keep > 0) count = count_dropped(a->l->choice, width);
  else count = dropped_before(a, a->to) - dropped_before(a, a->from);
  const float *input = importance_from(a->l, a->channel * a->l->row);
  double *score = scratch(a->n * width, sizeof *score);
  bool *chosen = scratch(a->n * width, sizeof *chosen);
  for (int64_t i = 0; i < a->n; i++)
    for (int64_t k = 0; k < width; k++) {
      double t = a->t[i * a->stride + k];
      bool dead = !(input[a->f->order[a->from + k]] > 0);
      score[i * width + k] = dead ? 0 : a->f->d[a->from + k] * t * t;
    }
  drop_smallest(score, a->n * width, count, chosen);
  for (int64_t i = 0; i < a->n; i++)
    for (int64_t k = 0; k < width; k++) drop[i * a->stride + k] = chosen[i * width + k];
  free(score);
  free(chosen);
}

const char *round_sparsegpt(Layer *l) {
  if (!is_pruned(l->choice)) return round_groups(l, NULL, order_of(l));
  l->w = l->dense;
  l->drop = drop_cheapest;
  if (l->choice->keep > 0) l->drop_every = l->choice->of;
  return round_groups(l, NULL, l->drop_every > 0 ? ORDER_AS_IS : order_of(l));
}
