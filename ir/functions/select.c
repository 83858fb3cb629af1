/* select.c - the bodies of operators that select by what is known at compile time, or by the places that
 * ArgMax finds. */
#include <string.h>

#include "ir/functions.h"

/* A one at the place of the greatest element of each line, which goes over the dimensions from the axis on
 * where infer says `flat`. */
bool body_hardmax(Body *b) {
  Tensor *x = b->in[0];
  const Node *n = b->n;
  int64_t axis = get_axis(n, attr_int(n, "axis", -1), x->rank);
  int64_t rows[2] = {dims_product(x->dim, 0, (int)axis), dims_product(x->dim, (int)axis, x->rank)};
  Tensor *lines = x;
  if (attr_int(n, "flat", 0)) lines = put_reshape(b, x, 2, rows), axis = 1;
  Node *best = start_node(b, "ArgMax", 1, &lines);
  set_int(b->g, best, "axis", axis), set_int(b->g, best, "keepdims", 0);
  int64_t two = 2;
  Tensor *values = put_reals(b, x->dtype, 1, &two, (double[]){0, 1});
  Tensor *in[3] = {finish_node(b, best), put_ints(b, 1, &lines->dim[axis]), values};
  Node *mark = start_node(b, "OneHot", 3, in);
  set_int(b->g, mark, "axis", axis);
  b->out[0] = put_reshape(b, finish_node(b, mark), x->rank, x->dim);
  return true;
}

/* The entries of a constant condition that are true. */
bool body_compress(Body *b) {
  Tensor *x = b->in[0];
  const Tensor *condition = b->in[1];
  const Attr *axis = find_attr(b->n, "axis");
  int64_t all = n_elements(x), n = 0;
  if (condition->rank != 1 || condition->dtype != DT_BOOL)
    error_at(b->n->loc, "Compress: condition is not a vector of bool");
  int at = axis ? get_axis(b->n, axis->i, x->rank) : 0;
  if (!axis) x = put_reshape(b, x, 1, &all);
  if (condition->dim[0] > x->dim[at])
    error_at(b->n->loc, "Compress: %lld conditions for %lld elements", (long long)condition->dim[0],
             (long long)x->dim[at]);
  if (!is_const(condition)) return false;
  int64_t *kept = arena_alloc(b->g->arena, (condition->dim[0] + 1) * (int64_t)sizeof *kept);
  for (int64_t i = 0; i < condition->dim[0]; i++)
    if (((const uint8_t *)condition->data)[i]) kept[n++] = i;
  Node *gather = start_node(b, "Gather", 2, (Tensor *[]){x, put_ints(b, (int)n, kept)});
  set_int(b->g, gather, "axis", at);
  b->out[0] = finish_node(b, gather);
  return true;
}

/* Random numbers that are below the probabilities. */
bool body_bernoulli(Body *b) {
  Tensor *x = b->in[0];
  const Node *n = b->n;
  int64_t type = attr_int(n, "dtype", x->dtype);
  if (!dtype_is_float(x->dtype)) error_at(n->loc, "Bernoulli: input is %s, expected a float type", dtype_name(x->dtype));
  if (type <= DT_NONE || type >= DT_COUNT || dtype_bytes((DType)type) == 0)
    error_at(n->loc, "Bernoulli: type %lld is unknown or not supported", (long long)type);
  Node *random = start_node(b, "RandomUniformLike", 1, &x);
  uint64_t hash = hash_bytes(HASH_START, n->name, strlen(n->name));
  set_float(b->g, random, "seed", attr_float(n, "seed", (double)(hash >> 40)));
  b->out[0] = put_cast(b, put2(b, "Less", finish_node(b, random), x), (DType)type);
  return true;
}
