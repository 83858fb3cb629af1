/* solver_case.h - random layers with inputs that depend on each other, for tests of solvers. */
#ifndef QCC_SOLVER_CASE_H
#define QCC_SOLVER_CASE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "passes/quant/quant.h"
#include "passes/quant/solvers.h"
#include "tests/unit/op_fixture.h"

enum { ROWS = 40, COLUMNS = 96, VECTORS = 300 };

static inline double uniform(void) { return random_int(-1000000, 1000000) / 1e6; }
static inline double normal(void) { return uniform() + uniform() + uniform(); }

/* ---- layers --------------------------------------------------------------------------------- */

/* Weights, vectors of inputs that depend on each other, and what they add up to. */
typedef struct Case {
  Graph *g;
  Tensor *w;         /* [ROWS][COLUMNS] */
  double *x, *exact; /* [VECTORS][COLUMNS] inputs, and those of the float network */
  Moments m;
  WeightChoice choice;
} Case;

static inline double *new_doubles(Arena *a, int64_t n) {
  return arena_alloc(a, n * (int64_t)sizeof(double));
}

static inline void sum_moments(Case *c, int vectors) {
  for (int v = 0; v < vectors; v++)
    for (int i = 0; i < COLUMNS; i++)
      for (int j = 0; j < COLUMNS; j++) {
        const double *x = c->x + v * COLUMNS, *exact = c->exact + v * COLUMNS;
        c->m.hessian[i * COLUMNS + j] += 2 * x[i] * x[j] / vectors;
        c->m.mismatch[i * COLUMNS + j] += 2 * (exact[i] - x[i]) * x[j] / vectors;
      }
}

static inline Case new_case(Arena *a, int vectors) {
  Case c = {.g = new_graph(a, "g")};
  float *w = arena_alloc(a, ROWS * COLUMNS * 4);
  for (int i = 0; i < ROWS * COLUMNS; i++) w[i] = (float)normal();
  c.w = new_const(c.g, "w", DT_F32, 2, (int64_t[]){ROWS, COLUMNS}, w);
  c.x = new_doubles(a, vectors * COLUMNS);
  c.exact = new_doubles(a, vectors * COLUMNS);
  for (int v = 0; v < vectors; v++) {
    double common = normal(), last = 0;
    for (int i = 0; i < COLUMNS; i++) {
      last = 0.6 * last + normal() + (i % 3 == 0 ? common : 0);
      c.x[v * COLUMNS + i] = last * (1 + i % 7);
      c.exact[v * COLUMNS + i] = c.x[v * COLUMNS + i] + 0.2 * (last + common);
    }
  }
  c.m = (Moments){
      .what = NEEDS_HESSIAN | NEEDS_MISMATCH, .k = COLUMNS, .groups = 1, .count = vectors};
  c.m.hessian = new_doubles(a, COLUMNS * COLUMNS);
  c.m.mismatch = new_doubles(a, COLUMNS * COLUMNS);
  sum_moments(&c, vectors);
  c.choice = (WeightChoice){.format = find_format("int4"),
                            .granularity = GRAN_CHANNEL,
                            .solver = "gptq",
                            .damp = 0.01,
                            .act_order = true,
                            .alpha = 0.25};
  return c;
}

static inline Tensor *solve(Case *c, const char *solver, const char **note) {
  c->choice.solver = solver;
  LayerInput in = {1, NULL, &c->m};
  return quantize_weights(c->g, c->w, &c->choice, &in, NULL, note);
}

static inline const int8_t *codes_of(Case *c, const char *solver) {
  const char *note;
  return solve(c, solver, &note)->data;
}

/* What the weights lose: reals[] minus the codes' values. */
static inline void errors_of(const Tensor *t, const float *w, double *e) {
  float back[ROWS * COLUMNS];
  dequantize_codes(t, t->data, back);
  for (int i = 0; i < ROWS * COLUMNS; i++) e[i] = (double)w[i] - (double)back[i];
}

/* sum over rows of e h e^T, with `damp` of the mean diagonal added to h's. */
static inline double quadratic(const double *e, int rows, const double *h, int64_t k, double damp) {
  double mean = 0, sum = 0;
  for (int64_t i = 0; i < k; i++) mean += h[i * k + i] / (double)k;
  for (int r = 0; r < rows; r++)
    for (int64_t i = 0; i < k; i++)
      for (int64_t j = 0; j < k; j++)
        sum += e[r * k + i] * e[r * k + j] * (h[i * k + j] + (i == j ? damp * mean : 0));
  return sum;
}

static inline Layer layer_of(Case *c, Tensor *t) {
  return (Layer){.solver = find_solver(c->choice.solver),
                 .choice = &c->choice,
                 .t = t,
                 .w = c->w->data,
                 .channels = ROWS,
                 .row = COLUMNS,
                 .q = t->quant,
                 .codes = t->data,
                 .x = &c->m};
}

#endif
