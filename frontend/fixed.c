/* fixed.c - inputs of a model that the user says are constants: --fix. */
#include <string.h>

#include "frontend/frontend.h"

static void fix_input(Arena *a, Graph *g, const FixedInput *f) {
  int k = 0;
  while (k < g->n_in && strcmp(g->in[k]->name, f->name) != 0) k++;
  if (k == g->n_in) error("--fix: the model has no input '%s'", f->name);
  const Array *v = ends_with(f->path, ".pb") ? read_tensor_pb(a, f->path) : read_npy(a, f->path);
  Tensor *t = g->in[k], given = {.rank = v->rank};
  memcpy(given.dim, v->dim, sizeof given.dim);
  if (v->dtype != t->dtype || (n_elements(t) >= 0 && !same_shape(t, &given)))
    error("--fix: '%s' has %s%s, expected %s%s for input '%s'", f->path, dtype_name(v->dtype),
          shape_text(a, &given), dtype_name(t->dtype), shape_text(a, t), t->name);
  t->rank = v->rank;
  memcpy(t->dim, v->dim, sizeof t->dim);
  t->data = v->data;
  g->n_in--;
  for (; k < g->n_in; k++) g->in[k] = g->in[k + 1];
}

void fix_inputs(Arena *a, Graph *g, const GivenInputs *given) {
  for (int i = 0; i < given->n_fixed; i++) fix_input(a, g, &given->fixed[i]);
}
