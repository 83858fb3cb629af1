/* prune.c - which weights of a layer become 0: a share of them, or all but n of every m in a row.
 *
 * A weight costs what its loss adds to the squared error of the layer's output, with its input taken
 * alone: w^2 * E[x^2]. By that score Wanda (Sun et al. 2023, arXiv:2306.11695) drops the same share
 * of every output channel. SparseGPT has a better one, and fits its scales to what this leaves. */
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/quant/solvers.h"

typedef struct Scored {
  double score;
  int64_t at;
} Scored;

static int by_score(const void *a, const void *b) {
  const Scored *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

void drop_smallest(const double *score, int64_t n, int64_t count, bool *drop) {
  Scored *s = scratch(n, sizeof *s);
  for (int64_t i = 0; i < n; i++) s[i] = (Scored){score[i], i};
  qsort(s, (size_t)n, sizeof *s, by_score);
  for (int64_t i = 0; i < n; i++) drop[s[i].at] = i < count;
  free(s);
}

bool is_pruned(const WeightChoice *c) { return c->sparsity > 0 || c->keep > 0; }

int64_t count_dropped(const WeightChoice *c, int64_t n) {
  if (c->keep > 0) return n > c->keep ? n - c->keep : 0;
  return (int64_t)(c->sparsity * (double)n);
}

static void prune_channel(const Layer *l, int64_t channel, float *w) {
  const Moments *x = l->x;
  const double *h = x->hessian + channel / (l->channels / x->groups) * x->k * x->k;
  int64_t run = l->choice->keep > 0 ? l->choice->of : l->row;
  double *score = scratch(l->row, sizeof *score);
  bool *drop = scratch(l->row, sizeof *drop);
  for (int64_t k = 0; k < l->row; k++) score[k] = (double)w[k] * (double)w[k] * h[k * x->k + k];
  for (int64_t k = 0; k < l->row; k += run) {
    int64_t n = l->row - k < run ? l->row - k : run;
    drop_smallest(score + k, n, count_dropped(l->choice, n), drop + k);
  }
  for (int64_t k = 0; k < l->row; k++)
    if (drop[k]) w[k] = 0;
  free(score);
  free(drop);
}

float *prune_weights(const Layer *l) {
  float *w = scratch(l->channels * l->row, sizeof *w);
  memcpy(w, l->w, (size_t)(l->channels * l->row) * sizeof *w);
#pragma omp parallel for schedule(static)
  for (int64_t c = 0; c < l->channels; c++) prune_channel(l, c, w + c * l->row);
  return w;
}
