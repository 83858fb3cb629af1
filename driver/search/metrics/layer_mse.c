/* layer_mse.c - the squared error that a format brings into the layer's own outputs, with the
 * activation that is part of the layer, relative to the outputs: noise over signal of the layer. */
#include "driver/search/search.h"

MetricFn measure_layer_mse;

static double relative_error(const BitSpace *s, const Tensor *t, int64_t sample, const float *exact,
                             const float *got) {
  (void)s, (void)sample;
  double signal = 0, noise = 0;
  for (int64_t i = 0; i < n_elements(t); i++) {
    double x = exact[i], e = (double)got[i] - x;
    signal += x * x;
    noise += e * e;
  }
  return signal > 0 ? noise / signal : noise > 0;
}

void measure_layer_mse(const BitSpace *s, Cost *cost) {
  measure_changes(s, false, relative_error, cost);
}
