/* act_hessian.c - the squared error of a layer's outputs without running them: tr(D H D^T) / 2
 * for the change D of the weights and the Hessian H of the layer's inputs (GPTQ, Frantar et al.
 * 2022), times the vectors that the layer multiplies per sample; relative to what the weights W
 * themselves make of it. */
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/moments.h"
#include "driver/search/search.h"

MetricFn measure_act_hessian;

/* v h v^T; h NULL: the identity. */
static double weigh(const double *h, int64_t k, const double *v) {
  double sum = 0;
  for (int64_t i = 0; i < k; i++) {
    double row = h ? 0 : v[i];
    for (int64_t j = 0; h && v[i] != 0 && j < k; j++) row += h[i * k + j] * v[j];
    sum += v[i] * row;
  }
  return sum;
}

/* The same for all channels of n, whose weights are `to`, and what they were is `from` (NULL:
 * 0). */
static double weigh_all(const Moments *m, const Node *n, const float *to, const float *from) {
  const Tensor *w = n->in[1];
  int64_t channels = w->dim[0], k = n_elements(w) / channels;
  double sum = 0, *v = scratch(k, sizeof *v);
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t i = 0; i < k; i++)
      v[i] = (double)to[c * k + i] - (from ? (double)from[c * k + i] : 0);
    sum += weigh(m ? m->hessian + c / (channels / m->groups) * k * k : NULL, k, v);
  }
  free(v);
  return sum;
}

void measure_act_hessian(const BitSpace *s, Cost *cost) {
  Context cx = *s->cx;
  Moments *m = NULL;
  cx.calib = s->samples;
  for (int l = 0; l < s->n_layer; l++) {
    const Node *n = s->g->node[s->layer[l].node];
    if (l == 0 || !same_vectors(n, s->g->node[s->layer[l - 1].node])) {
      free_moments(m);
      /* The vectors of transposed inputs are columns, which nobody collects. */
      m = attr_int(n, "transA", 0) ? NULL : collect_moments(s->g, n, s->g, &cx, NEEDS_HESSIAN);
    }
    const float *w = n->in[1]->data;
    double signal = weigh_all(m, n, w, NULL);
    for (int c = 0; c < s->n_candidate; c++) {
      double noise = weigh_all(m, n, s->layer[l].decoded[c], w);
      cost[l * s->n_candidate + c] = (Cost){signal > 0 ? noise / signal : noise, 0};
    }
  }
  free_moments(m);
}
