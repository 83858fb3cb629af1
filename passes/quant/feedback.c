/* feedback.c - rounding that makes up for its own errors, the loop that GPTQ and its relatives
 * share.
 *
 * The weights of an output channel are rounded one after another.  With H = R D R^T (factor.c) and
 * errors e = w - q, weight k becomes the code nearest to w_k + sum over earlier j of e_j R_jk: what
 * is best for the layer's output given what has been rounded.  A vector of weights that have one
 * code is rounded at once; with R_vv, the part of R that belongs to it, the feedback to the vector is
 * that to its weights times the inverse of R_vv.  No inverse is formed otherwise, and the weights stay
 * as they are.  Channels are independent; they are taken in chunks, whose feedback
 * from finished blocks of columns is a matrix product. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/quant/outliers.h"

enum { CHUNK = 32 }; /* channels at a time; a constant, so that threads change nothing */

typedef struct Chunk {
  Layer *l;
  const Factor *f;
  int64_t first, n; /* channels */
  int64_t block;
  double *target; /* [n][row] */
  double *e;      /* [n][row] errors in the order of the steps */
  double *t;      /* [n][block] targets with feedback */
  bool *drop;     /* [n][block] codes that are to be 0, or NULL */
} Chunk;

/* Targets of steps [from, to), with the feedback of all steps before. */
static void start_block(Chunk *c, int64_t from, int64_t to) {
  int64_t row = c->l->row, width = to - from;
  for (int64_t i = 0; i < c->n; i++)
    for (int64_t k = from; k < to; k++)
      c->t[i * c->block + k - from] = c->target[i * row + c->f->order[k]];
  if (from > 0)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)c->n, (int)width, (int)from, 1,
                c->e, (int)row, c->f->r + from, (int)row, 1, c->t, (int)c->block);
}

/* Channels [i, i + n) of the chunk say which of steps [from, to) of the block at `start` are 0. */
static void ask_drop(Chunk *c, int64_t i, int64_t n, int64_t start, int64_t from, int64_t to) {
  int64_t at = i * c->block + from - start;
  Targets now = {c->l, c->f, c->first + i, n, from, to, c->t + at, c->block};
  c->l->drop(&now, c->drop + at);
}

/* A group's scale by its weights as they are now, within what the channel's scale permits. */
static void fit_group(Layer *l, int64_t channel, int64_t column, const double *t,
                      const bool *drop) {
  QuantSpec *q = l->q;
  int64_t n = l->row - column < q->group ? l->row - column : q->group;
  int64_t element = channel * l->row + column, index = scale_index(l->t, q, element);
  float *w = scratch(n, sizeof *w);
  for (int64_t i = 0; i < n; i++) w[i] = drop != NULL && drop[i] ? 0 : (float)t[i];
  float s = fit_part(l, w, element, n);
  free(w);
  if (!(s > 0)) return;
  float channel_scale = q->channel_scale[channel];
  q->multiple[index] = nearest_multiple((double)s / (double)channel_scale, l);
  q->scale[index] = channel_scale * (float)q->multiple[index];
}

/* Are scales of groups fitted when the loop comes to them? Only where groups are runs of steps, and
 * what is dropped of them is known. */
static bool fits_groups(const Layer *l, const Factor *f) {
  return l->q->group > 0 && l->q->multiple != NULL && f->as_is && !l->drop_every;
}

/* Rounds steps [k, k + n), a vector, of channel i of the chunk to what is nearest to t [n], which lacks
 * the vector's own part of R, or to 0; returns the loss. */
static double round_vector(Chunk *c, int64_t i, int64_t k, int64_t n, double *t, bool zero) {
  Layer *l = c->l;
  int64_t row = l->row, column = c->f->order[k], element = (c->first + i) * row + column;
  const double *target = c->target + i * row + column, *r = c->f->r + k * row + k;
  double scale = (double)l->q->scale[scale_index(l->t, l->q, element)], loss = 0;
  for (int64_t j = 1; j < n; j++)
    for (int64_t h = 0; h < j; h++) t[j] -= (t[h] - target[h]) * r[h * row + j];
  if (zero) memset(l->codes + element, 0, (size_t)n);
  else nearest_levels(l, element, t, n, (float)scale, l->codes + element);
  for (int64_t j = 0; j < n; j++) {
    double sum = 0, q = scale * code_value(l->q->format, l->codes[element + j]);
    if (!zero) q = settle_weight(l, element + j, t[j], q, c->f->d[k + j]);
    c->e[i * row + k + j] = target[j] - q;
    for (int64_t h = 0; h <= j; h++)
      sum += (t[h] - target[h] + c->e[i * row + k + h]) * r[h * row + j];
    loss += c->f->d[k + j] * sum * sum;
  }
  return loss;
}

