/* canonicalize.c - one form for what ONNX can say in several ways, so that later passes and
 * kernels meet few cases.  Each rule is a function that rewrites one node and says whether it
 * did; the pass runs them until none fires.
 *
 *   Identity, Dropout, no-op Reshape, Transpose, Pad, Cast, Concat of one    ==>  nothing
 *   Flatten, Squeeze, Unsqueeze, Transpose that moves only ones              ==>  Reshape
 *   GlobalAveragePool, ReduceMean over the spatial dimensions                ==>  AveragePool
 *   Upsample                                                                 ==>  Resize
 *   Sub, Div by a constant                                                   ==>  Add, Mul
 *   MatMul with a constant matrix, Gemm with alpha, beta, transB=0           ==>  Gemm<transB=1>
 *   Gemm with a matrix to add                                                ==>  Gemm, Add
 *   Gemm of two matrices that are computed                                   ==>  Transpose, MatMul, Mul, Add
 */
#include <math.h>
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static bool is_known(const Tensor *t) { return t->rank >= 0 && n_elements(t) >= 0; }

static bool same_type_shape(const Tensor *a, const Tensor *b) {
  return a->dtype == b->dtype && is_known(a) && is_known(b) && same_shape(a, b) &&
         a->layout == b->layout;
}

/* Can `n` be replaced by its input? Not when it joins a graph input or constant to a graph
 * output. */
static bool drop(Graph *g, Node *n, Tensor *x) {
  int before = g->n_node;
  bypass(g, n, x);
  return g->n_node < before;
}

/* Does a Slice or Pad whose output has the input's shape keep every element in its place?  Not
 * when it reverses a dimension, or adds on one side what it takes away on the other. */
static bool keeps_places(const Node *n) {
  bool slice = is_op(n, "Slice");
  if (!slice && !is_op(n, "Pad")) return true;
  int input = slice ? 4 : 1;
  int64_t v[2 * MAX_RANK];
  int count = attr_ints(n, slice ? "steps" : "pads", v, 2 * MAX_RANK);
  if (n->n_in > input && n->in[input]) count = const_ints(n->in[input], v, 2 * MAX_RANK);
  if (count < 0) return false;
  for (int i = 0; i < count; i++)
    if (slice ? v[i] < 0 : v[i] != 0) return false;
  return true;
}

/* Steps that are known to be forward: a Slice may also reverse what it keeps. */
static bool is_forward(const Node *n) {
  const Tensor *steps = n->n_in > 4 ? n->in[4] : NULL;
  int64_t v[MAX_RANK];
  int count = steps ? const_ints(steps, v, MAX_RANK) : 0;
  for (int i = 0; i < count; i++)
    if (v[i] < 0) return false;
  return count >= 0;
}

static bool drop_identity(Graph *g, Node *n) {
  if (is_op(n, "Identity")) return drop(g, n, n->in[0]);
  if (is_op(n, "Concat") && n->n_in == 1) return drop(g, n, n->in[0]);
  bool moves = is_op(n, "Reshape") || is_op(n, "Pad") || is_op(n, "Cast") || is_op(n, "Expand") ||
               is_op(n, "Tile") || (is_op(n, "Slice") && is_forward(n));
  if (moves && same_type_shape(n->in[0], n->out[0]) && keeps_places(n)) return drop(g, n, n->in[0]);
  return false;
}

/* Dropout without a mask does nothing at inference; as an Identity it may be a graph's output. */
static bool drop_dropout(Graph *g, Node *n) {
  if (!is_op(n, "Dropout") || (n->n_out > 1 && n->out[1] && count_uses(g, n->out[1]))) return false;
  if (drop(g, n, n->in[0])) return true;
  int at = node_index(g, n);
  const char *name = n->name;
  Tensor *x = n->in[0], *y = n->out[0];
  Loc loc = n->loc;
  n->out[0]->def = NULL, n->out[0] = NULL;
  remove_node(g, n);
  add_node(g, at, "Identity", name, 1, &x, 1, &y)->loc = loc;
  return true;
}

static bool drop_transpose(Graph *g, Node *n) {
  int64_t perm[MAX_RANK];
  if (!is_op(n, "Transpose") || find_attr(n, "layout")) return false;
  int rank = attr_ints(n, "perm", perm, MAX_RANK);
  for (int i = 0; i < rank; i++)
    if (perm[i] != i) return false;
  return rank > 0 && drop(g, n, n->in[0]);
}

