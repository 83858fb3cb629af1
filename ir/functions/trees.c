/* trees.c - the bodies of ai.onnx.ml's ensembles of decision trees.  All trees of all rows go down together, a
 * level at a time:
 *
 *     at = [n][trees] roots
 *     as often as the deepest tree has levels:
 *       at = feature[at] of x <= value[at] ? yes[at] : no[at]
 *     y = sum over the trees of weight[at]
 *
 * A leaf is its own successor.  Both ways that ONNX lists trees in are read into the same tables. */
#include <stdlib.h>
#include <string.h>

#include "ir/functions/ml.h"

enum { MAX_LEVELS = 4096 };

typedef enum Mode { LEQ, LT, GTE, GT, EQ, NEQ, MEMBER, LEAF, N_MODES } Mode;

static const struct {
  const char *name, *op; /* what the file says; the comparison */
  bool negate;
} modes[] = {
  [LEQ] = {"BRANCH_LEQ", "LessOrEqual", false}, [LT] = {"BRANCH_LT", "Less", false},
  [GTE] = {"BRANCH_GTE", "GreaterOrEqual", false}, [GT] = {"BRANCH_GT", "Greater", false},
  [EQ] = {"BRANCH_EQ", "Equal", false},         [NEQ] = {"BRANCH_NEQ", "Equal", true},
  [MEMBER] = {"BRANCH_MEMBER", "Equal", false}, [LEAF] = {"LEAF", NULL, false},
};

typedef struct Item {
  Mode mode;
  int feature, yes, no; /* yes, no: places in Forest.item */
  double value;
  bool missing;         /* NaN goes the way of yes */
  int depth;            /* comparisons below it; -1 not known yet, -2 being found */
} Item;

typedef struct Forest {
  int n, n_tree, n_target;
  Item *item;           /* [n] */
  int *root;            /* [n_tree] */
  double *weight;       /* [n][n_target], 0 but for leaves */
} Forest;

/* ---- reading */

static Reals list_of(const Body *b, const char *name, int64_t n, bool needed) {
  Reals r;
  bool given = attr_reals(b, name, &r) && r.n > 0;
  if (!given && !needed) return (Reals){0, NULL};
  if (r.n != n)
    error_at(b->n->loc, "%s: '%s' has %lld elements, expected %lld", op_name(b->n), name, (long long)r.n,
             (long long)n);
  return r;
}

/* An element that is a number below `limit`. */
static int place_in(const Body *b, const char *name, const Reals *r, int64_t i, int64_t limit) {
  if (!(r->v[i] >= 0 && r->v[i] < (double)limit))
    error_at(b->n->loc, "%s: '%s'[%lld] is %.9g, expected 0 to %lld", op_name(b->n), name, (long long)i,
             r->v[i], (long long)limit - 1);
  return (int)r->v[i];
}

static Item *add_item(Body *b, Forest *f, Item item) {
  item.depth = -1;
  f->item = arena_grow(b->g->arena, f->item, f->n, sizeof *f->item);
  f->item[f->n] = item;
  return &f->item[f->n++];
}

static void add_root(Body *b, Forest *f, int at) {
  f->root = arena_grow(b->g->arena, f->root, f->n_tree, sizeof *f->root);
  f->root[f->n_tree++] = at;
}

static void make_weights(Body *b, Forest *f) {
  if (f->n_target < 1 || f->n_target > 1 << 20 || (int64_t)f->n * f->n_target > 1 << 28)
    error_at(b->n->loc, "%s: %d targets of %d nodes are too many", op_name(b->n), f->n_target, f->n);
  f->weight = arena_alloc(b->g->arena, (int64_t)f->n * f->n_target * (int64_t)sizeof *f->weight);
}

/* Nodes by tree and number within it, as TreeEnsembleRegressor and -Classifier name them. */
typedef struct Key {
  double tree, node;
  int at;
} Key;

static int by_key(const void *x, const void *y) {
  const Key *a = x, *b = y;
  if (a->tree != b->tree) return a->tree < b->tree ? -1 : 1;
  return (a->node > b->node) - (a->node < b->node);
}

static int find_node_of(const Body *b, const Key *key, int n, double tree, double node) {
  Key wanted = {tree, node, 0};
  const Key *k = bsearch(&wanted, key, (size_t)n, sizeof *key, by_key);
  if (!k) error_at(b->n->loc, "%s: tree %.0f has no node %.0f", op_name(b->n), tree, node);
  return k->at;
}

