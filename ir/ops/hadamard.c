/* hadamard.c - the rotation that transforms put in front of layers: runs of `block` elements of the
 * last dimension, each multiplied by an orthogonal matrix of signs (ir/hadamard.c).  Signs per
 * element of that dimension, if given, are multiplied before it; with `inverse` the matrix is
 * transposed and the signs come after, so that the two nodes undo each other. */
#include <stdlib.h>

#include "ir/ops/ops.h"

void infer_hadamard(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  need_float(n, 0);
  if (x->rank == 0) error_at(n->loc, "%s: input is a scalar", op_name(n));
  int64_t last = x->dim[x->rank - 1], block = attr_int(n, "block", last);
  if (hadamard_core(block) == 0)
    error_at(n->loc, "Hadamard: there is no matrix of order %lld", (long long)block);
  if (last % block != 0)
    error_at(n->loc, "Hadamard: block %lld does not divide the last dimension %lld",
             (long long)block, (long long)last);
  if (in_tensor(n, 1)) {
    need_type(n, 1, DT_I8);
    need_vector(n, 1, "signs", last);
  }
  set_like(n, 0, x);
}

void eval_hadamard(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t last = x->dim[x->rank - 1], rows = n_elements(x) / (last ? last : 1);
  bool inverse = attr_int(n, "inverse", 0) != 0;
  double *row = scratch(last, sizeof *row);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t i = 0; i < last; i++) row[i] = get_real(x->dtype, in[0], r * last + i);
    hadamard_transform(row, last, attr_int(n, "block", last), in_data(n, in, 1), inverse);
    for (int64_t i = 0; i < last; i++) set_real(x->dtype, out[0], r * last + i, row[i]);
  }
  free(row);
}