static Node *to_reshape(Graph *g, Node *n) {
  Tensor *y = n->out[0], *x = n->in[0];
  Tensor *shape =
      new_const_i64(g, fresh_name(g, arena_printf(g->arena, "%s_shape", n->name)), y->rank, y->dim);
  int at = node_index(g, n);
  const char *name = n->name;
  Loc loc = n->loc;
  n->out[0]->def = NULL, n->out[0] = NULL;
  remove_node(g, n);
  Node *r = add_node(g, at, "Reshape", name, 2, (Tensor *[]){x, shape}, 1, &y);
  r->loc = loc;
  return r;
}

static bool make_reshape(Graph *g, Node *n) {
  if (!is_known(n->out[0])) return false;
  bool flat = is_op(n, "Flatten") || is_op(n, "Squeeze") || is_op(n, "Unsqueeze");
  if (is_op(n, "Reshape") && is_const(n->in[1])) {
    int64_t v[MAX_RANK];
    int count = const_ints(n->in[1], v, MAX_RANK);
    for (int i = 0; i < count; i++)
      if (v[i] <= 0 && n_elements(n->out[0]) > 0) flat = true;
  }
  if (!flat) return false;
  to_reshape(g, n);
  return true;
}

static bool merge_reshape(Graph *g, Node *n) {
  if (!is_op(n, "Reshape") || !is_op(n->in[0]->def, "Reshape") || !is_known(n->out[0]))
    return false;
  set_input(g, n, 0, n->in[0]->def->in[0]);
  return true;
}

static bool make_pool(Graph *g, Node *n) {
  const Tensor *x = n->in[0];
  bool mean = is_op(n, "GlobalAveragePool"), norm = is_op(n, "GlobalLpPool");
  if ((!mean && !norm && !is_op(n, "GlobalMaxPool")) || !is_known(x) || x->rank < 3 || x->rank > 5)
    return false;
  int at = node_index(g, n);
  Tensor *in = n->in[0], *y = n->out[0];
  const char *name = n->name;
  Loc loc = n->loc;
  n->out[0]->def = NULL, n->out[0] = NULL;
  remove_node(g, n);
  Node *p = add_node(g, at, mean ? "AveragePool" : norm ? "LpPool" : "MaxPool", name, 1, &in, 1, &y);
  if (norm) set_int(g, p, "p", attr_int(n, "p", 2));
  p->loc = loc;
  set_ints(g, p, "kernel_shape", x->rank - 2, x->dim + 2);
  return true;
}

/* What was an operator of its own before Resize could do the same; infer has made attributes of its modes. */
static bool make_resize(Graph *g, Node *n) {
  if (!is_op(n, "Upsample") || !is_known(n->out[0])) return false;
  const Attr *list = find_attr(n, "scales");
  Tensor *in[3] = {n->in[0], NULL, n->n_in > 1 ? n->in[1] : NULL}, *y = n->out[0];
  if (list) {
    int64_t count = list->n;
    float *v = arena_alloc(g->arena, count * (int64_t)sizeof *v + 1);
    for (int i = 0; i < count; i++) v[i] = (float)list->floats[i];
    in[2] = new_floats(g, arena_printf(g->arena, "%s_scales", n->name), 1, &count, v);
  }
  int at = node_index(g, n);
  y->def = NULL, n->out[0] = NULL;
  Node *r = add_node(g, at, "Resize", n->name, 3, in, 1, &y);
  r->loc = n->loc;
  for (int i = 0; i < n->n_attr; i++)
    if (strcmp(n->attr[i].name, "scales") != 0) set_attr(g, r, &n->attr[i]);
  remove_node(g, n);
  return true;
}

