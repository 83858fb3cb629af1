/* channels.c - which channels of a network may change their scale, found by following them.
 *
 *   y = Relu(w x + b), z = v MaxPool(y)   ==>   y' = Relu(w / s x + b / s), z = (v s) MaxPool(y')
 *
 * Every output channel of a layer gets a number that goes with its elements through all operators for
 * which f(x / s) is f(x) / s: moves, pools, Relu and its kind, sums, products with something that keeps
 * its scale.  Where numbers meet, in a sum, in a window, in an input channel of a layer, the channels need
 * one scale: union-find joins them into a class.  Anything else that makes or reads a number fixes its
 * class.  So no names and no patterns of architectures are needed: residual streams, concatenated
 * channels, the heads of an attention all come out as they are connected. */
#include "passes/quant/channels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"
#include "passes/quant/quant.h"
#include "passes/simplify/simplify.h"

typedef struct Numbers {
  Graph *g;
  Channels *c;
  int n;                /* numbers so far; 0 is an element that is zero */
  int *parent;          /* [n] union-find */
  const char **fixed;   /* [n] of a root: who fixes it, or NULL */
  int **map;            /* [n_tensor] number of each element, or NULL */
} Numbers;

/* ---- layers ---------------------------------------------------------------------------------- */

bool is_scalable_layer(const Node *n) {
  bool conv = is_op(n, "Conv") && n->in[1]->layout == LAYOUT_NHWC;
  bool gemm = is_op(n, "Gemm") && attr_int(n, "transB", 0) && !attr_int(n, "transA", 0) &&
              attr_float(n, "alpha", 1) == 1 && attr_float(n, "beta", 1) == 1;
  if ((!conv && !gemm) || !is_float_const(n->in[1])) return false;
  const Tensor *bias = n->n_in > 2 ? n->in[2] : NULL;
  return !bias || (is_float_const(bias) && bias->rank == 1 && bias->dim[0] == n->in[1]->dim[0]);
}

bool scales_through(const Node *n) {
  const char *name = attr_str(n, "activation", NULL);
  if (!name || strcmp(name, "LeakyRelu") == 0) return true;
  double lo = attr_float(n, "activation_min", -INFINITY);
  return strcmp(name, "Clip") == 0 && (lo == 0 || isinf(lo)) &&
         isinf(attr_float(n, "activation_max", INFINITY));
}

int64_t input_channel(const Node *n, int64_t i) {
  const Tensor *w = n->in[1];
  int64_t group = attr_int(n, "group", 1), per_group = w->dim[w->rank - 1];
  int64_t out = i / (n_elements(w) / w->dim[0]);
  return out / (w->dim[0] / group) * per_group + i % per_group;
}

int64_t input_channels(const Node *n) {
  return n->in[1]->dim[n->in[1]->rank - 1] * attr_int(n, "group", 1);
}

