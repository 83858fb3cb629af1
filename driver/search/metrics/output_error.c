/* output_error.c - noise over signal of the network's outputs as they will be: the integer
 * network with the policy's formats, one layer at a candidate.  What the other metrics guess, at
 * the price of compiling and running the network for every layer and candidate. */
#include "driver/search/search.h"

MetricFn measure_output_error;

void measure_output_error(const BitSpace *s, Cost *cost) {
  int *choice = arena_alloc(s->a, (s->n_layer + 1) * (int64_t)sizeof *choice);
  int n = s->n_layer * s->n_candidate;
  for (int l = 0; l < s->n_layer; l++) choice[l] = AS_BEFORE;
  for (int i = 0; i < n; i++) {
    int l = i / s->n_candidate;
    choice[l] = i % s->n_candidate;
    Score score = score_choice(s, choice, s->samples);
    choice[l] = AS_BEFORE;
    cost[i] = (Cost){score.signal > 0 ? score.noise / score.signal : score.noise, 0};
    if (s->cx->progress) s->cx->progress("measuring", i + 1, n);
  }
}