/* ReduceMean over exactly the spatial dimensions of an NCHW activation. */
static bool mean_to_pool(Graph *g, Node *n) {
  Tensor *x = n->in[0];
  if (!is_op(n, "ReduceMean") || !is_known(x) || x->layout == LAYOUT_NHWC || x->rank < 3 || x->rank > 5 || x->dtype != DT_F32)
    return false;
  int64_t axes[MAX_RANK];
  int count = n->n_in > 1 && n->in[1] ? const_ints(n->in[1], axes, MAX_RANK)
                                      : attr_ints(n, "axes", axes, MAX_RANK);
  unsigned seen = 0;
  for (int i = 0; i < count; i++) seen |= 1u << (axes[i] < 0 ? axes[i] + x->rank : axes[i]);
  if (count != x->rank - 2 || seen != ((1u << x->rank) - 1 - 3)) return false;
  Tensor *y = n->out[0];
  int at = node_index(g, n);
  const char *name = n->name;
  bool keep = attr_int(n, "keepdims", 1);
  n->out[0]->def = NULL, n->out[0] = NULL;
  remove_node(g, n);
  Tensor *p = keep ? y
                   : new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_pool", name)), DT_NONE,
                                -1, NULL);
  Node *pool = add_node(g, at, "AveragePool", name, 1, &x, 1, &p);
  set_ints(g, pool, "kernel_shape", x->rank - 2, x->dim + 2);
  infer_node(g, pool);
  if (!keep) {
    Tensor *shape =
        new_const_i64(g, fresh_name(g, arena_printf(g->arena, "%s_shape", name)), y->rank, y->dim);
    add_node(g, at + 1, "Reshape", fresh_name(g, arena_printf(g->arena, "%s_reshape", name)), 2,
             (Tensor *[]){p, shape}, 1, &y);
  }
  return true;
}

static bool make_add_mul(Graph *g, Node *n) {
  bool sub = is_op(n, "Sub");
  if ((!sub && !is_op(n, "Div")) || attr_int(n, "exact", 0) || !is_float_const(n->in[1]) || is_const(n->in[0])) return false;
  const Tensor *c = n->in[1];
  int64_t count = n_elements(c);
  float *v = arena_alloc(g->arena, count * (int64_t)sizeof *v);
  for (int64_t i = 0; i < count; i++) v[i] = sub ? -floats_of(c)[i] : 1.0f / floats_of(c)[i];
  Tensor *y = n->out[0], *in[2] = {n->in[0], new_floats(g, c->name, c->rank, c->dim, v)};
  int at = node_index(g, n);
  const char *name = n->name;
  Loc loc = n->loc;
  n->out[0]->def = NULL, n->out[0] = NULL;
  remove_node(g, n);
  add_node(g, at, sub ? "Add" : "Mul", name, 2, in, 1, &y)->loc = loc;
  return true;
}

/* x[..,M,K] * w[K,N] with constant w. */
static bool make_gemm(Graph *g, Node *n) {
  if (!is_op(n, "MatMul")) return false;
  Tensor *x = n->in[0], *w = n->in[1], *y = n->out[0];
  if (!is_float_const(w) || w->rank != 2 || !is_known(x) || x->rank < 2) return false;
  if (is_const(x)) return false;
  int at = node_index(g, n);
  const char *name = n->name;
  Loc loc = n->loc;
  int64_t k = w->dim[0], flat[2] = {n_elements(x) / (k ? k : 1), k},
          out_dim[2] = {flat[0], w->dim[1]};
  n->out[0]->def = NULL, n->out[0] = NULL;
  remove_node(g, n);
  Tensor *wt = transpose_const(g, w, (const int64_t[]){1, 0});
  bool reshape = x->rank != 2;
  if (reshape) {
    Tensor *s = new_const_i64(g, fresh_name(g, arena_printf(g->arena, "%s_flat", name)), 2, flat);
    x = add_op(g, at++, "Reshape", fresh_name(g, arena_printf(g->arena, "%s_rows", name)), 2,
               (Tensor *[]){x, s});
  }
  Tensor *p = reshape ? new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_product", name)),
                                   DT_F32, 2, out_dim)
                      : y;
  Node *gemm = add_node(g, at++, "Gemm", name, 2, (Tensor *[]){x, wt}, 1, &p);
  gemm->loc = loc;
  for (int i = 0; i < n->n_attr; i++) set_attr(g, gemm, &n->attr[i]);
  set_int(g, gemm, "transB", 1);
  infer_node(g, gemm);
  if (reshape) {
    Tensor *s =
        new_const_i64(g, fresh_name(g, arena_printf(g->arena, "%s_shape", name)), y->rank, y->dim);
    add_node(g, at, "Reshape", fresh_name(g, arena_printf(g->arena, "%s_unflat", name)), 2,
             (Tensor *[]){p, s}, 1, &y);
  }
  return true;
}

static Tensor *scaled(Graph *g, const Tensor *t, double by) {
  int64_t count = n_elements(t);
  float *v = arena_alloc(g->arena, count * (int64_t)sizeof *v);
  for (int64_t i = 0; i < count; i++) v[i] = (float)(floats_of(t)[i] * by);
  return new_floats(g, t->name, t->rank, t->dim, v);
}

