/* hadamard.c - rotations by matrices of signs that spread the outliers of activations, so that few bits
 * do (QuaRot: Ashkboos et al. 2024, arXiv:2404.00456).  What the network computes stays the same, up
 * to float rounding.
 *
 * Tensors that sums, moves, plain normalizations and products from the left connect (a residual stream,
 * the values of an attention) can be rotated together for nothing: layers that make them get rotated
 * columns, layers that read them rotated rows, tables and constant addends rotated rows.  Such sets are
 * found by union-find over the tensors, without names or patterns; runs of as many elements as divide
 * all their last dimensions are rotated, a head of an attention for instance.  Anything else that makes
 * or reads a tensor spoils its set.
 *
 * A LayerNormalization takes a mean off before; where nothing but such reads a set, what makes it is
 * centred instead, and RMSNormalization is left, which a rotation passes through.
 *
 * Inputs of other layers that write to a residual stream (the last of a feed-forward block), or with
 * `scope: all` of all quantized ones, are rotated as the network runs, by a node in front.  Those of
 * the model are left alone otherwise.
 *
 *   y = w Relu(x)   ==>   y = (w R') Hadamard(Relu(x))
 */
#include <string.h>

#include "passes/passes.h"
#include "passes/quant/rotate.h"
#include "passes/simplify/simplify.h"

enum { SMALLEST_BLOCK = 4 };  /* elements that are worth a rotation as the network runs */

typedef struct Sets {
  Graph *g;
  Context *cx;
  int n_tensor;
  int *parent;          /* [n_tensor] union-find; what follows is of roots */
  bool *spoilt;
  bool *centred;        /* a LayerNormalization reads it */
  bool *summed;         /* two of its tensors are added: it is a residual stream */
  bool *direct;         /* a layer or RMSNormalization reads what is not normalized */
  int *made, *read;     /* layers and tables that write and layers that read it */
  int64_t *size;        /* what divides all last dimensions ... */
  bool *mixed;          /* ... which are not all the same */
  Rotation *rotation;   /* chosen; n is 0 where none is */
} Sets;

static int root_of(Sets *s, const Tensor *t) {
  int i = t->id;
  while (s->parent[i] != i) i = s->parent[i] = s->parent[s->parent[i]];
  return i;
}

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

static void join(Sets *s, const Tensor *a, const Tensor *b) {
  int x = root_of(s, a), y = root_of(s, b), to = x < y ? x : y, from = x + y - to;
  if (x == y) return;
  s->parent[from] = to;
  s->spoilt[to] |= s->spoilt[from];
  s->centred[to] |= s->centred[from];
  s->summed[to] |= s->summed[from];
  s->direct[to] |= s->direct[from];
  s->mixed[to] |= s->mixed[from] || s->size[to] != s->size[from];
  s->made[to] += s->made[from];
  s->read[to] += s->read[from];
  s->size[to] = common_divisor(s->size[to], s->size[from]);
}

static bool is_real(const Tensor *t) { return t && !is_const(t) && t->dtype == DT_F32 && t->rank > 0; }

static void spoil(Sets *s, const Tensor *t) {
  if (is_real(t)) s->spoilt[root_of(s, t)] = true;
}

/* What made the tensor before it was moved; NULL: it is an input of the model. */
static const Node *maker_of(const Tensor *t) {
  while (t->def && moves_rows(t->def)) t = t->def->in[0];
  return t->def;
}

static bool is_normalized(const Tensor *t) {
  const Node *n = maker_of(t);
  return is_op(n, "LayerNormalization") || is_op(n, "RMSNormalization");
}

/* A constant addend of rows like y's: one number, or a vector that is as long. */
static bool is_addend(const Tensor *c, const Tensor *y) {
  return is_float_const(c) &&
         (n_elements(c) == 1 || (c->rank > 0 && c->dim[c->rank - 1] == y->dim[y->rank - 1]));
}

static bool is_table(const Node *n) {
  return is_op(n, "Gather") && is_float_const(n->in[0]) && n->in[0]->rank == 2 &&
         axis_of(n, n->in[0], 0) == 0;
}

/* ---- operators ------------------------------------------------------------------------------- */

