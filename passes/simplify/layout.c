/* layout.c - channels last inside.  Window operators are rewritten to NHWC between two
 * Transposes; then Transposes back to NCHW sink through whatever does not care about the order
 * of dimensions, meet the next Transpose to NHWC and cancel.  One that reaches Reshape and Gemm
 * is folded into the weights.
 *
 *   y = Conv(x, w[O,I,h,w])
 *   ==>  y = Transpose<[0,3,1,2]>(Conv(Transpose<[0,2,3,1], layout="NHWC">(x), w[O,h,w,I] NHWC))
 */
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static void to_last(int rank, int64_t *perm) {
  perm[0] = 0;
  for (int i = 1; i < rank; i++) perm[i] = i + 1 < rank ? i + 1 : 1;
}

static void to_first(int rank, int64_t *perm) {
  perm[0] = 0;
  for (int i = 1; i < rank; i++) perm[i] = i == 1 ? rank - 1 : i - 1;
}

static bool is_identity(int rank, const int64_t *perm) {
  for (int i = 0; i < rank; i++)
    if (perm[i] != i) return false;
  return true;
}

static bool is_window_op(const Node *n) {
  static const char *const names[] = {
      "Conv",         "ConvTranspose",         "MaxPool", "AveragePool", "LpPool", "DepthToSpace",
      "SpaceToDepth", "InstanceNormalization"};
  if (n->n_out > 1) return false;   /* places of maxima are counted in ONNX's order */
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (is_op(n, names[i])) return n->in[0]->rank >= 3 && n->in[0]->layout != LAYOUT_NHWC;
  return false;
}

/* x with channels last: an existing Transpose of it, or a new one at position `at`. */
static Tensor *channels_last(Graph *g, int at, Tensor *x) {
  int64_t perm[MAX_RANK], own[MAX_RANK];
  to_last(x->rank, perm);
  for (int i = 0; i < at; i++) {
    const Node *t = g->node[i];
    if (!is_op(t, "Transpose") || t->in[0] != x || !find_attr(t, "layout")) continue;
    /* One that has taken up another Transpose has channels elsewhere. */
    int rank = attr_ints(t, "perm", own, MAX_RANK);
    if (rank == x->rank && memcmp(own, perm, (size_t)rank * sizeof *own) == 0) return t->out[0];
  }
  Tensor *y =
      new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_nhwc", x->name)), DT_NONE, -1, NULL);
  Node *t = add_node(g, at, "Transpose", y->name, 1, &x, 1, &y);
  set_ints(g, t, "perm", x->rank, perm);
  set_str(g, t, "layout", "NHWC");
  infer_node(g, t);
  return y;
}

/* Gives node n's first output a new tensor and computes the old one from it by a Transpose. */
static void transpose_output(Graph *g, Node *n, const int64_t *perm, const char *suffix) {
  Tensor *y = n->out[0];
  Tensor *inner = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_%s", y->name, suffix)),
                             DT_NONE, -1, NULL);
  set_origin(inner, y);
  inner->quant = y->quant;
  n->out[0] = inner;
  inner->def = n;
  infer_node(g, n);
  y->def = NULL;
  Node *t = add_node(g, node_index(g, n) + 1, "Transpose",
                     fresh_name(g, arena_printf(g->arena, "%s_nchw", y->name)), 1, &inner, 1, &y);
  y->layout = LAYOUT_NONE;
  set_ints(g, t, "perm", inner->rank, perm);
  infer_node(g, t);
}

static void rewrite_window(Graph *g, Node *n) {
  int rank = n->in[0]->rank;
  int64_t perm[MAX_RANK];
  set_input(g, n, 0, channels_last(g, node_index(g, n), n->in[0]));
  if (is_op(n, "Conv") || is_op(n, "ConvTranspose")) {
    Tensor *w = n->in[1];
    to_last(rank, perm);
    if (is_const(w)) {
      w = transpose_const(g, w, perm);
      w->layout = LAYOUT_NHWC;
      set_input(g, n, 1, w);
    } else {
      set_input(g, n, 1, channels_last(g, node_index(g, n), w));
    }
  }
  to_first(rank, perm);
  transpose_output(g, n, perm, "nhwc");
}

