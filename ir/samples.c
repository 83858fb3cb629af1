/* samples.c - access to the arrays that a user gives: sample after sample, each as large as the
 * input that it is for. */
#include "ir/ir.h"

const void *sample_at(const Graph *g, const Samples *s, int input, int64_t i) {
  if (input < 0 || input >= s->n_in || i < 0 || i >= s->n)
    bug("sample %lld of input %d", (long long)i, input);
  return (const char *)s->data[input] + i * tensor_bytes(g->in[input]);
}
