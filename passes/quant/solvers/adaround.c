/* adaround.c - AdaRound (Nagel et al. 2020, arXiv:2004.10568): whether each weight is rounded down or up
 * is learned by gradient descent on the error of the layer's output.
 *
 * A weight between the codes a and b stands at a + (b - a) h(v), h a sigmoid stretched beyond 0 and 1
 * and cut off there. It begins where the weight is; a penalty 1 - |2h - 1|^beta, flat at first (beta
 * 20) and steep in the end (2), drives h to 0 or 1. The error is e H e^T, so no samples are needed
 * beside the Hessian, and one output channel has nothing to do with another. Where a channel comes out
 * worse than by rounding to nearest, it is rounded to nearest. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/solvers.h"

enum {
  CHUNK = 16,       /* channels at a time */
  MOST_STEPS = 800, /* of the descent ... */
  LEAST_STEPS = 100,
};
static const double most_work = 1e11; /* ... as many as take so many operations in all */
static const double rate = 0.04, penalty = 0.5, reach = 1.2, cut = 0.1;

typedef struct Chunk {
  Layer *l;
  const double *h;     /* [row][row] */
  int64_t first, n;    /* channels */
  double *base, *span; /* [n][row] the lower value minus the weight, and what lies between the two */
  int8_t *low, *high;  /* [n][row] their codes */
  double *v;           /* [n][row] */
  double *e, *he;      /* [n][row] errors, and times H */
  double *mean, *square; /* [n][row] of gradients (Adam) */
  double *nearest;     /* [n] loss by the nearest codes */
} Chunk;

static double position(double v) {
  return fmin(fmax(reach / (1 + exp(-v)) - cut, 0), 1);
}

/* The codes on both sides of x; one and the same beyond the ends. */
static void find_sides(const Format *f, double x, int8_t *low, int8_t *high) {
  int32_t near = code_near(f, x), least = smallest_code(f), other;
  if (near < least) near = least;
  for (other = near; other > least && other > x;) {
    other--;
    if (code_near(f, other) == other && other <= x) break;
  }
  if (near <= x)
    for (other = near; other < f->hi && other <= x;) {
      other++;
      if (code_near(f, other) == other) break;
    }
  *low = (int8_t)(other < near ? other : near);
  *high = (int8_t)(other < near ? near : other);
}

static void start(Chunk *c) {
  const Layer *l = c->l;
  for (int64_t i = 0; i < c->n * l->row; i++) {
    int64_t element = c->first * l->row + i;
    double scale = (double)l->q->scale[scale_index(l->t, l->q, element)], w = (double)l->w[element];
    find_sides(l->q->format, w / scale, &c->low[i], &c->high[i]);
    c->base[i] = c->low[i] * scale - w;
    c->span[i] = (c->high[i] - c->low[i]) * scale;
    double h = c->span[i] > 0 ? fmin(fmax(-c->base[i] / c->span[i], 0), 1) : 0;
    c->v[i] = -log(reach / (h + cut) - 1);
  }
}

/* Errors of codes that the chunk's h round to, or stand at. */
static void set_errors(Chunk *c, bool rounded) {
  for (int64_t i = 0; i < c->n * c->l->row; i++) {
    double h = position(c->v[i]);
    c->e[i] = c->base[i] + c->span[i] * (rounded ? h > 0.5 : h);
  }
  int rows = (int)c->n, k = (int)c->l->row;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, k, k, 1, c->e, k, c->h, k, 0, c->he,
              k);
}

static double loss_of(const Chunk *c, int64_t i) {
  int64_t row = c->l->row;
  double sum = 0;
  for (int64_t k = 0; k < row; k++) sum += c->e[i * row + k] * c->he[i * row + k];
  return sum;
}

/* One step of Adam, number `step` from 1 on; the loss of each channel is in units of what a weight loses
 * by rounding to nearest. */
static void descend(Chunk *c, int step, double beta) {
  int64_t row = c->l->row;
  double fade = 1 - pow(0.9, step), fade_square = 1 - pow(0.999, step);
  for (int64_t i = 0; i < c->n * row; i++) {
    double unit = c->nearest[i / row] / (double)row, s = 1 / (1 + exp(-c->v[i]));
    double h = reach * s - cut, slope = h > 0 && h < 1 ? reach * s * (1 - s) : 0;
    double away = 2 * h - 1, g = unit > 0 ? 2 * c->he[i] * c->span[i] / unit : 0;
    g -= 2 * penalty * beta * copysign(pow(fabs(away), beta - 1), away);
    g *= slope;
    c->mean[i] = 0.9 * c->mean[i] + 0.1 * g;
    c->square[i] = 0.999 * c->square[i] + 0.001 * g * g;
    c->v[i] -= rate * c->mean[i] / fade / (sqrt(c->square[i] / fade_square) + 1e-8);
  }
}

static void solve_chunk(Chunk *c, int steps) {
  int64_t row = c->l->row;
  start(c);
  set_errors(c, true);
  for (int64_t i = 0; i < c->n; i++) c->nearest[i] = loss_of(c, i);
  for (int step = 1; step <= steps; step++) {
    set_errors(c, false);
    descend(c, step, 2 + 18 * (1 - (double)step / steps));
  }
  set_errors(c, true);
  for (int64_t i = 0; i < c->n; i++) {
    bool better = loss_of(c, i) < c->nearest[i];
    for (int64_t k = i * row; better && k < (i + 1) * row; k++)
      c->l->codes[c->first * row + k] = position(c->v[k]) > 0.5 ? c->high[k] : c->low[k];
  }
}

static void solve_channels(Layer *l, const double *h, int64_t first, int64_t n, int steps) {
  int64_t count = n * l->row;
  double *all = scratch(7 * count + n, sizeof *all);
  int8_t *codes = scratch(2 * count, sizeof *codes);
  Chunk c = {l, h, first, n, all, all + count, codes, codes + count, all + 2 * count,
             all + 3 * count, all + 4 * count, all + 5 * count, all + 6 * count, all + 7 * count};
  solve_chunk(&c, steps);
  free(all);
  free(codes);
}

const char *round_adaround(Layer *l) {
  int64_t per_group = l->channels / l->x->groups, chunks = (per_group + CHUNK - 1) / CHUNK;
  double work = 2.0 * (double)l->channels * (double)l->row * (double)l->row;
  int steps = (int)fmin(fmax(most_work / fmax(work, 1), LEAST_STEPS), MOST_STEPS);
  round_to_nearest(l);
  prepare_blas();
#pragma omp parallel for schedule(dynamic)
  for (int64_t i = 0; i < l->x->groups * chunks; i++) {
    int64_t from = i % chunks * CHUNK, n = per_group - from < CHUNK ? per_group - from : CHUNK;
    const double *h = l->x->hessian + i / chunks * l->row * l->row;
    solve_channels(l, h, i / chunks * per_group + from, n, steps);
  }
  return NULL;
}
