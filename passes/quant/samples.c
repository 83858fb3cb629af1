/* samples.c - the calibration samples, for passes that look at more than ranges. */
#include "passes/quant/quant.h"

void need_samples(const Context *cx, Loc loc, const char *who, const char *node) {
  const LockPolicy *lock = &cx->policy->lock;
  if (cx->calib == NULL)
    error_at(loc,
             "%s needs calibration samples (node '%s'): give --calib SAMPLES.npy, or "
             "'calibration: {data: SAMPLES.npy}' in the policy",
             who, node);
  if (lock->given && lock->calibration != 0 && lock->calibration != cx->calib->hash)
    error_at(lock->loc, "the lock file was made with other calibration samples, and %s looks at them",
             who);
}

void watch_samples(const Graph *g, const Context *cx, const char *what, WatchFn *watch, void *ctx) {
  const Samples *samples = cx->calib;
  prepare_blas();
#pragma omp parallel
  {
    Interp *it = new_interp(g);
    const void *in[MAX_IO];
#pragma omp for ordered schedule(static, 1)
    for (int64_t i = 0; i < samples->n; i++) {
      for (int k = 0; k < g->n_in; k++) in[k] = sample_at(g, samples, k, i);
      run_interp(it, in, NULL, NULL);
#pragma omp ordered
      {
        watch(ctx, it);
        if (cx->progress) cx->progress(what, i + 1, samples->n);
      }
    }
    free_interp(it);
  }
}
