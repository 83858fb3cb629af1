/* samples.c - access to the arrays that a user gives: sample after sample, each as large as the
 * input that it is for. */
#include "ir/ir.h"

const void *sample_at(const Graph *g, const Samples *s, int input, int64_t i) {
  if (input < 0 || input >= s->n_in || i < 0 || i >= s->n)
    bug("sample %lld of input %d", (long long)i, input);
  return (const char *)s->data[input] + i * tensor_bytes(g->in[input]);
}

void *sample_room(Arena *a, int64_t n, int64_t bytes) {
  int64_t all = mul_size(n, bytes);
  if (all < 0 || all == INT64_MAX)
    error("out of memory: %lld samples of %lld bytes", (long long)n, (long long)bytes);
  return arena_alloc(a, all + 1);
}

Samples *convert_samples(Arena *a, const Graph *from, const Graph *to, const Samples *s) {
  Samples *r = arena_alloc(a, sizeof *r);
  *r = *s;
  r->data = arena_alloc(a, (s->n_in + 1) * (int64_t)sizeof *r->data);
  for (int k = 0; k < s->n_in; k++) {
    const Tensor *t = to->in[k];
    r->data[k] = s->data[k];
    if (t->dtype == from->in[k]->dtype) continue;
    int64_t bytes = tensor_bytes(t);
    uint8_t *codes = r->data[k] = sample_room(a, s->n, bytes);
    for (int64_t i = 0; i < s->n; i++)
      quantize_reals(t, sample_at(from, s, k, i), codes + i * bytes);
  }
  return r;
}

void output_reals(const Tensor *t, const void *data, float *out) {
  if (t->quant) {
    dequantize_codes(t, data, out);
    return;
  }
  for (int64_t i = 0; i < n_elements(t); i++) out[i] = (float)get_real(t->dtype, data, i);
}
