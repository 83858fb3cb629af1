/* move.c - gradients of operators that move elements: the cotangent moves back.  What takes elements by index
 * (Gather, Slice with steps, Tile, Pad by repetition) is undone by ScatterAdd, the operator that adds where
 * Gather reads. */
#include <string.h>

#include "ir/grad/rules.h"
#include "ir/ops/ops.h"

/* Identity, Dropout, Reshape, Flatten, Squeeze, Unsqueeze */
void vjp_same_elements(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0);
  if (d) give(v, n, 0, reshape_like(v, d, n->in[0]));
}

void vjp_expand(Vjp *v, const Node *n) { give(v, n, 0, cotangent(v, n, 0)); }

/* Between float types; integers get nothing. */
void vjp_cast(Vjp *v, const Node *n) {
  if (dtype_is_float(n->in[0]->dtype)) give(v, n, 0, cotangent(v, n, 0));
}

void vjp_transpose(Vjp *v, const Node *n) {
  int64_t perm[MAX_RANK];
  int back[MAX_RANK];
  get_permutation(n, n->in[0]->rank, perm);
  for (int d = 0; d < n->in[0]->rank; d++) back[perm[d]] = d;
  give(v, n, 0, transpose(v, cotangent(v, n, 0), back, n->in[0]->layout));
}

/* ---- blocks of an image */

void vjp_space_to_depth(Vjp *v, const Node *n) {
  Node *back = begin_op(v, "DepthToSpace", 1, (Tensor *[]){cotangent(v, n, 0)});
  copy_attributes(v, back, n);
  give(v, n, 0, end_op(v, back));
}

/* Rows and columns of blocks become dimensions of their own and go behind the channels, or, with mode DCR,
 * before them. */
void vjp_depth_to_space(Vjp *v, const Node *n) {
  static const int orders[2][2][6] = {{{0, 3, 5, 1, 2, 4}, {0, 1, 3, 2, 4, 5}},
                                      {{0, 1, 3, 5, 2, 4}, {0, 1, 3, 5, 2, 4}}};
  Tensor *d = cotangent(v, n, 0), *x = n->in[0];
  int64_t b = attr_int(n, "blocksize", 1), dim[6];
  bool last = x->layout == LAYOUT_NHWC;
  bool columns_first = strcmp(attr_str(n, "mode", "DCR"), "CRD") == 0;
  int rank = 0;
  for (int k = 0; k < 4; k++) {
    bool is_space = last ? k == 1 || k == 2 : k > 1;
    dim[rank++] = is_space ? d->dim[k] / b : d->dim[k];
    if (is_space) dim[rank++] = b;
  }
  Tensor *split = reshape(v, d, 6, dim, LAYOUT_NONE);
  give(v, n, 0, reshape_like(v, transpose(v, split, orders[columns_first][last], LAYOUT_NONE), x));
}

/* ---- parts */

void vjp_concat(Vjp *v, const Node *n) {
  Graph *g = vjp_graph(v);
  int axis = axis_of(n, n->out[0], 1);
  Tensor **part = arena_alloc(g->arena, n->n_in * (int64_t)sizeof(Tensor *));
  int64_t *size = arena_alloc(g->arena, n->n_in * (int64_t)sizeof *size);
  for (int i = 0; i < n->n_in; i++) {
    part[i] = new_tensor(g, fresh_name(g, "grad"), DT_NONE, -1, NULL);
    size[i] = n->in[i]->dim[axis];
  }
  Tensor *sizes = new_const_i64(g, fresh_name(g, "grad_sizes"), n->n_in, size);
  Node *split =
      add_node(g, -1, "Split", NULL, 2, (Tensor *[]){cotangent(v, n, 0), sizes}, n->n_in, part);
  set_int(g, split, "axis", axis);
  infer_node(g, split);
  for (int i = 0; i < n->n_in; i++) give(v, n, i, part[i]);
}

void vjp_split(Vjp *v, const Node *n) {
  Graph *g = vjp_graph(v);
  Tensor **part = arena_alloc(g->arena, n->n_out * (int64_t)sizeof(Tensor *));
  int count = 0;
  for (int i = 0; i < n->n_out; i++) {
    if (n->out[i] == NULL)
      error_at(n->loc, "%s '%s' cannot be differentiated: output %d is absent", op_name(n), n->name,
               i + 1);
    Tensor *d = cotangent(v, n, i);
    part[count++] = d ? d : constant_like(v, 0, n->out[i]);
  }
  Node *join = begin_op(v, "Concat", count, part);
  set_int(g, join, "axis", axis_of(n, n->in[0], 0));
  give(v, n, 0, end_op(v, join));
}

/* ---- elements by index */