/* Constants of float16 or bfloat16 that a kernel wants as float32, or that are scaled below, become that. */
static bool widen_gemm(Graph *g, Node *n, double alpha) {
  bool changed = false;
  for (int i = alpha == 1 ? 2 : 1; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    if (!t || !is_const(t) || !dtype_is_half(t->dtype)) continue;
    int64_t count = n_elements(t);
    float *v = arena_alloc(g->arena, (count + 1) * (int64_t)sizeof *v);
    for (int64_t k = 0; k < count; k++) v[k] = (float)get_real(t->dtype, t->data, k);
    set_input(g, n, i, new_floats(g, t->name, t->rank, t->dim, v));
    changed = true;
  }
  return changed;
}

static bool normalise_gemm(Graph *g, Node *n) {
  if (!is_op(n, "Gemm") || !is_const(n->in[1])) return false;
  double alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
  bool changed = widen_gemm(g, n, alpha);
  if (!is_float_const(n->in[1]) && !dtype_is_half(n->in[1]->dtype)) return changed;
  Tensor *c = n->n_in > 2 ? n->in[2] : NULL;
  if (alpha != 1) {
    set_input(g, n, 1, scaled(g, n->in[1], alpha));
    remove_attr(n, "alpha");
    changed = true;
  }
  if (beta != 1 && (!c || is_float_const(c))) {
    if (c) set_input(g, n, 2, scaled(g, c, beta));
    remove_attr(n, "beta");
    changed = true;
  }
  if (!attr_int(n, "transB", 0)) {
    set_input(g, n, 1, transpose_const(g, n->in[1], (const int64_t[]){1, 0}));
    set_int(g, n, "transB", 1);
    changed = true;
  }
  c = n->n_in > 2 ? n->in[2] : NULL;
  int64_t channels = n->in[1]->dim[0];
  if (c && is_float_const(c) && (c->rank != 1 || c->dim[0] != channels)) {
    const float *v = per_channel(g, c, 2, 1, channels);
    if (v) {
      set_input(g, n, 2, new_floats(g, c->name, 1, &channels, (float *)v));
      changed = true;
    }
  }
  return changed;
}

/* Of the type of the node's inputs, where that is float64. */
static Tensor *factor(Graph *g, const Node *n, double by) {
  DType type = n->in[0]->dtype == DT_F64 ? DT_F64 : DT_F32;
  void *v = arena_alloc(g->arena, dtype_bytes(type));
  set_real(type, v, 0, by);
  return new_const(g, fresh_name(g, arena_printf(g->arena, "%s_factor", n->name)), type, 0, NULL, v);
}

/* x times a constant, if that is not 1. */
static Tensor *times(Graph *g, int *at, const Node *n, Tensor *x, double by) {
  if (by == 1) return x;
  return add_op(g, (*at)++, "Mul", fresh_name(g, arena_printf(g->arena, "%s_scaled", n->name)), 2,
                (Tensor *[]){x, factor(g, n, by)});
}

static Tensor *transposed(Graph *g, int *at, const Node *n, Tensor *x) {
  if (is_const(x)) return transpose_const(g, x, (const int64_t[]){1, 0});
  Tensor *t = add_op(g, *at, "Transpose", fresh_name(g, arena_printf(g->arena, "%s_turned", n->name)), 1,
                     (Tensor *[]){x});
  set_ints(g, t->def, "perm", 2, (const int64_t[]){1, 0});
  infer_node(g, g->node[(*at)++]);
  return t;
}

/* A product of two matrices of which neither is constant, or of float64. */
static bool gemm_to_matmul(Graph *g, Node *n) {
  if (!is_op(n, "Gemm") || !is_known(n->out[0]) || find_attr(n, "activation")) return false;
  if ((is_const(n->in[1]) || is_decoded_const(n->in[1])) && n->in[0]->dtype != DT_F64) return false;
  Tensor *a = n->in[0], *b = n->in[1], *c = n->n_in > 2 ? n->in[2] : NULL, *y = n->out[0];
  double alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
  int at = node_index(g, n);
  if (attr_int(n, "transA", 0)) a = transposed(g, &at, n, a);
  if (attr_int(n, "transB", 0)) b = transposed(g, &at, n, b);
  y->def = NULL, n->out[0] = NULL;
  bool last = alpha == 1 && !c;
  Tensor *product = last ? y : copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_product", n->name)), y);
  Node *m = add_node(g, at++, "MatMul", n->name, 2, (Tensor *[]){a, b}, 1, &product);
  m->loc = n->loc;
  infer_node(g, m);
  if (!last) {
    Tensor *x = c ? times(g, &at, n, product, alpha) : product,
           *by = c ? times(g, &at, n, c, beta) : factor(g, n, alpha);
    Node *end = add_node(g, at, c ? "Add" : "Mul", fresh_name(g, arena_printf(g->arena, "%s_end", n->name)),
                         2, (Tensor *[]){x, by}, 1, &y);
    end->loc = n->loc;
  }
  remove_node(g, n);
  return true;
}

