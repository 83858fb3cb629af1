/* bias_correct.c - what quantization adds to the mean of each output channel goes into its bias.
 *
 *   b'_o = b_o + w_o . mean(x_float) - w'_o . mean(x)       w' the decoded weights
 *
 * With x the inputs of the quantized network on the samples, the outputs then have the same mean as
 * the float network's: errors of the layers before are made up for as well (Nagel et al. 2019,
 * arXiv:1906.04721, section 4.2, with measured means). */
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/quant/quant.h"
#include "passes/simplify/simplify.h"

/* Does the node add a bias per output channel, or none, to products that are not scaled? */
static bool has_plain_bias(const Node *n) {
  const Tensor *bias = n->n_in > 2 ? n->in[2] : NULL;
  if (is_op(n, "Gemm") && (attr_float(n, "alpha", 1) != 1 || attr_float(n, "beta", 1) != 1))
    return false;
  return bias == NULL ||
         (is_float_const(bias) && bias->rank == 1 && bias->dim[0] == n->in[1]->dim[0]);
}

/* What a product adds to the mean of output o. */
static double mean_beside(const LowRankPair *p, int64_t o, const double *mean) {
  double sum = 0;
  for (int64_t r = 0; r < p->rank; r++)
    for (int64_t k = 0; k < p->row; k++)
      sum += (double)p->b[o * p->rank + r] * (double)p->a[r * p->row + k] * mean[k];
  return sum;
}

void correct_bias(Graph *g, Node *n, const Node *decoder, const LowRankPair *beside, const Moments *x) {
  if (!has_plain_bias(n)) return;
  const float *w = floats_of(n->in[1]);
  const Tensor *old = n->n_in > 2 ? n->in[2] : NULL;
  int64_t channels = n->in[1]->dim[0], per_group = channels / x->groups;
  float *decoded = scratch(x->k, sizeof *decoded);
  float *bias = arena_alloc(g->arena, channels * (int64_t)sizeof *bias);
  const void *in[4];
  for (int i = 0; i < decoder->n_in; i++) in[i] = decoder->in[i]->data;
  const Tensor *codes = decoder->in[0];
  OutlierRows outliers = {0};
  if (outlier_input(decoder)) outliers = get_outliers(decoder, in);
  for (int64_t o = 0, at = 0; o < channels; o++) {
    dequantize_part(codes, in[0], o * x->k, (o + 1) * x->k, decoded);
    if (outliers.rows > 0) at = add_row_outliers(&outliers, o, at, codes->quant->channel_scale[o], decoded);
    const double *exact = x->float_mean + o / per_group * x->k,
                 *mean = x->mean + o / per_group * x->k;
    double b = old != NULL ? (double)floats_of(old)[o] : 0;
    for (int64_t k = 0; k < x->k; k++)
      b += (double)w[o * x->k + k] * exact[k] - (double)decoded[k] * mean[k];
    bias[o] = (float)(b - mean_beside(beside, o, mean));
  }
  free(decoded);
  const char *base = old != NULL ? old->name : arena_printf(g->arena, "%s_bias", n->name);
  set_input(g, n, 2, new_floats(g, base, 1, &channels, bias));
}