/* Rounds steps [from, to) of channel i of the chunk; returns its loss. */
static double round_block(Chunk *c, int64_t i, int64_t from, int64_t to) {
  Layer *l = c->l;
  double *t = c->t + i * c->block, loss = 0;
  const bool *drop = c->drop != NULL ? c->drop + i * c->block : NULL;
  for (int64_t k = from, n; k < to; k += n) {
    int64_t column = c->f->order[k];
    n = vector_at(l, column);
    if (l->drop_every > 0 && k % l->drop_every == 0)
      ask_drop(c, i, 1, from, k, to - k < l->drop_every ? to : k + l->drop_every);
    if (fits_groups(l, c->f) && k % l->q->group == 0)
      fit_group(l, c->first + i, column, t + k - from, drop != NULL ? drop + k - from : NULL);
    loss += round_vector(c, i, k, n, t + k - from, drop != NULL && drop[k - from]);
    for (int64_t h = k; h < k + n; h++) {
      double e = c->e[i * l->row + h];
      const double *r = c->f->r + h * l->row;
      for (int64_t j = k + n; j < to; j++) t[j - from] += e * r[j];
    }
  }
  return loss;
}

static double round_chunk(Chunk *c, AimFn *aim) {
  int64_t row = c->l->row;
  double loss = 0;
  c->target = scratch(c->n * row, sizeof *c->target);
  for (int64_t i = 0; i < c->n * row; i++) c->target[i] = (double)c->l->w[c->first * row + i];
  if (aim != NULL) aim(c->l, c->f, c->first, c->n, c->target);
  c->e = scratch(c->n * row, sizeof *c->e);
  c->t = scratch(c->n * c->block, sizeof *c->t);
  c->drop = c->l->drop != NULL ? scratch(c->n * c->block, sizeof *c->drop) : NULL;
  for (int64_t from = 0, to; from < row; from = to) {
    to = row - from < c->block ? row : from + c->block;
    while (to < row && c->f->order[to] % c->l->q->format->vector != 0) to--;
    start_block(c, from, to);
    if (c->drop != NULL && c->l->drop_every == 0) ask_drop(c, 0, c->n, from, from, to);
    for (int64_t i = 0; i < c->n; i++) loss += round_block(c, i, from, to);
  }
  free(c->target);
  free(c->e);
  free(c->t);
  free(c->drop);
  return loss;
}

double round_with_feedback(Layer *l, const Factor *f, int64_t from, int64_t n, AimFn *aim,
                           int64_t block) {
  int64_t chunks = (n + CHUNK - 1) / CHUNK;
  double *loss = scratch(chunks, sizeof *loss), sum = 0;
  /* A group must lie in one block, where all that its scale depends on is known; so must the columns
   * of which some are dropped. */
  int64_t whole = fits_groups(l, f) ? l->q->group : l->drop_every > 0 ? l->drop_every : 1;
  block = (block + whole - 1) / whole * whole;
  prepare_blas();
#pragma omp parallel for schedule(dynamic)
  for (int64_t i = 0; i < chunks; i++) {
    int64_t first = i * CHUNK, count = n - first < CHUNK ? n - first : CHUNK;
    Chunk c = {.l = l, .f = f, .first = from + first, .n = count, .block = block};
    loss[i] = round_chunk(&c, aim);
  }
  for (int64_t i = 0; i < chunks; i++) sum += loss[i];
  free(loss);
  return sum;
}

/* Outliers of a group's channels are judged by the costs of the loop. */
static void start_outliers(Layer *l, const Factor *f, int64_t group) {
  double *cost = scratch(f->n, sizeof *cost);
  for (int64_t k = 0; k < f->n; k++) cost[f->order[k]] = f->d[k];
  set_outlier_limit(l, group, cost);
  l->outliers->asked = true;
  free(cost);
}

int order_of(const Layer *l) { return l->choice->act_order ? ORDER_BY_SIZE : ORDER_AS_IS; }

const char *round_groups(Layer *l, AimFn *aim, int order) {
  const Moments *x = l->x;
  int64_t n = l->channels / x->groups;
  const char *note = NULL;
  for (int64_t g = 0; g < x->groups; g++) {
    Factor *f = factor_hessian(x->hessian + g * x->k * x->k, x->k, l->choice->damp, order,
                               l->q->format->vector);
    if (f == NULL) {
      round_to_nearest(l);
      if (l->outliers != NULL) l->outliers->asked = false;
      return "the Hessian of its inputs cannot be factored: weights are rounded to nearest";
    }
    if (f->damp > l->choice->damp) note = "the Hessian of its inputs needed more damping";
    if (l->outliers != NULL) start_outliers(l, f, g);
    round_with_feedback(l, f, g * n, n, aim, FEEDBACK_BLOCK);
    free_factor(f);
  }
  return note;
}
