/* rotate.c - rotations of constants, in double and rounded once, and of activations; what a rotation of
 * rows passes through. */
#include "passes/quant/rotate.h"

#include <string.h>

#include "passes/quant/channels.h"
#include "passes/simplify/simplify.h"

Rotation new_rotation(Graph *g, int64_t n, int64_t block, const char *name) {
  Rotation r = {n, block > 0 ? block : largest_hadamard(n), NULL};
  if (name == NULL) return r;
  int8_t *sign = arena_alloc(g->arena, n + 1);
  uint64_t state = hash_bytes(HASH_START, name, strlen(name));
  for (int64_t i = 0; i < n; i++) sign[i] = next_bits(&state) & 1 ? 1 : -1;
  r.sign = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_signs", name)), DT_I8, 1, &n, sign);
  return r;
}

/* Rotates the vectors of a constant whose elements are `step` apart. */
static Tensor *rotate(Graph *g, const Tensor *w, const Rotation *r, int64_t step) {
  int64_t count = n_elements(w);
  float *v = arena_alloc(g->arena, tensor_bytes(w));
  Arena *scratch = new_arena();
  double *x = arena_alloc(scratch, r->n * (int64_t)sizeof *x);
  for (int64_t i = 0; i < count / r->n; i++) {
    int64_t from = i / step * step * r->n + i % step;
    for (int64_t k = 0; k < r->n; k++) x[k] = floats_of(w)[from + k * step];
    hadamard_transform(x, r->n, r->block, r->sign ? r->sign->data : NULL, false);
    for (int64_t k = 0; k < r->n; k++) v[from + k * step] = (float)x[k];
  }
  free_arena(scratch);
  Tensor *rotated = new_floats(g, w->name, w->rank, w->dim, v);
  rotated->layout = w->layout;
  return rotated;
}

Tensor *rotate_rows(Graph *g, const Tensor *w, const Rotation *r) { return rotate(g, w, r, 1); }

Tensor *rotate_columns(Graph *g, const Tensor *w, const Rotation *r) {
  return rotate(g, w, r, n_elements(w) / w->dim[0]);
}

Tensor *add_rotation(Graph *g, int at, const char *name, Tensor *x, const Rotation *r,
                     bool inverse) {
  Tensor *y = new_tensor(g, fresh_name(g, name), DT_NONE, -1, NULL);
  Node *n = add_node(g, at, "Hadamard", y->name, r->sign ? 2 : 1, (Tensor *[]){x, r->sign}, 1, &y);
  set_int(g, n, "block", r->block);
  if (inverse) set_int(g, n, "inverse", 1);
  infer_node(g, n);
  return y;
}

bool is_linear_layer(const Node *n) {
  return is_scalable_layer(n) && attr_int(n, "group", 1) == 1 && !is_const(n->in[0]);
}

bool moves_rows(const Node *n) {
  if (!(n->op->flags & OP_MOVE) || n->n_in < 1 || n->n_out < 1) return false;
  const Tensor *x = n->in[0], *y = n->out[0];
  if (x->rank < 1 || y->rank < 1 || x->dim[x->rank - 1] != y->dim[y->rank - 1]) return false;
  int64_t last = x->rank - 1, perm[MAX_RANK], start[MAX_RANK], step[MAX_RANK];
  static const char *const plain[] = {"Identity", "Dropout", "Reshape", "Flatten", "Squeeze",
                                      "Unsqueeze"};
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    if (is_op(n, plain[i])) return true;
  if (is_op(n, "Transpose"))
    return attr_ints(n, "perm", perm, MAX_RANK) == x->rank && perm[last] == last;
  if (is_op(n, "Slice")) return get_slice_range(n, start, step) && step[last] == 1;
  return (is_op(n, "Split") || is_op(n, "Concat") || is_op(n, "Gather")) && axis_of(n, x, 0) != last;
}

bool is_plain_norm(const Node *n) {
  if (!is_op(n, "LayerNormalization") && !is_op(n, "RMSNormalization")) return false;
  const Tensor *x = n->in[0], *scale = n->in[1], *shift = n->n_in > 2 ? n->in[2] : NULL;
  if (n->n_out != 1 || !is_float_const(scale) || (shift && !is_float_const(shift))) return false;
  if (axis_of(n, x, -1) != x->rank - 1) return false;
  for (int64_t i = 0; i < n_elements(scale); i++)
    if (floats_of(scale)[i] != 1 || (shift && floats_of(shift)[i] != 0)) return false;
  return true;
}