/* A Gemm whose C is a matrix, or is computed: kernels only know a constant bias per column. */
static bool split_gemm(Graph *g, Node *n) {
  Tensor *c = n->n_in > 2 && is_op(n, "Gemm") ? n->in[2] : NULL, *y = n->out[0];
  if (!c || c->dtype != DT_F32 || attr_float(n, "beta", 1) != 1 || !is_known(y)) return false;
  if ((is_const(c) || is_decoded_const(c)) && (c->rank == 1 || n_elements(c) == 1)) return false;
  int at = node_index(g, n) + 1;
  Tensor *product = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_product", n->name)), y);
  n->out[0] = product, product->def = n, y->def = NULL;
  n->n_in = 2;
  Node *add = add_node(g, at, "Add", fresh_name(g, arena_printf(g->arena, "%s_add", n->name)), 2,
                       (Tensor *[]){product, c}, 1, &y);
  add->loc = n->loc;
  return true;
}

/* A Transpose that keeps the order of the dimensions that are not 1. */
static bool transpose_to_reshape(Graph *g, Node *n) {
  int64_t perm[MAX_RANK], last = -1;
  const Tensor *x = n->in[0];
  if (!is_op(n, "Transpose") || find_attr(n, "layout") || !is_known(x)) return false;
  int rank = attr_ints(n, "perm", perm, MAX_RANK);
  if (rank == 0 || x->layout != LAYOUT_NONE) return false;
  for (int i = 0; i < rank; i++) {
    if (x->dim[perm[i]] == 1) continue;
    if (perm[i] < last) return false;
    last = perm[i];
  }
  to_reshape(g, n);
  return true;
}

/* Transpose of a Transpose. */
static bool merge_transpose(Graph *g, Node *n) {
  if (!is_op(n, "Transpose") || !is_op(n->in[0]->def, "Transpose")) return false;
  if (find_attr(n, "layout") || find_attr(n->in[0]->def, "layout")) return false;
  int64_t a[MAX_RANK], b[MAX_RANK], c[MAX_RANK];
  int rank = attr_ints(n->in[0]->def, "perm", a, MAX_RANK);
  if (rank == 0 || attr_ints(n, "perm", b, MAX_RANK) != rank) return false;
  for (int i = 0; i < rank; i++) c[i] = a[b[i]];
  set_ints(g, n, "perm", rank, c);
  set_input(g, n, 0, n->in[0]->def->in[0]);
  return true;
}

typedef bool Rule1(Graph *g, Node *n);
static Rule1 *const rules[] = {drop_identity, drop_dropout,   drop_transpose, make_reshape,
                               merge_reshape, make_pool,      mean_to_pool,   make_resize,    make_add_mul,
                               make_gemm,     gemm_to_matmul, normalise_gemm, split_gemm,     merge_transpose};

/* Rules that are only for after the layout pass, when no Transpose will cancel any more. */
static Rule1 *const late_rules[] = {drop_identity, drop_transpose, transpose_to_reshape,
                                    merge_reshape, merge_transpose};

static void run_rules(Graph *g, Rule1 *const *rule, size_t n_rule) {
  for (int i = 0; i < g->n_node; i++) {
    for (size_t r = 0; r < n_rule; r++) {
      if (!rule[r](g, g->node[i])) continue;
      i = i > 2 ? i - 3 : -1;
      break;
    }
  }
}

void canonicalize_moves(Graph *g) {
  run_rules(g, late_rules, sizeof late_rules / sizeof *late_rules);
}

void pass_canonicalize(Graph *g, Context *cx) {
  (void)cx;
  run_rules(g, rules, sizeof rules / sizeof *rules);
  remove_dead(g);
}