/* The Transpose back to ONNX's order that computes t, or NULL. */
static Node *sinking(const Tensor *t) {
  Node *n = t ? t->def : NULL;
  return is_op(n, "Transpose") && !find_attr(n, "layout") && n->in[0]->layout == LAYOUT_NHWC ? n
                                                                                             : NULL;
}

/* The source of constant c before a Transpose by perm: broadcast rules are kept by adding
 * leading ones. */
static Tensor *unpermuted_const(Graph *g, Tensor *c, int rank, const int64_t *perm) {
  int64_t inverse[MAX_RANK], dim[MAX_RANK];
  if (n_elements(c) == 1) return c;
  for (int i = 0; i < rank; i++) inverse[perm[i]] = i;
  for (int i = 0; i < rank; i++) dim[i] = i < rank - c->rank ? 1 : c->dim[i - (rank - c->rank)];
  Tensor *full = new_const(g, fresh_name(g, c->name), c->dtype, rank, dim, c->data);
  set_origin(full, c);
  return transpose_const(g, full, inverse);
}

/* Is it worth a Transpose of input x that the other inputs of n keep their channels last?  Where x
 * is no larger: a graph input that convolutions read as well, the factors of a squeeze and
 * excitation block. */
static bool may_follow(const Node *n, const Tensor *x, const int64_t *perm) {
  int64_t first[MAX_RANK], last = 0, other = 0;
  int rank = n->out[0]->rank;
  if (rank < 3 || x->rank != rank || x->layout == LAYOUT_NHWC) return false;
  to_first(rank, first);
  if (memcmp(first, perm, (size_t)rank * sizeof *perm) != 0) return false;
  for (int i = 0; i < n->n_in; i++) {
    if (!n->in[i] || is_const(n->in[i])) continue;
    *(sinking(n->in[i]) ? &last : &other) += n_elements(n->in[i]);
  }
  return other <= last;
}

/* All inputs of a pointwise node or Concat from one permutation? Fills src with what to use
 * instead. */
static bool unpermute_inputs(Graph *g, const Node *n, int64_t *perm, Tensor **src) {
  int rank = 0;
  for (int i = 0; i < n->n_in; i++) {
    Node *t = sinking(n->in[i]);
    int64_t own[MAX_RANK];
    if (!t) continue;
    int r = attr_ints(t, "perm", own, MAX_RANK);
    if (rank && (r != rank || memcmp(own, perm, (size_t)r * sizeof *own))) return false;
    memcpy(perm, own, sizeof own);
    rank = r;
  }
  if (rank == 0 || n->out[0]->rank != rank) return false;
  for (int i = 0; i < n->n_in; i++) {
    Tensor *x = n->in[i];
    if (!x) src[i] = NULL;
    else if (sinking(x)) src[i] = x->def->in[0];
    else if (is_const(x) && x->rank <= rank) src[i] = unpermuted_const(g, x, rank, perm);
    else if (may_follow(n, x, perm)) src[i] = channels_last(g, node_index(g, n), x);
    else return false;
  }
  return true;
}

/* Between codes and reals with one scale for all elements. */
static bool is_rounding(const Node *n) {
  const QuantSpec *q = is_op(n, "Quantize") ? n->out[0]->quant : is_op(n, "Dequantize") ? n->in[0]->quant : NULL;
  return q && q->n == 1;
}

static bool sink_pointwise(Graph *g, Node *n) {
  bool concat = is_op(n, "Concat");
  if ((!concat && !(n->op->flags & OP_POINTWISE) && !is_rounding(n)) || n->n_out != 1) return false;
  int64_t perm[MAX_RANK];
  Tensor **src = arena_alloc(g->arena, (n->n_in + 1) * (int64_t)sizeof *src);
  if (!unpermute_inputs(g, n, perm, src)) return false;
  for (int i = 0; i < n->n_in; i++) set_input(g, n, i, src[i]);
  if (concat) {
    int64_t axis = attr_int(n, "axis", 1);
    set_int(g, n, "axis", perm[axis < 0 ? axis + n->out[0]->rank : axis]);
  }
  transpose_output(g, n, perm, "nhwc");
  return true;
}