static bool follow_layer(Sets *s, const Node *n) {
  if (!is_linear_layer(n)) return false;
  int x = root_of(s, n->in[0]), y = root_of(s, n->out[0]);
  s->read[x]++;
  s->direct[x] |= !is_normalized(n->in[0]);
  s->made[y]++;
  if (find_attr(n, "activation")) spoil(s, n->out[0]);
  return true;
}

static bool follow_sum(Sets *s, const Node *n) {
  if (!is_op(n, "Add") && !is_op(n, "Sub")) return false;
  const Tensor *y = n->out[0];
  for (int i = 0; i < 2; i++)
    if (!is_addend(n->in[i], y) && (!is_real(n->in[i]) || !same_shape(n->in[i], y))) return false;
  for (int i = 0; i < 2; i++)
    if (!is_const(n->in[i])) join(s, n->in[i], y);
  s->summed[root_of(s, y)] |= !is_const(n->in[0]) && !is_const(n->in[1]);
  return true;
}

/* Of a factor that is one number. */
static bool follow_factor(Sets *s, const Node *n) {
  for (int i = 0; is_op(n, "Mul") && i < 2; i++) {
    const Tensor *x = n->in[1 - i];
    if (!is_float_const(n->in[i]) || n_elements(n->in[i]) != 1 || !is_real(x)) continue;
    join(s, x, n->out[0]);
    return true;
  }
  return false;
}

static bool follow_norm(Sets *s, const Node *n) {
  if (!is_plain_norm(n) || !is_real(n->in[0])) return false;
  join(s, n->in[0], n->out[0]);
  int root = root_of(s, n->in[0]);
  if (is_op(n, "LayerNormalization")) s->centred[root] = true;
  else s->direct[root] = true;
  return true;
}

/* The rows of a product are sums of rows of the second factor. */
static bool follow_matmul(Sets *s, const Node *n) {
  if (!is_op(n, "MatMul") || !is_real(n->in[1]) || n->in[1]->rank < 2) return false;
  spoil(s, n->in[0]);
  s->direct[root_of(s, n->in[1])] = true;
  join(s, n->in[1], n->out[0]);
  return true;
}

static bool follow_move(Sets *s, const Node *n) {
  if (is_table(n)) {
    s->made[root_of(s, n->out[0])]++;
    return true;
  }
  /* A Reshape may cut rows: pieces of them are rotated then. */
  bool cut = is_op(n, "Reshape") || is_op(n, "Flatten");
  if ((!cut && !moves_rows(n)) || !is_real(n->in[0])) return false;
  for (int i = 0; i < n->n_in; i++)
    if (is_float_const(n->in[i])) return false; /* part of a Concat */
  for (int i = 0; i < n->n_in; i++)
    if (is_real(n->in[i])) join(s, n->in[i], n->out[0]);
  for (int i = 0; i < n->n_out; i++)
    if (is_real(n->out[i])) join(s, n->out[i], n->out[0]);
  return true;
}

static bool follow_pool(Sets *s, const Node *n) {
  if (!is_op(n, "AveragePool") || n->in[0]->layout != LAYOUT_NHWC) return false;
  join(s, n->in[0], n->out[0]);
  return true;
}

static void find_sets(Sets *s) {
  typedef bool Follow(Sets *s, const Node *n);
  static Follow *const follow[] = {follow_layer,  follow_sum,  follow_factor, follow_norm,
                                   follow_matmul, follow_move, follow_pool};
  for (int i = 0; i < s->g->n_node; i++) {
    const Node *n = s->g->node[i];
    bool known = false, clamped = find_attr(n, "activation") && !is_linear_layer(n);
    if (is_real(n->out[0]) && !clamped)
      for (size_t k = 0; k < sizeof follow / sizeof *follow && !known; k++) known = follow[k](s, n);
    for (int k = 0; !known && k < n->n_in; k++) spoil(s, n->in[k]);
    for (int k = 0; !known && k < n->n_out; k++) spoil(s, n->out[k]);
  }
  for (int i = 0; i < s->g->n_in; i++) spoil(s, s->g->in[i]);
  for (int i = 0; i < s->g->n_out; i++) spoil(s, s->g->out[i]);
}