void own_input(Graph *g, Node *n, int i) {
  const Tensor *t = n->n_in > i ? n->in[i] : NULL;
  if (!t) return;
  float *v = arena_alloc(g->arena, tensor_bytes(t));
  memcpy(v, floats_of(t), (size_t)tensor_bytes(t));
  Tensor *own = new_floats(g, t->name, t->rank, t->dim, v);
  own->layout = t->layout;
  set_input(g, n, i, own);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int root_of(Numbers *a, int i) {
  while (a->parent[i] != i) i = a->parent[i] = a->parent[a->parent[i]];
  return i;
}

/* The number of something that is both; zero goes with everything. */
static int join(Numbers *a, int i, int k) {
  if (i == 0 || k == 0) return i + k;
  int x = root_of(a, i), y = root_of(a, k);
  if (x == y) return x;
  int kept = x < y ? x : y, other = x + y - kept;
  a->parent[other] = kept;
  if (!a->fixed[kept]) a->fixed[kept] = a->fixed[other];
  return kept;
}

static int new_numbers(Numbers *a, int64_t count, const char *fixed) {
  int first = a->n;
  for (int64_t i = 0; i < count; i++) {
    a->parent = arena_grow(a->g->arena, a->parent, a->n, sizeof *a->parent);
    a->fixed = arena_grow(a->g->arena, a->fixed, a->n, sizeof *a->fixed);
    a->parent[a->n] = a->n;
    a->fixed[a->n++] = fixed;
  }
  return first;
}

static bool is_real(const Tensor *t) { return t && t->dtype == DT_F32; }

static int *new_map(Numbers *a, const Tensor *t) {
  return a->map[t->id] = scratch(n_elements(t), sizeof(int));
}

/* A tensor of which every element has a number of its own kind: those that are not zero keep their
 * scale. */
static int *fixed_map(Numbers *a, const Tensor *t, const char *why) {
  int *map = new_map(a, t), number = new_numbers(a, 1, why);
  for (int64_t i = 0; i < n_elements(t); i++)
    if (!is_const(t) || floats_of(t)[i] != 0) map[i] = number;
  return map;
}

/* Numbers of input i, or NULL when it is absent or not real. */
static int *input_map(Numbers *a, const Node *n, int i) {
  const Tensor *t = n->n_in > i ? n->in[i] : NULL;
  if (!is_real(t)) return NULL;
  if (a->map[t->id]) return a->map[t->id];
  return fixed_map(a, t, arena_printf(a->g->arena, "'%s'", t->name));
}

static void fix_all(Numbers *a, const int *map, int64_t n, const char *why) {
  int number = new_numbers(a, 1, why), last = 0;
  for (int64_t i = 0; i < n; i++)
    if (map[i] != last) join(a, number, last = map[i]);
}

static const char *text_of(const Numbers *a, const Node *n) {
  return arena_printf(a->g->arena, "%s '%s'", n->op->name, n->name);
}

static void fix_input(Numbers *a, const Node *n, int i) {
  const int *map = input_map(a, n, i);
  if (map) fix_all(a, map, n_elements(n->in[i]), text_of(a, n));
}

/* ---- operators ------------------------------------------------------------------------------- */

/* One number per channel of x for all of its elements; channels are `inner` elements apart. */
static int *join_channels(Numbers *a, const int *map, int64_t n, int64_t channels, int64_t inner) {
  int *number = arena_alloc(a->g->arena, (channels + 1) * (int64_t)sizeof *number);
  for (int64_t i = 0; i < n; i++) {
    int64_t c = i / inner % channels;
    if (map[i] != number[c]) number[c] = join(a, number[c], map[i]);
  }
  return number;
}

static void spread_channels(const int *number, int *map, int64_t n, int64_t channels,
                            int64_t inner) {
  for (int64_t i = 0; i < n; i++) map[i] = number[i / inner % channels];
}

static Ends *new_end(Numbers *a, Node *n) {
  Channels *c = a->c;
  c->end = arena_grow(a->g->arena, c->end, c->n_end, sizeof *c->end);
  c->end[c->n_end] = (Ends){.n = n};
  return &c->end[c->n_end++];
}

/* New numbers for the last `channels` elements of the output over and over. */
static void make_channels(Numbers *a, Ends *e, int64_t channels) {
  const Tensor *y = e->n->out[0];
  if (!scales_through(e->n)) {
    fixed_map(a, y, text_of(a, e->n));
    return;
  }
  int first = new_numbers(a, channels, NULL);
  e->n_made = channels;
  e->made = arena_alloc(a->g->arena, (channels + 1) * (int64_t)sizeof *e->made);
  for (int64_t i = 0; i < channels; i++) e->made[i] = first + (int)i;
  spread_channels(e->made, new_map(a, y), n_elements(y), channels, 1);
}

static bool follow_layer(Numbers *a, Node *n) {
  if (!is_scalable_layer(n) || !is_real(n->in[0])) return false;
  Ends *e = new_end(a, n);
  e->n_read = input_channels(n);
  e->read = join_channels(a, input_map(a, n, 0), n_elements(n->in[0]), e->n_read, 1);
  make_channels(a, e, n->in[1]->dim[0]);
  return true;
}

static bool follow_norm(Numbers *a, Node *n) {
  bool norm = is_op(n, "LayerNormalization") || is_op(n, "RMSNormalization");
  if (!norm || n->n_out > 1 || !is_float_const(n->in[1]) ||
      (n->n_in > 2 && n->in[2] && !is_float_const(n->in[2])))
    return false;
  fix_input(a, n, 0);
  make_channels(a, new_end(a, n), n_elements(n->in[1]));
  return true;
}

static bool is_homogeneous(const Node *n) {
  double lo, hi;
  if (is_op(n, "Clip")) return read_clamp(n, &lo, &hi) && (lo == 0 || isinf(lo)) && isinf(hi);
  static const char *const ops[] = {"Relu", "LeakyRelu", "PRelu", "Abs", "Neg"};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (is_op(n, ops[i])) return !is_op(n, "PRelu") || is_const(n->in[1]);
  return false;
}

static bool follow_activation(Numbers *a, Node *n) {
  if (!is_homogeneous(n)) return false;
  const int *x = input_map(a, n, 0);
  if (!x) return false;
  memcpy(new_map(a, n->out[0]), x, (size_t)n_elements(n->in[0]) * sizeof *x);
  return true;
}

static bool follow_sum(Numbers *a, Node *n) {
  bool sum = is_op(n, "Add") || is_op(n, "Sub");
  if (!sum || !same_shape(n->in[0], n->in[1])) return false;
  const int *x = input_map(a, n, 0), *y = input_map(a, n, 1);
  if (!x || !y) return false;
  int *z = new_map(a, n->out[0]);
  for (int64_t i = 0; i < n_elements(n->out[0]); i++) z[i] = join(a, x[i], y[i]);
  return true;
}

/* Of a product one factor may be scaled; the other keeps its scale. */
static bool follow_product(Numbers *a, Node *n) {
  if (!is_op(n, "Mul") || !same_shape(n->in[0], n->in[1])) return false;
  const int *x = input_map(a, n, 0), *y = input_map(a, n, 1);
  if (!x || !y) return false;
  int64_t count = n_elements(n->out[0]);
  bool free_y = true;
  for (int64_t i = 0; i < count && free_y; i++) free_y = !a->fixed[root_of(a, y[i])];
  fix_input(a, n, free_y ? 0 : 1);
  memcpy(new_map(a, n->out[0]), free_y ? y : x, (size_t)count * sizeof *x);
  return true;
}

static bool follow_pool(Numbers *a, Node *n) {
  bool pool = is_op(n, "MaxPool") || is_op(n, "AveragePool") || is_op(n, "GlobalMaxPool") ||
              is_op(n, "GlobalAveragePool");
  const Tensor *x = n->in[0], *y = n->out[0];
  if (!pool || n->n_out > 1 || !is_real(x)) return false;
  bool last = x->layout == LAYOUT_NHWC;
  int axis = last ? x->rank - 1 : 1;
  int64_t in = dims_product(x->dim, axis + 1, x->rank), out = dims_product(y->dim, axis + 1, y->rank);
  const int *number = join_channels(a, input_map(a, n, 0), n_elements(x), x->dim[axis], in);
  spread_channels(number, new_map(a, y), n_elements(y), y->dim[axis], out);
  return true;
}

/* Elements move as they are, so the operator itself moves their numbers. */
static bool follow_move(Numbers *a, Node *n) {
  const void *in[64];
  void *out[64];
  if (!is_move(n) || is_op(n, "MaxPool") || n->n_in > 64 || n->n_out > 64) return false;
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    if (t && !is_real(t) && !is_const(t)) return false;
    in[i] = is_real(t) ? (const void *)input_map(a, n, i) : t ? t->data : NULL;
  }
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && !is_real(n->out[i])) return false;
  for (int i = 0; i < n->n_out; i++) out[i] = n->out[i] ? new_map(a, n->out[i]) : NULL;
  n->op->eval(n, in, out);
  return true;
}