/* Codes of one scale and zero point, found at run time, and reals of them: scale and zero point stay. */
static bool sink_dynamic(Graph *g, Node *n) {
  bool coding = is_op(n, "DynamicQuantize") && n->n_out > 2;
  if (!coding && !(is_op(n, "DynamicDequantize") && n->n_in > 2)) return false;
  Node *t = sinking(n->in[0]);
  int64_t perm[MAX_RANK];
  if (!t) return false;
  attr_ints(t, "perm", perm, MAX_RANK);
  set_input(g, n, 0, t->in[0]);
  transpose_output(g, n, perm, "nhwc");
  return true;
}

/* Constant input i, one value per dimension in `blocks` runs, reordered to the source's
 * dimensions. */
static bool permute_per_dim(Graph *g, Node *n, int i, int rank, const int64_t *perm, int blocks) {
  Tensor *c = n->n_in > i ? n->in[i] : NULL;
  if (!c || n_elements(c) == 0) return true;
  if (!is_const(c) || c->rank != 1 || c->dim[0] != (int64_t)rank * blocks) return false;
  int bytes = dtype_bytes(c->dtype);
  char *v = arena_alloc(g->arena, (int64_t)rank * blocks * bytes);
  for (int b = 0; b < blocks; b++)
    for (int d = 0; d < rank; d++)
      memcpy(v + (b * rank + perm[d]) * bytes, (const char *)c->data + (b * rank + d) * bytes,
             (size_t)bytes);
  set_input(g, n, i, new_const(g, fresh_name(g, c->name), c->dtype, 1, c->dim, v));
  return true;
}

/* The roi, scales and sizes of a Resize, reordered to the source's dimensions. */
static bool permute_resize(Graph *g, Node *n, int rank, const int64_t *perm) {
  if (g->opset < 11 || find_attr(n, "axes")) return false;
  for (int i = 1; i < 4; i++) {
    const Tensor *c = n->n_in > i ? n->in[i] : NULL;
    int blocks = i == 1 ? 2 : 1;
    if (c && n_elements(c) != 0 && !(is_const(c) && c->rank == 1 && c->dim[0] == rank * blocks))
      return false;
  }
  permute_per_dim(g, n, 1, rank, perm, 2);
  permute_per_dim(g, n, 2, rank, perm, 1);
  permute_per_dim(g, n, 3, rank, perm, 1);
  return true;
}

static bool sink_by_dim(Graph *g, Node *n) {
  Node *t = n->n_in ? sinking(n->in[0]) : NULL;
  int64_t perm[MAX_RANK], axes[MAX_RANK];
  if (!t) return false;
  int rank = attr_ints(t, "perm", perm, MAX_RANK);
  if (is_op(n, "Pad") && n->n_in > 1 && (n->n_in < 4 || !n->in[3])) {
    if (!permute_per_dim(g, n, 1, rank, perm, 2)) return false;
  } else if (is_op(n, "Resize")) {
    if (!permute_resize(g, n, rank, perm)) return false;
  } else if ((is_op(n, "Softmax") || is_op(n, "LogSoftmax")) && !attr_int(n, "flat", 0)) {
    int64_t axis = attr_int(n, "axis", -1), last = perm[axis < 0 ? axis + rank : axis];
    if (last != rank - 1) return false; /* kernels want rows */
    set_int(g, n, "axis", last);
  } else if (strncmp(n->op->name, "Reduce", 6) == 0 && n->n_in == 1 && attr_int(n, "keepdims", 1)) {
    int count = attr_ints(n, "axes", axes, MAX_RANK);
    if (count == 0) return false;
    for (int i = 0; i < count; i++) axes[i] = perm[axes[i] < 0 ? axes[i] + rank : axes[i]];
    set_ints(g, n, "axes", count, axes);
  } else {
    return false;
  }
  set_input(g, n, 0, t->in[0]);
  transpose_output(g, n, perm, "nhwc");
  return true;
}

