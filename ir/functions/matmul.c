/* matmul.c - the body of MatMul and MatMulInteger of a vector, which is a matrix of one row or one column. */
#include <string.h>

#include "ir/functions.h"

bool body_matmul_vector(Body *b) {
  Tensor *x = b->in[0], *w = b->in[1];
  int64_t dim[MAX_RANK];
  int rank = 0;
  if (x->rank > 1) rank = x->rank - 1;
  memcpy(dim, x->rank > 1 ? x->dim : w->dim, sizeof dim);
  if (w->rank > 1) {
    rank = w->rank - 1;
    dim[rank - 1] = w->dim[rank];
  }
  if (x->rank == 1) x = put_reshape(b, x, 2, (int64_t[]){1, x->dim[0]});
  if (w->rank == 1) w = put_reshape(b, w, 2, (int64_t[]){w->dim[0], 1});
  Tensor *in[4] = {x, w, body_input(b, 2), body_input(b, 3)};
  b->out[0] = put_reshape(b, put_op(b, b->n->op->name, b->n_in, in), rank, dim);
  return true;
}
