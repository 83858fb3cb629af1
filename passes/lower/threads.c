/* threads.c - cuts large layers into parts that may run at the same time.
 *
 *   y = Conv(x, w)   ==>   a = Conv<parallel=0>(Slice(x, rows 0 to 9), w)     two threads
 *                          b = Conv<parallel=1>(Slice(x, rows 7 to 16), w)
 *                          y = Concat(a, b)
 *   y = Gemm(x, w)   ==>   the same by rows of x or, where it has one row, by rows of w and so by
 *                          columns of y
 *
 * With `threads: n` of the policy.  A part computes exactly what it would of the whole; slices and joins
 * of rows take no time, because they share memory.  Codegen runs consecutive parts, numbered by the
 * attribute `parallel`, in one loop; the planner keeps them apart.  Where the work is too small to
 * be worth waking threads, the layer stays whole. */
#include <stdlib.h>
#include <string.h>

#include "passes/lower/bands.h"
#include "passes/passes.h"
#include "targets/kernels.h"

enum {
  PART_MACS = 1 << 18,       /* least work of a part: some ten microseconds */
  CHANNELS = 64,             /* parts of columns begin at multiples of this: whole blocks of weights */
};

static bool is_any(const Node *n, const char *const *ops) {
  for (; *ops; ops++)
    if (is_op(n, *ops)) return true;
  return false;
}

/* Weights that are constant, one output column for each of their rows, and nothing beside them. */
static bool has_columns(const Node *n) {
  static const char *const ops[] = {"QGemm", "WGemm", "Gemm", NULL};
  return is_any(n, ops) && is_const(n->in[1]) && !outlier_input(n) && !attr_int(n, "transA", 0) &&
         (!is_op(n, "Gemm") || attr_int(n, "transB", 0));
}

static bool is_product(const Node *n) {
  static const char *const ops[] = {"QMatMul", "MatMul", NULL};
  return has_columns(n) || (is_any(n, ops) && n->in[1]->rank == 2);
}

static bool is_convolution(const Node *n) {
  static const char *const ops[] = {"QConv", "WConv", "Conv", NULL};
  return is_any(n, ops) && splits_in_rows(n);
}

/* The dimension of rows: the first that is not 1; -1 where there is one row. */
static int row_axis(const Tensor *t) {
  for (int d = 0; d < t->rank - 1; d++)
    if (t->dim[d] != 1) return d;
  return -1;
}

static int64_t round_down(int64_t v, int64_t step) { return v / step * step; }

/* ---- parts of operands */

static Tensor *slice_rows(Graph *g, int *at, Tensor *t, int axis, int64_t from, int64_t to) {
  int64_t dim = axis;
  const char *name = arena_printf(g->arena, "%s_part_%lld", t->name, (long long)from);
  Tensor *list[4] = {t, new_const_i64(g, fresh_name(g, "from"), 1, &from),
                     new_const_i64(g, fresh_name(g, "to"), 1, &to),
                     new_const_i64(g, fresh_name(g, "axis"), 1, &dim)};
  Tensor *y = add_op(g, (*at)++, "Slice", fresh_name(g, name), 4, list);
  y->quant = t->quant;
  return y;
}

/* Scales of channels [from, from + n) of `channels`. */
static QuantSpec *slice_scales(Arena *a, const QuantSpec *q, int64_t channels, int64_t from,
                               int64_t n) {
  if (!q || q->axis != 0) return (QuantSpec *)q;
  int64_t per = q->n / channels;
  QuantSpec *part = arena_alloc(a, sizeof *part);
  *part = *q;
  part->n = n * per;
  part->scale += from * per;
  part->zero += from * per;
  if (q->multiple) part->multiple += from * per;
  if (q->channel_scale) part->channel_scale += from;
  if (q->n_book > 1) part->book += from * q->format->book_size, part->n_book = n;
  return part;
}

/* Rows of a constant, in place. */
static Tensor *slice_constant(Graph *g, const Tensor *t, int64_t from, int64_t n) {
  const char *name = arena_printf(g->arena, "%s_part_%lld", t->name, (long long)from);
  Tensor *part = copy_tensor(g, fresh_name(g, name), t);
  part->quant = slice_scales(g->arena, t->quant, t->dim[0], from, n);
  part->data = (char *)t->data + tensor_bytes(t) / t->dim[0] * from;
  part->dim[0] = n;
  return part;
}