/* A graph input that only feeds n, or its codes, is channels last by another name. */
static void last_by_name(const Graph *g, Tensor *x, const Node *n) {
  Tensor *t = x;
  const Node *reader = n;
  for (; t->def && is_rounding(t->def) && only_user(g, t) == reader; t = t->def->in[0]) reader = t->def;
  if (t->def || is_const(t) || only_user(g, t) != reader) return;
  for (; x != t; x = x->def->in[0]) x->layout = LAYOUT_NHWC;
  t->layout = LAYOUT_NHWC;
}

/* Transpose of a Transpose; one to NHWC of one from NHWC disappears. */
static bool cancel(Graph *g, Node *n) {
  Node *p = is_op(n, "Transpose") ? n->in[0]->def : NULL;
  int64_t a[MAX_RANK], b[MAX_RANK], c[MAX_RANK];
  if (!is_op(p, "Transpose") || find_attr(p, "layout")) return false;
  int rank = attr_ints(p, "perm", a, MAX_RANK);
  if (attr_ints(n, "perm", b, MAX_RANK) != rank || rank == 0) return false;
  for (int i = 0; i < rank; i++) c[i] = a[b[i]];
  Tensor *x = p->in[0];
  if (is_identity(rank, c) && find_attr(n, "layout")) {
    if (x->layout != LAYOUT_NHWC && only_user(g, n->in[0]) == n) last_by_name(g, x, p);
    if (x->layout == LAYOUT_NHWC) {
      bypass(g, n, x);
      return true;
    }
  }
  set_ints(g, n, "perm", rank, c);
  set_input(g, n, 0, x);
  return true;
}

/* Gemm(Reshape(Transpose(x)), w): the Transpose goes into the columns of w. */
static bool fold_into_gemm(Graph *g, Node *n) {
  if (!is_op(n, "Gemm") || !is_float_const(n->in[1]) || !attr_int(n, "transB", 0) ||
      attr_int(n, "transA", 0))
    return false;
  Node *r = n->in[0]->def, *t = is_op(r, "Reshape") ? r->in[0]->def : NULL;
  if (!is_op(t, "Transpose") || find_attr(t, "layout")) return false;
  int64_t perm[MAX_RANK], inverse[MAX_RANK], dim[MAX_RANK];
  int rank = attr_ints(t, "perm", perm, MAX_RANK);
  Tensor *x = t->in[0], *w = n->in[1];
  if (rank == 0 || perm[0] != 0 || n->in[0]->rank != 2 || n->in[0]->dim[0] != x->dim[0] ||
      (w->quant && w->quant->group)) /* blocks of its columns stay together */
    return false;
  for (int i = 0; i < rank; i++) inverse[perm[i]] = i;
  dim[0] = w->dim[0];
  for (int i = 1; i < rank; i++) dim[i] = x->dim[perm[i]];
  Tensor *view = new_const(g, fresh_name(g, w->name), DT_F32, rank, dim, w->data);
  Tensor *moved = transpose_const(g, view, inverse);
  Tensor *columns = new_floats(g, w->name, 2, w->dim, moved->data);
  columns->quant = w->quant;
  set_input(g, n, 1, columns);
  Tensor *flat =
      add_op(g, node_index(g, n), "Reshape", fresh_name(g, r->name), 2, (Tensor *[]){x, r->in[1]});
  set_input(g, n, 0, flat);
  return true;
}

/* A Resize of images: kernels want channels last, as for windows. */
static void rewrite_resize(Graph *g, Node *n) {
  const Tensor *x = n->in[0], *y = n->out[0];
  int64_t perm[MAX_RANK];
  if (!is_op(n, "Resize") || x->rank != 4 || x->layout == LAYOUT_NHWC) return;
  if (x->dim[0] != y->dim[0] || x->dim[1] != y->dim[1]) return;
  to_first(4, perm);
  if (permute_resize(g, n, 4, perm)) rewrite_window(g, n);
}

void pass_layout(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_node; i++) {
    if (is_window_op(g->node[i])) rewrite_window(g, g->node[i]);
    else rewrite_resize(g, g->node[i]);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (int i = 0; i < g->n_node; i++) {
      Node *n = g->node[i];
      if (sink_pointwise(g, n) || sink_dynamic(g, n) || sink_by_dim(g, n) || cancel(g, n) || fold_into_gemm(g, n))
        changed = true;
    }
    remove_dead(g);
  }
  canonicalize_moves(g);
}
