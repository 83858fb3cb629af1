/* changes.c - what the float network computes when the weights of one layer are those of a
 * candidate.
 *
 * A sample runs through the network once; then the layers change one at a time, from the last to
 * the first, and only what follows is computed again: what lies before is as it was.  Samples
 * run in parallel, sums are added in their order, and memory does not grow with their number. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "driver/search/search.h"

typedef struct Changes {
  const BitSpace *s;
  bool at_end;
  ChangeFn *fn;
} Changes;

static const Tensor *watched(const Changes *c, int layer) {
  const Graph *g = c->s->g;
  return c->at_end ? g->out[0] : g->node[c->s->layer[layer].node]->out[0];
}

/* now [n_layer][n_candidate] of one sample. */
static void run_changes(const Changes *c, Interp *it, int64_t sample, double *now) {
  const BitSpace *s = c->s;
  const Graph *g = s->g;
  const void *in[MAX_IO];
  for (int k = 0; k < g->n_in; k++) in[k] = sample_at(g, s->samples, k, sample);
  run_interp(it, in, NULL, NULL);
  float *exact = NULL;
  for (int l = s->n_layer - 1; l >= 0; l--) {
    const Tensor *t = watched(c, l), *w = g->node[s->layer[l].node]->in[1];
    if (!c->at_end || !exact) { /* before it changes */
      free(exact);
      exact = scratch(n_elements(t), sizeof *exact);
      memcpy(exact, interp_value(it, t), (size_t)tensor_bytes(t));
    }
    int from = s->layer[l].node, to = c->at_end ? g->n_node : from + 1;
    for (int k = 0; k < s->n_candidate; k++) {
      set_value(it, w, s->layer[l].decoded[k]);
      run_nodes(it, from, to);
      now[l * s->n_candidate + k] = c->fn(s, t, sample, exact, interp_value(it, t));
    }
    set_value(it, w, w->data);
  }
  free(exact);
}

void measure_changes(const BitSpace *s, bool at_end, ChangeFn *fn, Cost *cost) {
  Changes c = {s, at_end, fn};
  int n = s->n_layer * s->n_candidate;
  int64_t count = s->samples->n;
  double *sum = scratch(n, sizeof *sum), *squares = scratch(n, sizeof *squares);
  prepare_blas();
#pragma omp parallel
  {
    Interp *it = new_interp(s->g);
    double *now = scratch(n, sizeof *now);
#pragma omp for ordered schedule(static, 1)
    for (int64_t i = 0; i < count; i++) {
      run_changes(&c, it, i, now);
#pragma omp ordered
      {
        for (int k = 0; k < n; k++) sum[k] += now[k], squares[k] += now[k] * now[k];
        if (s->cx->progress) s->cx->progress("measuring", i + 1, count);
      }
    }
    free(now);
    free_interp(it);
  }
  for (int k = 0; k < n; k++) {
    double mean = sum[k] / (double)count, spread = squares[k] / (double)count - mean * mean;
    cost[k] = (Cost){mean, count > 1 ? sqrt(fmax(spread, 0) / (double)(count - 1)) : 0};
  }
  free(sum);
  free(squares);
}