/* ---- the split */

static Node *add_part(Graph *g, int *at, const Node *n, Tensor *const *in, int64_t from) {
  const char *suffix = arena_printf(g->arena, "_part_%lld", (long long)from);
  const char *name = arena_printf(g->arena, "%s%s", n->out[0]->name, suffix);
  Tensor *y = copy_tensor(g, fresh_name(g, name), n->out[0]);
  Node *part = add_node(g, (*at)++, n->op->name, arena_printf(g->arena, "%s%s", n->name, suffix),
                        n->n_in, in, 1, &y);
  part->loc = n->loc;
  for (int i = 0; i < n->n_attr; i++) set_attr(g, part, &n->attr[i]);
  return part;
}

/* A product by rows (axis >= 0) of input 0, or by columns.  Returns the Concat. */
static Node *split_product(Graph *g, Node *n, int64_t count, int axis) {
  Tensor *y = n->out[0], **out = arena_alloc(g->arena, count * (int64_t)sizeof *out);
  Tensor **in = arena_alloc(g->arena, n->n_in * (int64_t)sizeof *in);
  int dim = axis < 0 ? y->rank - 1 : axis, at = node_index(g, n);
  int64_t whole = axis < 0 ? CHANNELS : 1;
  for (int64_t i = 0, from = 0, to; i < count; i++, from = to) {
    to = i + 1 < count ? round_down(y->dim[dim] * (i + 1) / count, whole) : y->dim[dim];
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    if (axis >= 0) in[0] = slice_rows(g, &at, n->in[0], axis, from, to);
    for (int k = 1; axis < 0 && k < n->n_in && k < 5; k++)
      if (in[k] && in[k]->dim[0] == y->dim[dim]) in[k] = slice_constant(g, in[k], from, to - from);
    Node *part = add_part(g, &at, n, in, from);
    out[i] = part->out[0];
    out[i]->dim[dim] = to - from;
    infer_node(g, part);
  }
  y->def = NULL, n->out[0] = NULL;
  remove_node(g, n);
  Node *join = add_node(g, at, "Concat", y->name, (int)count, out, 1, &y);
  set_int(g, join, "axis", dim);
  infer_node(g, join);
  return join;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Splits the node if that is worth it; the Concat of its parts, or NULL. */
static Node *split_node(Graph *g, Node *n, int64_t threads) {
  int64_t count = smaller(threads, node_macs(n) / PART_MACS);
  if (!n->kernel || count < 2 || n->n_out != 1) return NULL;
  Tensor *y = n->out[0];
  if (is_convolution(n)) {
    Section whole = {.n = 1, .node = {n}};
    count = smaller(count, count_rows(&whole));
    return count >= 2 && split_section(g, &whole, count) ? y->def : NULL;
  }
  if (!is_product(n)) return NULL;
  int axis = row_axis(y);
  bool by_rows = axis >= 0 && n->in[0]->rank == y->rank && n->in[0]->dim[axis] == y->dim[axis];
  if (by_rows) return split_product(g, n, smaller(count, y->dim[axis]), axis);
  if (axis >= 0 || !has_columns(n)) return NULL;
  count = smaller(count, y->dim[y->rank - 1] / CHANNELS);
  return count >= 2 ? split_product(g, n, count, -1) : NULL;
}

static bool has_threads(const Target *t) {
  for (int i = 0; i < t->n_compiler; i++)
    if (t->compiler[i].n_openmp) return true;
  return false;
}

void pass_threads(Graph *g, Context *cx) {
  int64_t threads = cx->policy ? policy_int(cx->policy, "threads") : 1;
  if (!cx->target || threads < 2) return;
  if (!has_threads(cx->target))
    error_at(find_setting(&cx->policy->defaults, "threads")->loc, "target '%s' runs one thread, found %lld",
             cx->target->name, (long long)threads);
  for (int i = 0; i < g->n_node; i++) {
    Node *join = split_node(g, g->node[i], threads);
    if (!join) continue;
    for (int k = 0; k < join->n_in; k++) {
      set_int(g, join->in[k]->def, "parallel", k);
      if (!set_kernel(g, cx->target, join->in[k]->def))
        bug("a part of '%s' has no kernel", join->name);
    }
    if (!set_kernel(g, cx->target, join)) bug("the parts of '%s' cannot be joined", join->name);
    i = node_index(g, join);
  }
}