static Mode mode_named(const Body *b, const char *name) {
  for (int m = 0; m < N_MODES; m++)
    if (m != MEMBER && strcmp(modes[m].name, name) == 0) return (Mode)m;
  error_at(b->n->loc, "%s: unknown mode '%s' of a node", op_name(b->n), name);
}

static Reals values_of_nodes(const Body *b, int64_t n) {
  bool wide = find_attr(b->n, "nodes_values_as_tensor") != NULL;
  return list_of(b, wide ? "nodes_values_as_tensor" : "nodes_values", n, true);
}

/* The lists of opset 1 and 3; `what`: target or class. */
static void read_lists(Body *b, Forest *f, const char *what, int64_t columns) {
  Arena *a = b->g->arena;
  const Attr *mode = find_attr(b->n, "nodes_modes");
  int64_t n = mode && mode->kind == ATTR_STRINGS ? mode->n : 0;
  if (n < 1) error_at(b->n->loc, "%s: 'nodes_modes' is missing", op_name(b->n));
  Reals tree = list_of(b, "nodes_treeids", n, true), node = list_of(b, "nodes_nodeids", n, true),
        feature = list_of(b, "nodes_featureids", n, true), value = values_of_nodes(b, n),
        yes = list_of(b, "nodes_truenodeids", n, true), no = list_of(b, "nodes_falsenodeids", n, true),
        missing = list_of(b, "nodes_missing_value_tracks_true", n, false);
  Key *key = arena_alloc(a, n * (int64_t)sizeof *key);
  bool *below = arena_alloc(a, n); /* another one */
  for (int i = 0; i < (int)n; i++) key[i] = (Key){tree.v[i], node.v[i], i};
  qsort(key, (size_t)n, sizeof *key, by_key);
  for (int i = 1; i < (int)n; i++)
    if (by_key(&key[i - 1], &key[i]) == 0)
      error_at(b->n->loc, "%s: tree %.0f has two nodes %.0f", op_name(b->n), key[i].tree, key[i].node);
  for (int i = 0; i < (int)n; i++) {
    Item *x = add_item(b, f, (Item){.mode = mode_named(b, mode->strings[i]), .yes = i, .no = i,
                                    .value = value.v[i], .missing = missing.n && missing.v[i] != 0});
    if (x->mode == LEAF) continue;
    x->feature = place_in(b, "nodes_featureids", &feature, i, columns);
    x->yes = find_node_of(b, key, (int)n, tree.v[i], yes.v[i]);
    x->no = find_node_of(b, key, (int)n, tree.v[i], no.v[i]);
    below[x->yes] = below[x->no] = true;
  }
  for (int i = 0; i < (int)n; i++)
    if (!below[i]) add_root(b, f, i);
  make_weights(b, f);
  const char *name[4];
  static const char *const part[] = {"treeids", "nodeids", "ids", "weights"};
  for (int i = 0; i < 4; i++) name[i] = arena_printf(a, "%s_%s", what, part[i]);
  const char *wide = arena_printf(a, "%s_weights_as_tensor", what);
  if (find_attr(b->n, wide)) name[3] = wide;
  Reals ids;
  if (!attr_reals(b, name[2], &ids)) error_at(b->n->loc, "%s: '%s' is missing", op_name(b->n), name[2]);
  Reals of_tree = list_of(b, name[0], ids.n, true), of_node = list_of(b, name[1], ids.n, true),
        weight = list_of(b, name[3], ids.n, true);
  for (int64_t i = 0; i < ids.n; i++) {
    int at = find_node_of(b, key, (int)n, of_tree.v[i], of_node.v[i]);
    f->weight[(int64_t)at * f->n_target + place_in(b, name[2], &ids, i, f->n_target)] += weight.v[i];
  }
}

/* TreeEnsemble (opset 5): nodes by their place in the lists, leaves in lists of their own, which follow the nodes
 * here; a node with a set becomes a chain, a comparison for each of its members. */
