/* rotary.c - the body of RotaryEmbedding: pairs of elements turned by an angle that depends on the place of
 * their row (Su et al. 2021).  A pair is an element of the first half and its counterpart in the second, or
 * with `interleaved` two neighbours. */
#include <stdlib.h>

#include "ir/functions.h"

Tensor *put_rotated(Body *b, Tensor *x, Tensor *cosines, Tensor *sines, bool interleaved) {
  int64_t half = cosines->dim[cosines->rank - 1], size = x->dim[3];
  if (cosines->rank != 3 || !same_shape(cosines, sines) || cosines->dim[1] != x->dim[2] ||
      (cosines->dim[0] != 1 && cosines->dim[0] != x->dim[0]) || 2 * half > size)
    error_at(b->n->loc, "%s: cosines and sines do not fit %lld rows of %lld", op_name(b->n),
             (long long)x->dim[2], (long long)size);
  int64_t angles[5] = {cosines->dim[0], 1, cosines->dim[1], half, 1};
  int64_t pairs[5] = {x->dim[0], x->dim[1], x->dim[2], interleaved ? half : 2, interleaved ? 2 : half};
  int axis = interleaved ? 4 : 3;
  angles[3] = interleaved ? half : 1, angles[4] = interleaved ? 1 : half;
  Tensor *turned = 2 * half == size ? x : put_slice(b, x, 3, 0, 2 * half);
  Tensor *p = put_reshape(b, turned, 5, pairs);
  Tensor *u = put_slice(b, p, axis, 0, 1), *v = put_slice(b, p, axis, 1, 2);
  Tensor *c = put_reshape(b, put_cast(b, cosines, x->dtype), 5, angles);
  Tensor *s = put_reshape(b, put_cast(b, sines, x->dtype), 5, angles);
  Tensor *to[2] = {put2(b, "Sub", put2(b, "Mul", c, u), put2(b, "Mul", s, v)),
                   put2(b, "Add", put2(b, "Mul", s, u), put2(b, "Mul", c, v))};
  int64_t dim[4] = {x->dim[0], x->dim[1], x->dim[2], 2 * half};
  Tensor *y = put_reshape(b, put_concat(b, 2, to, axis), 4, dim);
  return turned == x ? y : put_concat(b, 2, (Tensor *[]){y, put_slice(b, x, 3, 2 * half, size)}, 3);
}

/* x [batch][n][heads * size], or [batch][heads][n][size], turned by the angles of its places. */
static Tensor *put_rotary(Body *b, int64_t heads, Tensor *const *angles) {
  Tensor *x = b->in[0];
  bool flat = x->rank == 3;
  if ((flat && (heads < 1 || x->dim[2] % heads)) || (!flat && x->rank != 4))
    error_at(b->n->loc, "RotaryEmbedding: the input has %d dimensions and no %lld heads", x->rank,
             (long long)heads);
  if (flat) {
    int64_t dim[4] = {x->dim[0], x->dim[1], heads, x->dim[2] / heads};
    x = put_transpose(b, put_reshape(b, x, 4, dim), "0213");
  }
  Tensor *y = put_rotated(b, x, angles[0], angles[1], attr_int(b->n, "interleaved", 0) != 0);
  return flat ? put_reshape(b, put_transpose(b, y, "0213"), 3, b->in[0]->dim) : y;
}

/* Angles for each row [batch][n][half], or those of all places and each row's place. */
bool body_rotary(Body *b) {
  Tensor *angles[2] = {b->in[1], b->in[2]}, *place = body_input(b, 3);
  need_float(b->n, 0);
  for (int i = 0; i < 2; i++) {
    if (angles[i]->rank != (place ? 2 : 3))
      error_at(b->n->loc, "RotaryEmbedding: a cache has %d dimensions, expected %d", angles[i]->rank,
               place ? 2 : 3);
    if (place) angles[i] = put2(b, "Gather", angles[i], place);
  }
  b->out[0] = put_rotary(b, attr_int(b->n, "num_heads", 0), angles);
  return true;
}

/* com.microsoft's: the places are each row's, or one element, that of the first row. */
bool body_rotary_places(Body *b) {
  Tensor *x = b->in[0], *place = b->in[1], *angles[2] = {b->in[2], b->in[3]};
  need_float(b->n, 0);
  if (attr_int(b->n, "is_packed_batching", 0) || attr_float(b->n, "scale", 1) != 1)
    error_at(b->n->loc, "RotaryEmbedding: is_packed_batching and scale are not supported");
  if (x->rank < 3 || x->rank > 4 || angles[0]->rank != 2 || angles[1]->rank != 2)
    error_at(b->n->loc, "RotaryEmbedding: the input has %d dimensions and the caches %d and %d, expected 3 or 4, 2 "
             "and 2", x->rank, angles[0]->rank, angles[1]->rank);
  int64_t heads = attr_int(b->n, "num_heads", 0), rows = x->dim[x->rank - 2], whole = 2 * angles[0]->dim[1];
  if (heads == 0 && x->rank == 3 && whole > 0) heads = x->dim[2] / whole;
  if (n_elements(place) == 1) {
    int64_t one = 1, *step = scratch(rows, sizeof *step);
    for (int64_t i = 0; i < rows; i++) step[i] = i;
    Tensor *steps = put_ints(b, (int)rows, step);
    place = put2(b, "Add", put_reshape(b, place, 1, &one), steps);
    place = put_reshape(b, place, 2, (int64_t[]){1, rows});
    free(step);
  }
  for (int i = 0; i < 2; i++) angles[i] = put2(b, "Gather", angles[i], place);
  b->out[0] = put_rotary(b, heads, angles);
  return true;
}
