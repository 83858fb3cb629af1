/* output_kl.c - how far the network's outputs move when one layer is quantized: the
 * Kullback-Leibler divergence between what the float network says and what the changed one says.
 *
 * Outputs of a Softmax are distributions as they stand, and outputs with labels are their
 * logarithms up to a constant.  Any other outputs are taken for the means of normal
 * distributions whose variance is that of the outputs themselves, which makes the divergence
 * half the noise over the signal. */
#include <math.h>

#include "driver/search/search.h"

MetricFn measure_output_kl;

/* The logarithm of the sum of exponentials. */
static double log_sum(const float *x, int64_t n) {
  double most = (double)x[0], sum = 0;
  for (int64_t i = 1; i < n; i++) most = fmax(most, (double)x[i]);
  for (int64_t i = 0; i < n; i++) sum += exp((double)x[i] - most);
  return most + log(sum);
}

static double of_logits(int64_t n, const float *exact, const float *got) {
  double a = log_sum(exact, n), b = log_sum(got, n), kl = 0;
  for (int64_t i = 0; i < n; i++) {
    double p = (double)exact[i] - a, q = (double)got[i] - b;
    kl += exp(p) * (p - q);
  }
  return kl;
}

/* Probabilities below that are as good as none. */
static const double least = 1e-12;

static double of_probabilities(int64_t n, const float *exact, const float *got) {
  double kl = 0;
  for (int64_t i = 0; i < n; i++) {
    double p = fmax((double)exact[i], least), q = fmax((double)got[i], least);
    kl += p * log(p / q) - p + q;
  }
  return kl;
}

static double of_normals(int64_t n, const float *exact, const float *got) {
  double sum = 0, squares = 0, noise = 0;
  for (int64_t i = 0; i < n; i++) {
    double x = (double)exact[i], e = (double)got[i] - x;
    sum += x, squares += x * x, noise += e * e;
  }
  double variance = squares - sum * sum / (double)n;
  if (!(variance > 0)) variance = squares; /* one output, or equal ones */
  return noise / (2 * (variance > 0 ? variance : 1));
}

static double divergence(const BitSpace *s, const Tensor *t, int64_t sample, const float *exact,
                         const float *got) {
  (void)sample;
  int64_t n = n_elements(t);
  if (is_op(t->def, "Softmax")) return of_probabilities(n, exact, got);
  return s->label ? of_logits(n, exact, got) : of_normals(n, exact, got);
}

void measure_output_kl(const BitSpace *s, Cost *cost) {
  measure_changes(s, true, divergence, cost);
}
