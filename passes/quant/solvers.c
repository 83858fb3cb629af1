/* solvers.c - the table of solvers, made from solvers.def, and what they share: runs of weights
 * that have one scale, the nearest code and multiple. */
#include "passes/quant/outliers.h"

#include <math.h>
#include <string.h>

const Solver solvers[] = {
#define SOLVER(name, fit, round, needs, can, summary) {#name, fit, round, needs, can, summary},
#include "ir/solvers.def"
#undef SOLVER
};
const int n_solvers = sizeof solvers / sizeof *solvers;

const Solver *find_solver(const char *name) {
  for (int i = 0; i < n_solvers; i++)
    if (strcmp(solvers[i].name, name) == 0) return &solvers[i];
  return NULL;
}

void name_solvers(char *text, size_t size, int can, const char *between) {
  *text = 0;
  for (int i = 0; i < n_solvers; i++) {
    size_t used = strlen(text);
    if (solvers[i].can & can)
      snprintf(text + used, size - used, "%s%s", used ? between : "", solvers[i].name);
  }
}

int32_t smallest_code(const Format *f) { return f->bits >= 8 ? -f->hi : f->lo; }

float full_scale(const float *w, int64_t n, const Format *f) {
  double neg = 0, pos = 0;
  for (int64_t i = 0; i < n; i++) {
    neg = fmax(neg, -(double)w[i]);
    pos = fmax(pos, w[i]);
  }
  return (float)fmax(neg / -smallest_code(f), pos / f->hi);
}

int8_t nearest_code(float w, float scale, const Format *f) {
  int32_t code = code_near(f, (double)w / (double)scale), least = smallest_code(f);
  return (int8_t)(f->mantissa_bits == 0 && code < least ? least : code);
}

void nearest_codes(const double *w, int64_t n, float scale, const Format *f, int8_t *codes) {
  for (int64_t i = 0; i < n && f->vector == 1; i++)
    codes[i] = nearest_code((float)w[i], scale, f);
  for (int64_t i = 0; i < n && f->vector > 1; i += f->vector) {
    double x[MAX_VECTOR];
    int size = n - i < f->vector ? (int)(n - i) : f->vector;
    for (int j = 0; j < size; j++) x[j] = w[i + j] / (double)scale;
    f->nearest(x, size, codes + i);
  }
}

void nearest_levels(const Layer *l, int64_t element, const double *w, int64_t n, float scale,
                    int8_t *codes) {
  int64_t channel = element / l->row;
  if (!l->q->book) nearest_codes(w, n, scale, l->q->format, codes);
  for (int64_t i = 0; i < n && l->q->book; i++)
    codes[i] = (int8_t)book_code_near(l->q, channel, w[i] / (double)scale);
}

int64_t vector_at(const Layer *l, int64_t column) {
  int64_t left = l->row - column, size = l->q->format->vector;
  return left < size ? left : size;
}

float typical_scale(const float *w, int64_t n, const Format *f) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)w[i] * (double)w[i];
  return n > 0 ? (float)(sqrt(sum / (double)n) / f->rms) : 0;
}

uint8_t nearest_multiple(double m, const Layer *l) {
  int exponent, bits = l->q->format->scale_bits, all = 8;
  if (l->choice->scale_bits > 0) all = (int)l->choice->scale_bits;
  if (all < 8) m = fmin(m, ldexp(1, all) - 1);
  frexp(fmax(m, 1), &exponent);
  double step = exponent > bits ? ldexp(1, exponent - bits) : 1;
  return (uint8_t)fmin(fmax(rint(m / step), 1) * step, ldexp(1, all) - step);
}

float fit_part(const Layer *l, const float *w, int64_t from, int64_t n) {
  if (l->outliers != NULL) return l->outliers->rule->fit(l, w, from, n);
  if (l->q->format->book_size > 0 && !has_sums(l->q->format))
    return full_scale(w, n, l->q->format);
  return l->solver->fit(w, importance_from(l, from), n, l->q->format);
}

const float *importance_from(const Layer *l, int64_t element) {
  if (l->importance == NULL) return NULL;
  return l->importance + element / l->row / l->alike * l->row + element % l->row;
}

/* Runs are contiguous because the channel is the first dimension (axis 0), or there is only one
 * run. */
void for_each_run(const Tensor *t, const QuantSpec *q, RunFn *fn, const float *w, void *ctx) {
  int64_t channels = q->axis < 0 ? 1 : t->dim[q->axis],
          row = n_elements(t) / (channels ? channels : 1);
  int64_t group = q->group > 0 ? q->group : row, per_row = group ? (row + group - 1) / group : 0;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < channels * per_row; i++) {
    int64_t from = i / per_row * row + i % per_row * group, left = row - i % per_row * group;
    fn(ctx, w + from, left < group ? left : group, from, i);
  }
}

static void round_run(void *ctx, const float *w, int64_t n, int64_t from, int64_t index) {
  Layer *l = ctx;
  for (int64_t i = 0, size; i < n; i += size) {
    double x[MAX_VECTOR];
    size = vector_at(l, (from + i) % l->row);
    for (int64_t j = 0; j < size; j++) x[j] = (double)w[i + j];
    nearest_levels(l, from + i, x, size, l->q->scale[index], l->codes + from + i);
  }
}

const char *round_to_nearest(Layer *l) {
  for_each_run(l->t, l->q, round_run, l->w, l);
  return NULL;
}
