/* fisher.c - the Fisher information in place of the Hessian's trace: squares of gradients, one sample at a time.
 *
 * With labels it is the empirical one, which near a minimum is far from the trace and serves to rank layers, no
 * more.  Without labels the targets are drawn from the network's own outputs; its mean is then the trace of
 * the Hessian of the divergence from these (Martens 2020, section 9), up to a factor. */
#include "driver/search/search.h"

MetricFn measure_fisher;

void measure_fisher(const BitSpace *s, Cost *cost) {
  LossFunction f = make_loss(s, true);
  Trace *square = arena_alloc(s->a, (f.n + 1) * (int64_t)sizeof *square);
  gradient_squares(&f, square);
  weigh_errors(s, &f, square, cost);
}