static Sets *new_sets(Graph *g, Context *cx) {
  Sets *s = arena_alloc(g->arena, sizeof *s);
  int64_t n = g->n_tensor + 1;
  *s = (Sets){.g = g, .cx = cx, .n_tensor = g->n_tensor};
  s->parent = arena_alloc(g->arena, n * (int64_t)sizeof *s->parent);
  bool **flags[] = {&s->spoilt, &s->centred, &s->summed, &s->direct, &s->mixed};
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) *flags[i] = arena_alloc(g->arena, n);
  s->made = arena_alloc(g->arena, n * (int64_t)sizeof *s->made);
  s->read = arena_alloc(g->arena, n * (int64_t)sizeof *s->read);
  s->size = arena_alloc(g->arena, n * (int64_t)sizeof *s->size);
  s->rotation = arena_alloc(g->arena, n * (int64_t)sizeof *s->rotation);
  for (int i = 0; i < g->n_tensor; i++) {
    const Tensor *t = g->tensor[i];
    s->parent[i] = i;
    s->size[i] = t->rank > 0 ? t->dim[t->rank - 1] : 1;
  }
  return s;
}

/* ---- which rotation -------------------------------------------------------------------------- */

/* The block of the policy where it divides rows of n elements, else the largest. */
static int64_t block_of(const Sets *s, int64_t n, const char *name) {
  int64_t block = policy_int(s->cx->policy, "transforms.hadamard.block"); /* auto: -1 */
  if (block > 0 && n % block == 0) return block;
  if (block > 0)
    add_note(s->cx, name, "block %lld does not divide its %lld channels: rotated in blocks of %lld",
             (long long)block, (long long)n, (long long)largest_hadamard(n));
  return largest_hadamard(n);
}

/* Sets that layers write and read; those that have to be centred as a whole. */
static void choose_rotations(Sets *s) {
  for (int i = 0; i < s->n_tensor; i++) {
    const Tensor *t = s->g->tensor[i];
    if (s->parent[i] != i || s->spoilt[i] || s->made[i] == 0 || s->read[i] == 0 || is_const(t))
      continue;
    if (s->centred[i] && (s->direct[i] || s->mixed[i])) continue;
    int64_t block = block_of(s, s->size[i], t->name);
    if (block > 1) s->rotation[i] = new_rotation(s->g, s->size[i], block, t->name);
  }
}

/* The rotation of a tensor's rows, or NULL. */
static const Rotation *rotation_of(Sets *s, const Tensor *t) {
  if (!is_real(t) || t->id >= s->n_tensor) return NULL;
  const Rotation *r = &s->rotation[root_of(s, t)];
  return r->n > 0 ? r : NULL;
}

/* ---- rewriting ------------------------------------------------------------------------------- */

/* Columns (step elements apart) of a constant without their mean. */
static Tensor *centre(Graph *g, const Tensor *w, int64_t n, int64_t step) {
  float *v = arena_alloc(g->arena, tensor_bytes(w));
  for (int64_t i = 0; i < n_elements(w) / n; i++) {
    int64_t from = i / step * step * n + i % step;
    double mean = 0;
    for (int64_t k = 0; k < n; k++) mean += floats_of(w)[from + k * step];
    mean /= (double)n;
    for (int64_t k = 0; k < n; k++)
      v[from + k * step] = (float)(floats_of(w)[from + k * step] - mean);
  }
  Tensor *centred = new_floats(g, w->name, w->rank, w->dim, v);
  centred->layout = w->layout;
  return centred;
}

/* Input i of a node that makes rows like y's: its columns, or its rows, are rotated. */
static void rotate_made(Sets *s, Node *n, int i, bool rows) {
  const Rotation *r = rotation_of(s, n->out[0]);
  const Tensor *w = n->n_in > i ? n->in[i] : NULL;
  if (!r || !w) return;
  if (s->centred[root_of(s, n->out[0])])
    w = centre(s->g, w, r->n, rows ? 1 : n_elements(w) / w->dim[0]);
  set_input(s->g, n, i, rows ? rotate_rows(s->g, w, r) : rotate_columns(s->g, w, r));
}

/* One number becomes a vector. */
static void spread_addend(Graph *g, Node *n, int i) {
  const Tensor *c = n->in[i], *y = n->out[0];
  int64_t last = y->dim[y->rank - 1];
  if (n_elements(c) != 1 || last == 1) return;
  float *v = arena_alloc(g->arena, last * (int64_t)sizeof *v);
  for (int64_t k = 0; k < last; k++) v[k] = floats_of(c)[0];
  set_input(g, n, i, new_floats(g, c->name, 1, &last, v));
}