static void read_tables(Body *b, Forest *f, int64_t columns) {
  Reals feature, target;
  if (!attr_reals(b, "nodes_featureids", &feature) || !attr_reals(b, "leaf_targetids", &target))
    error_at(b->n->loc, "TreeEnsemble: 'nodes_featureids' or 'leaf_targetids' is missing");
  int64_t n = feature.n, leaves = target.n;
  Reals mode = list_of(b, "nodes_modes", n, true), split = list_of(b, "nodes_splits", n, true),
        yes = list_of(b, "nodes_truenodeids", n, true), no = list_of(b, "nodes_falsenodeids", n, true),
        yes_leaf = list_of(b, "nodes_trueleafs", n, true), no_leaf = list_of(b, "nodes_falseleafs", n, true),
        missing = list_of(b, "nodes_missing_value_tracks_true", n, false),
        weight = list_of(b, "leaf_weights", leaves, true), root, member;
  attr_reals(b, "membership_values", &member);
  if (n + leaves > 1 << 28) error_at(b->n->loc, "TreeEnsemble: too many nodes");
  for (int i = 0; i < (int)n; i++)
    add_item(b, f, (Item){
        .mode = (Mode)place_in(b, "nodes_modes", &mode, i, LEAF),
        .feature = place_in(b, "nodes_featureids", &feature, i, columns),
        .value = split.v[i],
        .missing = missing.n && missing.v[i] != 0,
        .yes = yes_leaf.v[i] != 0 ? (int)n + place_in(b, "nodes_truenodeids", &yes, i, leaves)
                                  : place_in(b, "nodes_truenodeids", &yes, i, n),
        .no = no_leaf.v[i] != 0 ? (int)n + place_in(b, "nodes_falsenodeids", &no, i, leaves)
                                : place_in(b, "nodes_falsenodeids", &no, i, n)});
  for (int i = 0; i < (int)leaves; i++)
    add_item(b, f, (Item){.mode = LEAF, .yes = (int)n + i, .no = (int)n + i});
  int64_t at = 0;
  for (int i = 0; i < (int)n; i++) {
    if (f->item[i].mode != MEMBER) continue;
    int last = i, no_of_all = f->item[i].no;
    for (bool first = true; at < member.n && member.v[at] == member.v[at]; at++, first = false) {
      if (!first) {
        f->item[last].no = f->n;
        Item next = f->item[i];
        next.no = no_of_all;
        last = f->n;
        add_item(b, f, next);
      }
      f->item[last].value = member.v[at];
    }
    at++;
  }
  make_weights(b, f);
  for (int64_t i = 0; i < leaves; i++)
    f->weight[(n + i) * f->n_target + place_in(b, "leaf_targetids", &target, i, f->n_target)] = weight.v[i];
  if (!attr_reals(b, "tree_roots", &root)) error_at(b->n->loc, "TreeEnsemble: 'tree_roots' is missing");
  for (int64_t i = 0; i < root.n; i++) add_root(b, f, place_in(b, "tree_roots", &root, i, n));
}

/* Levels of the deepest tree.  Without recursion: a file can make a tree as deep as it has nodes. */
static int depth_of(const Body *b, Forest *f) {
  int *stack = arena_alloc(b->g->arena, (2 * (int64_t)f->n + 1) * (int64_t)sizeof *stack), deepest = 0;
  for (int t = 0; t < f->n_tree; t++) {
    int n = 0;
    stack[n++] = f->root[t];
    while (n) {
      Item *x = &f->item[stack[n - 1]];
      const Item *yes = &f->item[x->yes], *no = &f->item[x->no];
      if (x->mode == LEAF) x->depth = 0;
      if (x->depth >= 0) {
        n--;
        continue;
      }
      if (x->depth == -1) {
        x->depth = -2;
        if (yes->depth == -1) stack[n++] = x->yes;
        if (no->depth == -1 && x->no != x->yes) stack[n++] = x->no;
        continue;
      }
      if (yes->depth < 0 || no->depth < 0)
        error_at(b->n->loc, "%s: a node of tree %d is below itself", op_name(b->n), t);
      x->depth = 1 + (yes->depth > no->depth ? yes->depth : no->depth);
      n--;
    }
    int depth = f->item[f->root[t]].depth;
    if (depth > deepest) deepest = depth;
  }
  return deepest;
}

/* ---- the body */

typedef double Field(const Item *x);

static double feature_of(const Item *x) { return x->feature; }
static double value_of(const Item *x) { return x->value; }
static double yes_of(const Item *x) { return x->yes; }
static double no_of(const Item *x) { return x->no; }
static double mode_of(const Item *x) { return x->mode == MEMBER ? EQ : x->mode; }
static double missing_of(const Item *x) { return x->missing; }