static Tensor *scatter(Vjp *v, Tensor *d, Tensor *index, int axis, int64_t size) {
  Node *n = begin_op(v, "ScatterAdd", 2, (Tensor *[]){d, index});
  set_int(vjp_graph(v), n, "axis", axis);
  set_int(vjp_graph(v), n, "size", size);
  return end_op(v, n);
}

void vjp_gather(Vjp *v, const Node *n) {
  const Tensor *x = n->in[0];
  int axis = axis_of(n, x, 0);
  give(v, n, 0, scatter(v, cotangent(v, n, 0), n->in[1], axis, x->dim[axis]));
}

void vjp_scatter_add(Vjp *v, const Node *n) {
  Node *read = begin_op(v, "Gather", 2, (Tensor *[]){cotangent(v, n, 0), n->in[1]});
  set_int(vjp_graph(v), read, "axis", attr_int(n, "axis", 0));
  give(v, n, 0, end_op(v, read));
}

/* Undoes reading place from[i] for place i, in one dimension. */
static Tensor *scatter_places(Vjp *v, Tensor *d, int axis, const int64_t *from, int64_t size) {
  Graph *g = vjp_graph(v);
  Tensor *index = new_const_i64(g, fresh_name(g, "grad_index"), (int)d->dim[axis], from);
  return scatter(v, d, index, axis, size);
}

void vjp_slice(Vjp *v, const Node *n) {
  const Tensor *x = n->in[0];
  Tensor *d = cotangent(v, n, 0);
  int64_t start[MAX_RANK], step[MAX_RANK], pads[2 * MAX_RANK] = {0};
  if (!get_slice_range(n, start, step)) bug("Slice '%s' of a computed range", n->name);
  for (int k = 0; k < x->rank; k++) {
    if (step[k] == 1) {
      pads[k] = start[k];
      pads[x->rank + k] = x->dim[k] - start[k] - d->dim[k];
      continue;
    }
    int64_t *from = arena_alloc(vjp_graph(v)->arena, d->dim[k] * (int64_t)sizeof *from + 1);
    for (int64_t i = 0; i < d->dim[k]; i++) from[i] = start[k] + i * step[k];
    d = scatter_places(v, d, k, from, x->dim[k]);
  }
  Node *pad = begin_op(v, "Pad", 1, &d);
  set_ints(vjp_graph(v), pad, "pads", 2 * x->rank, pads);
  give(v, n, 0, end_op(v, pad));
}

void vjp_tile(Vjp *v, const Node *n) {
  const Tensor *x = n->in[0];
  Tensor *d = cotangent(v, n, 0);
  for (int k = 0; k < x->rank; k++) {
    if (d->dim[k] == x->dim[k]) continue;
    int64_t *from = arena_alloc(vjp_graph(v)->arena, d->dim[k] * (int64_t)sizeof *from + 1);
    for (int64_t i = 0; i < d->dim[k]; i++) from[i] = i % x->dim[k];
    d = scatter_places(v, d, k, from, x->dim[k]);
  }
  give(v, n, 0, d);
}

/* A constant border is cut off again, by the negative of its amounts; what falls away there is the
 * constant's share. */
static void vjp_pad_constant(Vjp *v, const Node *n, const int64_t *begin, const int64_t *end) {
  const Tensor *x = n->in[0];
  Tensor *d = cotangent(v, n, 0);
  int64_t pads[2 * MAX_RANK];
  bool all[MAX_RANK];
  for (int k = 0; k < x->rank; k++) {
    pads[k] = -begin[k];
    pads[x->rank + k] = -end[k];
    all[k] = true;
  }
  Node *cut = begin_op(v, "Pad", 1, &d);
  set_ints(vjp_graph(v), cut, "pads", 2 * x->rank, pads);
  Tensor *inside = end_op(v, cut);
  give(v, n, 0, inside);
  if (wants(v, n, 2)) give(v, n, 2, minus(v, sum_over(v, d, all), sum_over(v, inside, all)));
}

void vjp_pad(Vjp *v, const Node *n) {
  const Tensor *x = n->in[0];
  Tensor *d = cotangent(v, n, 0);
  int64_t begin[MAX_RANK], end[MAX_RANK];
  char mode = *attr_str(n, "mode", "constant");
  if (!get_pads(n, NULL, begin, end)) bug("Pad '%s' by a computed amount", n->name);
  if (mode == 'c') {
    vjp_pad_constant(v, n, begin, end);
    return;
  }
  for (int k = 0; k < x->rank; k++) {
    if (begin[k] == 0 && end[k] == 0) continue;
    int64_t *from = arena_alloc(vjp_graph(v)->arena, d->dim[k] * (int64_t)sizeof *from + 1);
    for (int64_t i = 0; i < d->dim[k]; i++) from[i] = pad_source(mode, i - begin[k], x->dim[k]);
    d = scatter_places(v, d, k, from, x->dim[k]);
  }
  give(v, n, 0, d);
}
