/* squeeze.c - outliers by SqueezeLLM's rule (Kim et al. 2023, arXiv:2306.07629): the weights that a
 * change of the layer's inputs feels most, and the largest beyond the bulk.
 *
 * Sensitivity is w^2 times the mean square of the weight's input: what the layer's output loses
 * without the weight.  Bulk is what lies within the quartiles plus `iqr` times the distance between
 * them; magnitudes are compared in units of their channel's root mean square, because channels have
 * scales of their own. */
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/outliers.h"

typedef struct Entry {
  double size;
  int64_t element;
} Entry;

static int largest_first(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->size != y->size) return x->size < y->size ? 1 : -1;
  return (x->element > y->element) - (x->element < y->element);
}

static int smallest_first(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Marks up to `most` weights larger than `least`, the largest first; returns how many. */
static int64_t mark_largest(Layer *l, Entry *entry, int64_t n, double least, int64_t most) {
  int64_t marked = 0;
  qsort(entry, (size_t)n, sizeof *entry, largest_first);
  for (int64_t i = 0; i < n && marked < most && entry[i].size > least; i++) {
    uint8_t *kept = &l->outliers->kept[entry[i].element];
    marked += !*kept;
    *kept = true;
  }
  return marked;
}

/* Weights in units of their channel's root mean square. */
static double *relative_weights(const Layer *l) {
  double *v = scratch(l->channels * l->row, sizeof *v);
  for (int64_t c = 0; c < l->channels; c++) {
    const float *w = l->w + c * l->row;
    double square = 0;
    for (int64_t k = 0; k < l->row; k++) square += (double)w[k] * (double)w[k];
    double unit = sqrt(square / (double)l->row);
    for (int64_t k = 0; k < l->row; k++) v[c * l->row + k] = unit > 0 ? (double)w[k] / unit : 0;
  }
  return v;
}

/* The end of the bulk of v, which gets sorted. */
static double end_of_bulk(double *v, int64_t n, double iqr) {
  qsort(v, (size_t)n, sizeof *v, smallest_first);
  double q1 = v[n / 4], q3 = v[n - 1 - n / 4], reach = iqr * (q3 - q1);
  return fmax(fabs(q1 - reach), fabs(q3 + reach));
}

void mark_squeeze(Layer *l) {
  const OutlierChoice *c = &l->choice->outliers;
  int64_t n = l->channels * l->row, most = (int64_t)(c->rate * (double)n);
  int64_t sensitive = (int64_t)(fmin(c->sensitive, c->rate) * (double)n);
  if (most == 0) return;
  Entry *entry = scratch(n, sizeof *entry);
  for (int64_t e = 0; e < n; e++) {
    double w = l->w[e];
    entry[e] = (Entry){w * w * input_square(l, e / l->row, e % l->row), e};
  }
  most -= mark_largest(l, entry, n, 0, sensitive);
  double *v = relative_weights(l);
  for (int64_t e = 0; e < n; e++) entry[e] = (Entry){fabs(v[e]), e};
  mark_largest(l, entry, n, end_of_bulk(v, n, c->iqr), most);
  free(v);
  free(entry);
}