static void to_rms(Graph *g, Node *n) {
  Tensor *y = n->out[0], *in[2] = {n->in[0], n->in[1]};
  n->out[0]->def = NULL, n->out[0] = NULL;
  Node *rms = add_node(g, node_index(g, n), "RMSNormalization", n->name, 2, in, 1, &y);
  rms->loc = n->loc;
  for (int k = 0; k < n->n_attr; k++) set_attr(g, rms, &n->attr[k]);
  remove_node(g, n);
}

static void rewrite(Sets *s, Node *n) {
  if (is_linear_layer(n)) {
    const Rotation *r = rotation_of(s, n->in[0]);
    if (r) set_input(s->g, n, 1, rotate_rows(s->g, n->in[1], r));
    rotate_made(s, n, 1, false);
    rotate_made(s, n, 2, false);
  } else if (is_table(n)) {
    rotate_made(s, n, 0, true);
  } else if (is_op(n, "Add") || is_op(n, "Sub")) {
    for (int i = 0; i < 2; i++) {
      if (!is_const(n->in[i]) || !rotation_of(s, n->out[0])) continue;
      spread_addend(s->g, n, i);
      rotate_made(s, n, i, true);
    }
  } else if (is_op(n, "LayerNormalization") && rotation_of(s, n->out[0])) {
    to_rms(s->g, n);
  }
}

/* ---- rotations as the network runs ------------------------------------------------------------ */

static bool is_quantized(const Sets *s, const Node *n) {
  return weight_choice(s->g, s->cx, n).format != NULL;
}

/* Would a node in front of the layer be worth it? */
static bool wants_online(Sets *s, const Node *n) {
  if (!is_linear_layer(n) || rotation_of(s, n->in[0]) || !is_real(n->in[0])) return false;
  for (int d = 1; d < n->in[1]->rank - 1; d++)
    if (n->in[1]->dim[d] != 1) return false; /* of a window: a row would be read more than once */
  bool all = strcmp(policy_value(s->cx->policy, "transforms.hadamard.scope"), "all") == 0;
  bool ends = rotation_of(s, n->out[0]) && s->summed[root_of(s, n->out[0])];
  return (all || (ends && maker_of(n->in[0]))) && is_quantized(s, n);
}

/* Rotates the input of a layer and of all others that read it and want it. */
static void rotate_online(Sets *s, Tensor *x) {
  Graph *g = s->g;
  int64_t n = x->dim[x->rank - 1];
  Tensor *y = NULL;
  Rotation r;
  for (int i = 0; i < g->n_node; i++) {
    Node *reader = g->node[i];
    if (reader->n_in == 0 || reader->in[0] != x || !wants_online(s, reader)) continue;
    if (!y) {
      r = new_rotation(g, n, block_of(s, n, reader->name), NULL);
      if (r.block < SMALLEST_BLOCK) return;
      y = add_rotation(g, i++, arena_printf(g->arena, "%s_rotated", x->name), x, &r, false);
    }
    set_input(g, reader, 0, y);
    set_input(g, reader, 1, rotate_rows(g, reader->in[1], &r));
  }
}

static void check_block(const Policy *p) {
  const Setting *set = find_setting(&p->defaults, "transforms.hadamard.block");
  int64_t block = policy_int(p, "transforms.hadamard.block"), below = block;
  if (block < 1 || hadamard_core(block) > 0) return;
  while (hadamard_core(below) == 0) below--;
  error_at(set->loc, "there is no Hadamard matrix of order %lld; the largest below has order %lld",
           (long long)block, (long long)below);
}

void pass_hadamard(Graph *g, Context *cx) {
  if (!policy_has(cx->policy, "transforms", "hadamard")) return;
  check_block(cx->policy);
  Sets *s = new_sets(g, cx);
  find_sets(s);
  choose_rotations(s);
  int n = g->n_node;
  Node **node = arena_alloc(g->arena, (n + 1) * (int64_t)sizeof *node);
  memcpy(node, g->node, (size_t)n * sizeof *node);
  for (int i = 0; i < s->n_tensor; i++)
    if (is_real(g->tensor[i])) rotate_online(s, g->tensor[i]);
  for (int i = 0; i < n; i++) rewrite(s, node[i]);
}