/* A column of the second matrix makes a column of the product. */
static bool follow_matmul(Numbers *a, Node *n) {
  if (!is_op(n, "MatMul") || n->in[0]->rank < 2 || n->in[1]->rank < 2) return false;
  MatMulShape s;
  get_matmul_shape(n, &s);
  fix_input(a, n, 0);
  const int *b = input_map(a, n, 1);
  int *y = new_map(a, n->out[0]);
  for (int64_t k = 0; k < s.batches; k++) {
    int64_t from_a, from_b;
    matmul_offsets(&s, k, &from_a, &from_b);
    const int *number = join_channels(a, b + from_b, s.k * s.n, s.n, 1);
    spread_channels(number, y + k * s.m * s.n, s.m * s.n, s.n, 1);
  }
  return true;
}

static bool (*const followers[])(Numbers *a, Node *n) = {
  follow_layer, follow_norm, follow_activation, follow_sum, follow_product,
  follow_pool,  follow_move, follow_matmul,
};

static void follow(Numbers *a, Node *n) {
  bool known = n->n_out > 0 && is_real(n->out[0]);
  if (known && (is_scalable_layer(n) || scales_through(n)))
    for (size_t i = 0; i < sizeof followers / sizeof *followers; i++)
      if (followers[i](a, n)) return;
  for (int i = 0; i < n->n_in; i++) fix_input(a, n, i);
  for (int i = 0; i < n->n_out; i++)
    if (is_real(n->out[i]) && !a->map[n->out[i]->id]) fixed_map(a, n->out[i], text_of(a, n));
}

