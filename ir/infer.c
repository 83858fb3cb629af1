/* infer.c - runs the operators' own shape inference and reconciles what they find with what the
 * model declares.  A declared dimension may be unknown and is refined then; a contradiction is the
 * user's error.  What was only inferred may be inferred anew after a pass has changed the node. */
#include "ir/ir.h"

static int n_given(int n, Tensor *const *list) {
  while (n > 0 && list[n - 1] == NULL) n--;
  return n;
}

static const char *range_text(Arena *a, int min, int max, const char *noun) {
  if (max < 0) return arena_printf(a, "at least %d %s%s", min, noun, min == 1 ? "" : "s");
  if (min == max) return arena_printf(a, "%d %s%s", min, noun, min == 1 ? "" : "s");
  return arena_printf(a, "%d to %d %ss", min, max, noun);
}

static void check_count(Graph *g, const Node *n, int count, int min, int max, const char *noun) {
  if (count >= min && (max < 0 || count <= max)) return;
  error_at(n->loc, "%s '%s' takes %s but has %d", n->op->name, n->name,
           range_text(g->arena, min, max, noun), count);
}

static void check_arity(Graph *g, const Node *n) {
  const OpDef *op = n->op;
  check_count(g, n, n_given(n->n_in, n->in), op->min_in, op->max_in, "input");
  check_count(g, n, n_given(n->n_out, n->out), op->min_out, op->max_out, "output");
  for (int i = 0; i < op->min_in; i++)
    if (n->in[i] == NULL)
      error_at(n->loc, "%s '%s' needs its input %d", op->name, n->name, i + 1);
}

void infer_node(Graph *g, Node *n) {
  check_arity(g, n);
  if (n->op->infer != NULL) infer_op(g, n);
}

/* ---- types that are declared and types that are given */

static bool merge_dims(Tensor *t, int rank, const int64_t *dim) {
  if (rank < 0) return true;
  if (t->rank < 0) {
    t->rank = rank;
    for (int i = 0; i < rank; i++) t->dim[i] = dim[i];
    return true;
  }
  if (t->rank != rank) return false;
  for (int i = 0; i < rank; i++) {
    if (dim[i] < 0) continue;
    if (t->dim[i] >= 0 && t->dim[i] != dim[i]) return false;
    t->dim[i] = dim[i];
    t->dim_param[i] = NULL;
  }
  return true;
}

static bool merge_dtype(Tensor *t, DType type) {
  if (t->dtype == DT_NONE) t->dtype = type;
  return type == DT_NONE || t->dtype == type;
}

_Noreturn static void report_contradiction(const Node *n, const Tensor *declared, DType t, int rank,
                                           const int64_t *dim) {
  Arena *a = new_arena();
  Tensor given = {.dtype = t != DT_NONE ? t : declared->dtype, .rank = rank};
  for (int i = 0; i < rank; i++) given.dim[i] = dim[i];
  error_at(n->loc, "output '%s' is declared %s%s but %s gives %s%s", declared->name,
           dtype_name(declared->dtype), shape_text(a, declared), n->op->name,
           dtype_name(given.dtype), shape_text(a, &given));
}

/* A size beyond int64 would wrap in every later sum. */
static void check_size(const Tensor *t, Loc loc) {
  for (int i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return;
  if (t->rank < 0 || tensor_bytes(t) >= 0) return;
  Arena *a = new_arena();
  error_at(loc, "tensor '%s' is too large: %s%s", t->name, dtype_name(t->dtype), shape_text(a, t));
}

void set_type(Node *n, int out, DType type, int rank, const int64_t *dim, Layout layout) {
  if (out >= n->n_out || n->out[out] == NULL) return;
  Tensor *t = n->out[out], declared = *t;
  if (rank > MAX_RANK)
    error_at(n->loc, "output '%s' of %s has rank %d, at most %d is supported", t->name,
             n->op->name, rank, MAX_RANK);
  if (t->inferred || (t->dtype == DT_NONE && t->rank < 0)) {
    t->inferred = true;
    if (type != DT_NONE) t->dtype = type;
    if (rank >= 0) t->rank = -1;
  }
  if (!merge_dtype(t, type) || !merge_dims(t, rank, dim))
    report_contradiction(n, &declared, type, rank, dim);
  t->layout = layout;
  check_size(t, n->loc);
}

void infer_shapes(Graph *g) {
  for (int i = 0; i < g->n_tensor; i++) check_size(g->tensor[i], g->tensor[i]->loc);
  for (int i = 0; i < g->n_node; i++) infer_node(g, g->node[i]);
}