/* Fields of all nodes as constants [nodes]. */
typedef struct Tables {
  Tensor *feature, *value, *yes, *no, *mode, *missing; /* missing: NULL where NaN never goes the way of yes */
  bool used[N_MODES];
} Tables;

static Tensor *put_table(Body *b, const Forest *f, DType t, Field *field) {
  int64_t n = f->n;
  double *v = arena_alloc(b->g->arena, n * (int64_t)sizeof *v);
  for (int i = 0; i < f->n; i++) v[i] = field(&f->item[i]);
  return put_reals(b, t, 1, &n, v);
}

static Tables put_tables(Body *b, const Forest *f, DType t) {
  Tables k = {.feature = put_table(b, f, DT_I32, feature_of), .value = put_table(b, f, t, value_of),
              .yes = put_table(b, f, DT_I32, yes_of), .no = put_table(b, f, DT_I32, no_of),
              .mode = put_table(b, f, DT_I32, mode_of)};
  for (int i = 0; i < f->n; i++) {
    if (f->item[i].mode != LEAF) k.used[(int)mode_of(&f->item[i])] = true;
    if (f->item[i].missing && !k.missing) k.missing = put_table(b, f, DT_BOOL, missing_of);
  }
  return k;
}

/* Does x go the way of yes?  Modes that no node has cost nothing. */
static Tensor *put_way(Body *b, const Tables *k, Tensor *at, Tensor *x) {
  Tensor *value = put2(b, "Gather", k->value, at), *way = NULL, *mode = NULL;
  for (int m = 0; m < LEAF; m++) {
    if (!k->used[m]) continue;
    Tensor *w = put2(b, modes[m].op, x, value);
    if (modes[m].negate) w = put1(b, "Not", w);
    if (way && !mode) mode = put2(b, "Gather", k->mode, at);
    if (way) {
      Tensor *same = put2(b, "Equal", mode, put_real(b, DT_I32, m));
      w = put_op(b, "Where", 3, (Tensor *[]){same, w, way});
    }
    way = w;
  }
  if (!k->missing) return way;
  Tensor *tracked = put2(b, "Gather", k->missing, at);
  return put2(b, "Or", way, put2(b, "And", put1(b, "IsNaN", x), tracked));
}

static Tensor *put_leaves(Body *b, Forest *f, Tensor *x) {
  int depth = depth_of(b, f);
  int64_t dim[2] = {x->dim[0], f->n_tree}, count = dim[0] * dim[1];
  if (dim[0] < 1 || f->n_tree < 1 || count > 1 << 28 || depth > MAX_LEVELS)
    error_at(b->n->loc, "%s: %lld rows for %d trees of %d levels, expected some and at most %d levels",
             op_name(b->n), (long long)dim[0], f->n_tree, depth, MAX_LEVELS);
  double *start = arena_alloc(b->g->arena, count * (int64_t)sizeof *start);
  for (int64_t i = 0; i < count; i++) start[i] = f->root[i % f->n_tree];
  Tables k = put_tables(b, f, x->dtype);
  Tensor *at = put_reals(b, DT_I32, 2, dim, start);
  for (int level = 0; level < depth; level++) {
    Node *pick = start_node(b, "GatherElements", 2, (Tensor *[]){x, put2(b, "Gather", k.feature, at)});
    set_int(b->g, pick, "axis", 1);
    Tensor *way = put_way(b, &k, at, finish_node(b, pick));
    at = put_op(b, "Where", 3,
                (Tensor *[]){way, put2(b, "Gather", k.yes, at), put2(b, "Gather", k.no, at)});
  }
  return at;
}

/* [n][targets] of the trees' leaves, with the base values. */
static Tensor *put_sum(Body *b, const Forest *f, Tensor *at, DType t, const char *how) {
  static const char *const ops[][2] = {{"SUM", "ReduceSum"}, {"AVERAGE", "ReduceMean"},
                                       {"MIN", "ReduceMin"}, {"MAX", "ReduceMax"}};
  const char *op = NULL;
  for (int i = 0; i < 4; i++)
    if (strcmp(ops[i][0], how) == 0) op = ops[i][1];
  if (!op)
    error_at(b->n->loc, "%s: aggregate_function '%s', expected SUM, AVERAGE, MIN or MAX", op_name(b->n), how);
  int64_t dim[2] = {f->n, f->n_target}, trees = 1, rows[2] = {at->dim[0], f->n_target};
  Tensor *y = put2(b, "Gather", put_reals(b, t, 2, dim, f->weight), at);
  y = put_reshape(b, put_reduce(b, op, y, 1, &trees), 2, rows);
  const char *wide = find_attr(b->n, "base_values_as_tensor") ? "base_values_as_tensor" : "base_values";
  Reals base = list_of(b, wide, f->n_target, false);
  return base.n ? put2(b, "Add", y, put_reals(b, t, 1, &base.n, base.v)) : y;
}