/* ---- classes and units ----------------------------------------------------------------------- */

/* Joins the classes of each layer in a second forest. */
static int *unit_roots(Numbers *a) {
  int *unit = arena_alloc(a->g->arena, (a->n + 1) * (int64_t)sizeof *unit);
  Numbers forest = *a;
  forest.parent = unit;
  forest.fixed = arena_alloc(a->g->arena, (a->n + 1) * (int64_t)sizeof *forest.fixed);
  for (int i = 0; i < a->n; i++) unit[i] = i, forest.fixed[i] = a->fixed[root_of(a, i)];
  for (int i = 0; i < a->c->n_end; i++) {
    const Ends *e = &a->c->end[i];
    for (int64_t k = 0, first = 0; k < e->n_read; k++)
      first = join(&forest, (int)first, root_of(a, e->read[k]));
  }
  for (int i = 0; i < a->n; i++) a->fixed[i] = forest.fixed[root_of(&forest, i)];
  for (int i = 0; i < a->n; i++) unit[i] = root_of(&forest, i);
  return unit;
}

static void add_class(Arena *arena, Unit *u, int k) {
  u->class_of = arena_grow(arena, u->class_of, u->n_class, sizeof *u->class_of);
  u->class_of[u->n_class++] = k;
}

static void make_units(Numbers *a) {
  Channels *c = a->c;
  Arena *arena = a->g->arena;
  const int *root = unit_roots(a);
  int *number = arena_alloc(arena, (a->n + 1) * (int64_t)sizeof *number); /* of a root's unit, + 1 */
  for (int i = 0; i < c->n_end; i++) {
    Ends *e = &c->end[i];
    for (int64_t k = 0; k < e->n_made; k++) e->made[k] = root_of(a, e->made[k]);
    int first = 0;
    for (int64_t k = 0; k < e->n_read; k++) {
      e->read[k] = root_of(a, e->read[k]);
      if (first == 0) first = root[e->read[k]];
    }
    if (first == 0) continue;
    if (number[first] == 0) {
      c->unit = arena_grow(arena, c->unit, c->n_unit, sizeof *c->unit);
      c->unit[c->n_unit] = (Unit){.fixed = a->fixed[first]};
      number[first] = ++c->n_unit;
    }
    Unit *u = &c->unit[number[first] - 1];
    u->layer = arena_grow(arena, u->layer, u->n_layer, sizeof *u->layer);
    u->layer[u->n_layer++] = e;
  }
  for (int i = 1; i < a->n; i++)
    if (a->parent[i] == i && number[root[i]]) add_class(arena, &c->unit[number[root[i]] - 1], i);
  c->n_class = a->n;
}

Channels *find_channels(Graph *g) {
  Numbers a = {.g = g, .c = arena_alloc(g->arena, sizeof *a.c)};
  a.map = scratch(g->n_tensor, sizeof *a.map);
  new_numbers(&a, 1, NULL);
  for (int i = 0; i < g->n_node; i++) follow(&a, g->node[i]);
  for (int i = 0; i < g->n_out; i++)
    if (a.map[g->out[i]->id])
      fix_all(&a, a.map[g->out[i]->id], n_elements(g->out[i]),
              arena_printf(g->arena, "the output '%s'", g->out[i]->name));
  make_units(&a);
  for (int i = 0; i < g->n_tensor; i++) free(a.map[i]);
  free(a.map);
  return a.c;
}