/* Comparisons are made in the type of the features, float32 where these are integers. */
static DType features_type(const Body *b) { return b->in[0]->dtype == DT_F64 ? DT_F64 : DT_F32; }

bool body_tree_regressor(Body *b) {
  Tensor *x = put_rows(b, features_type(b));
  Forest f = {.n_target = (int)attr_int(b->n, "n_targets", 1)};
  read_lists(b, &f, "target", x->dim[1]);
  Tensor *y = put_sum(b, &f, put_leaves(b, &f, x), x->dtype, attr_str(b->n, "aggregate_function", "SUM"));
  b->out[0] = put_post(b, put_cast(b, y, DT_F32), attr_str(b->n, "post_transform", "NONE"));
  return true;
}

bool body_tree_ensemble(Body *b) {
  static const char *const sums[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  static const char *const posts[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  int64_t sum = attr_int(b->n, "aggregate_function", 1), post = attr_int(b->n, "post_transform", 0);
  if (sum < 0 || sum > 3 || post < 0 || post > 4)
    error_at(b->n->loc, "TreeEnsemble: aggregate_function %lld and post_transform %lld, expected 0 to 3 and 0 to 4",
             (long long)sum, (long long)post);
  Tensor *x = put_rows(b, features_type(b));
  Forest f = {.n_target = (int)attr_int(b->n, "n_targets", 1)};
  read_tables(b, &f, x->dim[1]);
  Tensor *y = put_sum(b, &f, put_leaves(b, &f, x), x->dtype, sums[sum]);
  b->out[0] = put_post(b, y, posts[post]);
  return true;
}

/* Where all weights of two classes are on one of them, the other's score follows: 1 - s where no weight is
 * negative, and s > 0.5 decides; -s otherwise, and s > 0 does. */
bool body_tree_classifier(Body *b) {
  Reals labels, ids, weight;
  Tensor *x = put_rows(b, features_type(b));
  const char *transform = attr_str(b->n, "post_transform", "NONE");
  refuse_strings(b, "classlabels_strings");
  attr_reals(b, "classlabels_int64s", &labels);
  bool known = attr_reals(b, "class_ids", &ids);
  attr_reals(b, find_attr(b->n, "class_weights_as_tensor") ? "class_weights_as_tensor" : "class_weights",
             &weight);
  bool one_sided = known && labels.n == 2, positive = true;
  for (int64_t i = 0; i < ids.n; i++) one_sided = one_sided && ids.v[i] == ids.v[0];
  for (int64_t i = 0; i < weight.n; i++) positive = positive && weight.v[i] >= 0;
  Forest f = {.n_target = labels.n > 1 << 20 ? 0 : (int)labels.n};
  read_lists(b, &f, "class", x->dim[1]);
  Tensor *y = put_cast(b, put_sum(b, &f, put_leaves(b, &f, x), x->dtype, "SUM"), DT_F32), *which = NULL;
  if (one_sided) {
    int64_t used = (int64_t)ids.v[0];
    Tensor *score = put_slice(b, y, 1, used, used + 1), *bound = put_real(b, DT_F32, positive ? 0.5 : 0);
    which = put_reshape(b, put_cast(b, put2(b, "Greater", score, bound), DT_I64), 1, &x->dim[0]);
    if (positive) {
      y = put_two_classes(b, put2(b, "Sub", put_real(b, DT_F32, 1), score), score);
      transform = "NONE";
    } else {
      y = put_two_classes(b, put1(b, "Neg", score), score);
      if (strcmp(transform, "LOGISTIC") != 0) transform = "NONE";
    }
  }
  put_label(b, y, which, "classlabels_int64s");
  b->out[1] = put_post(b, y, transform);
  return true;
}
