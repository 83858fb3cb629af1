/* test_ml.c - ai.onnx.ml: ensembles of random trees against a walk down each of them, and the smaller operators
 * against what they are defined as. */
#include <math.h>

#include "op_fixture.h"

static double at(const Tensor *t, int64_t i) { return get_real(t->dtype, t->data, i); }

static void give_reals(Graph *g, Node *n, const char *name, int count, const double *v) {
  set_attr(g, n, &(Attr){.name = name, .kind = ATTR_FLOATS, .n = count, .floats = (double *)v});
}

static Tensor *reals(Graph *g, int rank, const int64_t *dim, const double *v) {
  Tensor *x = random_tensor(g, DT_F32, rank, dim);
  for (int64_t i = 0; i < n_elements(x); i++) set_real(DT_F32, x->data, i, v[i]);
  return x;
}

static void expect(const Tensor *y, int n, const double *want) {
  assert_int_equal(n_elements(y), n);
  for (int i = 0; i < n; i++)
    if (!(fabs(at(y, i) - want[i]) <= 1e-5 * (1 + fabs(want[i]))))
      fail_msg("element %d is %g, not %g", i, at(y, i), want[i]);
}

/* All outputs of a node with two; the second is returned. */
static Tensor *run_two(Graph *g, Node *n) {
  Tensor *more[2] = {n->out[0], new_tensor(g, fresh_name(g, "scores"), DT_NONE, -1, NULL)};
  Node *two = add_node(g, -1, n->op->name, fresh_name(g, "two"), n->n_in, n->in, 2,
                       (Tensor *[]){new_tensor(g, fresh_name(g, "labels"), DT_NONE, -1, NULL), more[1]});
  for (int i = 0; i < n->n_attr; i++) set_attr(g, two, &n->attr[i]);
  infer_node(g, two);
  void *out[2];
  for (int i = 0; i < 2; i++)
    out[i] = two->out[i]->data = arena_alloc(g->arena, tensor_bytes(two->out[i]) + 1);
  two->op->eval(two, (const void *[]){two->in[0]->data}, out);
  return two->out[1];
}

/* ---- trees */

enum { MAX_NODES = 300, FEATURES = 5, TARGETS = 3 };

typedef struct Trees {
  int n, leaves;
  int64_t tree[MAX_NODES], node[MAX_NODES], feature[MAX_NODES], yes[MAX_NODES], no[MAX_NODES],
      missing[MAX_NODES], leaf_tree[MAX_NODES], leaf_node[MAX_NODES], target[MAX_NODES];
  double value[MAX_NODES], weight[MAX_NODES];
  const char *mode[MAX_NODES];
} Trees;

static const char *const modes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                    "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};

/* Adds a subtree; its number within the tree is returned. */
static int64_t grow(Trees *t, int64_t tree, int levels, int n_modes, int64_t *next) {
  int i = t->n++;
  int64_t number = 10 + 3 * (*next)++;
  bool leaf = levels == 0 || random_int(0, 5) == 0;
  t->tree[i] = tree, t->node[i] = number, t->feature[i] = random_int(0, FEATURES - 1);
  t->value[i] = random_int(-3, 3);
  t->mode[i] = leaf ? "LEAF" : modes[random_int(0, n_modes - 1)];
  t->missing[i] = random_int(0, 1);
  if (leaf) {
    t->leaf_tree[t->leaves] = tree, t->leaf_node[t->leaves] = number;
    t->target[t->leaves] = random_int(0, TARGETS - 1);
    t->weight[t->leaves++] = random_int(-40, 40) / 8.0;
    return number;
  }
  t->yes[i] = grow(t, tree, levels - 1, n_modes, next);
  t->no[i] = grow(t, tree, levels - 1, n_modes, next);
  return number;
}

static bool goes_yes(const char *mode, double x, double value) {
  if (strcmp(mode, modes[0]) == 0) return x <= value;
  if (strcmp(mode, modes[1]) == 0) return x < value;
  if (strcmp(mode, modes[2]) == 0) return x >= value;
  if (strcmp(mode, modes[3]) == 0) return x > value;
  return strcmp(mode, modes[4]) == 0 ? x == value : x != value;
}

static int find(const Trees *t, int64_t tree, int64_t node) {
  int i = 0;
  while (t->tree[i] != tree || t->node[i] != node) i++;
  return i;
}

static void walk(const Trees *t, int root, const Tensor *x, int row, double *sum) {
  int i = root;
  while (strcmp(t->mode[i], "LEAF") != 0) {
    double v = at(x, row * FEATURES + t->feature[i]);
    bool yes = goes_yes(t->mode[i], v, t->value[i]) || (isnan(v) && t->missing[i]);
    i = find(t, t->tree[i], yes ? t->yes[i] : t->no[i]);
  }
  for (int k = 0; k < t->leaves; k++)
    if (t->leaf_tree[k] == t->tree[i] && t->leaf_node[k] == t->node[i]) sum[t->target[k]] += t->weight[k];
}

static Node *make_trees(Graph *g, const Trees *t, Tensor *x, const char *op, const char *what) {
  Node *n = make_node(g, op, 1, &x);
  set_ints(g, n, "nodes_treeids", t->n, t->tree), set_ints(g, n, "nodes_nodeids", t->n, t->node);
  set_ints(g, n, "nodes_featureids", t->n, t->feature);
  set_ints(g, n, "nodes_truenodeids", t->n, t->yes), set_ints(g, n, "nodes_falsenodeids", t->n, t->no);
  set_ints(g, n, "nodes_missing_value_tracks_true", t->n, t->missing);
  give_reals(g, n, "nodes_values", t->n, t->value);
  set_attr(g, n, &(Attr){.name = "nodes_modes", .kind = ATTR_STRINGS, .n = t->n,
                         .strings = (const char **)t->mode});
  set_ints(g, n, arena_printf(g->arena, "%s_treeids", what), t->leaves, t->leaf_tree);
  set_ints(g, n, arena_printf(g->arena, "%s_nodeids", what), t->leaves, t->leaf_node);
  set_ints(g, n, arena_printf(g->arena, "%s_ids", what), t->leaves, t->target);
  give_reals(g, n, arena_printf(g->arena, "%s_weights", what), t->leaves, t->weight);
  return n;
}

static Tensor *random_rows(Graph *g, int rows) {
  Tensor *x = random_tensor(g, DT_F32, 2, (int64_t[]){rows, FEATURES});
  for (int64_t i = 0; i < n_elements(x); i++)
    set_real(DT_F32, x->data, i, random_int(0, 9) == 0 ? NAN : random_int(-4, 4));
  return x;
}

static void trees_are_walked_down(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "trees");
    Trees t = {.n = 0};
    int root[4], rows = random_int(1, 6), n_trees = random_int(1, 4);
    for (int k = 0; k < n_trees; k++) {
      int64_t next = 0;
      root[k] = t.n;
      grow(&t, 7 * k, random_int(0, 4), round % 6 + 1, &next);
    }
    Tensor *x = random_rows(g, rows);
    Node *n = make_trees(g, &t, x, "TreeEnsembleRegressor", "target");
    const double base[TARGETS] = {0.5, -1, 2};
    set_int(g, n, "n_targets", TARGETS);
    give_reals(g, n, "base_values", TARGETS, base);
    double want[6 * TARGETS];
    for (int r = 0; r < rows; r++) {
      memcpy(want + r * TARGETS, base, sizeof base);
      for (int k = 0; k < n_trees; k++) walk(&t, root[k], x, r, want + r * TARGETS);
    }
    expect(run_node(g, n), rows * TARGETS, want);

    Node *c = make_trees(g, &t, x, "TreeEnsembleClassifier", "class");
    set_ints(g, c, "classlabels_int64s", TARGETS, (const int64_t[]){40, 50, 60});
    set_str(g, c, "post_transform", "SOFTMAX");
    Tensor *score = run_two(g, c), *label = score->def->out[0];
    for (int r = 0; r < rows; r++) {
      double sum = 0;
      int best = 0;
      for (int k = 0; k < TARGETS; k++) {
        sum += at(score, r * TARGETS + k);
        if (want[r * TARGETS + k] - base[k] > want[r * TARGETS + best] - base[best]) best = k;
      }
      assert_true(fabs(sum - 1) < 1e-5);
      assert_int_equal(at(label, r), 40 + 10 * best);
    }
    free_arena(a);
  }
}

/* One tree for two classes, weights on the second only. */
static void one_side_gives_both_scores(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "trees");
  Trees t = {.n = 3, .leaves = 2, .node = {0, 1, 2}, .yes = {1}, .no = {2}, .value = {0},
             .leaf_node = {1, 2}, .target = {1, 1}, .weight = {0.25, 0.75},
             .mode = {"BRANCH_LEQ", "LEAF", "LEAF"}};
  Tensor *x = reals(g, 2, (int64_t[]){2, 1}, (double[]){-1, 1});
  Node *n = make_trees(g, &t, x, "TreeEnsembleClassifier", "class");
  set_ints(g, n, "classlabels_int64s", 2, (const int64_t[]){3, 9});
  Tensor *score = run_two(g, n);
  expect(score, 4, (double[]){0.75, 0.25, 0.25, 0.75});
  expect(score->def->out[0], 2, (double[]){3, 9});
  t.weight[0] = -2;
  n = make_trees(g, &t, x, "TreeEnsembleClassifier", "class");
  set_ints(g, n, "classlabels_int64s", 2, (const int64_t[]){3, 9});
  set_str(g, n, "post_transform", "LOGISTIC");
  double u = 1 / (1 + exp(-2.0)), v = 1 / (1 + exp(0.75));
  score = run_two(g, n);
  expect(score, 4, (double[]){u, 1 - u, v, 1 - v});
  expect(score->def->out[0], 2, (double[]){3, 9});
  free_arena(a);
}

/* ---- the others */

static void features_are_scaled_and_cut(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "features");
  int64_t dim[2] = {2, 3};
  Tensor *x = reals(g, 2, dim, (double[]){1, 2, 3, -4, 0, 6});
  Node *n = make_node(g, "Scaler", 1, &x);
  give_reals(g, n, "offset", 3, (double[]){1, 2, 3});
  give_reals(g, n, "scale", 1, (double[]){2});
  expect(run_node(g, n), 6, (double[]){0, 0, 0, -10, -4, 6});
  n = make_node(g, "Binarizer", 1, &x);
  set_float(g, n, "threshold", 2);
  expect(run_node(g, n), 6, (double[]){0, 0, 1, 0, 0, 1});
  static const struct {
    const char *norm;
    double want[6];
  } norms[] = {{"MAX", {1 / 3.0, 2 / 3.0, 1, -4 / 6.0, 0, 1}}, {"L1", {1 / 6.0, 2 / 6.0, 0.5, -0.4, 0, 0.6}}};
  for (int i = 0; i < 2; i++) {
    n = make_node(g, "Normalizer", 1, &x);
    set_str(g, n, "norm", norms[i].norm);
    expect(run_node(g, n), 6, norms[i].want);
  }
  n = make_node(g, "Imputer", 1, &x);
  give_reals(g, n, "imputed_value_floats", 3, (double[]){7, 8, 9});
  expect(run_node(g, n), 6, (double[]){1, 2, 3, -4, 8, 6});
  Tensor *columns = new_const_i64(g, "columns", 2, (int64_t[]){2, 0});
  n = make_node(g, "ArrayFeatureExtractor", 2, (Tensor *[]){x, columns});
  expect(run_node(g, n), 4, (double[]){3, 1, 6, -4});
  n = make_node(g, "FeatureVectorizer", 2, (Tensor *[]){columns, columns});
  expect(run_node(g, n), 4, (double[]){2, 0, 2, 0});
  free_arena(a);
}

static void labels_are_looked_up(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "labels");
  Tensor *x = new_const_i64(g, "x", 4, (int64_t[]){5, 1, 7, 5});
  Node *n = make_node(g, "LabelEncoder", 1, &x);
  set_ints(g, n, "keys_int64s", 2, (const int64_t[]){1, 5});
  give_reals(g, n, "values_floats", 2, (double[]){0.5, 2.5});
  set_float(g, n, "default_float", -3);
  expect(run_node(g, n), 4, (double[]){2.5, 0.5, -3, 2.5});
  n = make_node(g, "OneHotEncoder", 1, &x);
  set_ints(g, n, "cats_int64s", 2, (const int64_t[]){1, 5});
  expect(run_node(g, n), 8, (double[]){0, 1, 1, 0, 0, 0, 0, 1});
  Tensor *reals_in = reals(g, 1, (int64_t[]){3}, (double[]){NAN, 1, 4});
  n = make_node(g, "LabelEncoder", 1, &reals_in);
  give_reals(g, n, "keys_floats", 2, (double[]){NAN, 1});
  set_ints(g, n, "values_int64s", 2, (const int64_t[]){10, 11});
  expect(run_node(g, n), 3, (double[]){10, 11, -1});
  free_arena(a);
}

static void linear_models_multiply(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "linear");
  Tensor *x = reals(g, 2, (int64_t[]){2, 2}, (double[]){1, 2, -3, 0});
  Node *n = make_node(g, "LinearRegressor", 1, &x);
  give_reals(g, n, "coefficients", 4, (double[]){1, 1, 0, 2});
  give_reals(g, n, "intercepts", 2, (double[]){0.5, 0});
  set_int(g, n, "targets", 2);
  expect(run_node(g, n), 4, (double[]){3.5, 4, -2.5, 0});
  n = make_node(g, "LinearClassifier", 1, &x);
  give_reals(g, n, "coefficients", 2, (double[]){1, 1});
  set_ints(g, n, "classlabels_ints", 2, (const int64_t[]){8, 4});
  set_str(g, n, "post_transform", "LOGISTIC");
  Tensor *score = run_two(g, n);
  double u = 1 / (1 + exp(-3.0)), v = 1 / (1 + exp(3.0));
  expect(score, 4, (double[]){1 - u, u, 1 - v, v});
  expect(score->def->out[0], 2, (double[]){4, 8});
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trees_are_walked_down),
      cmocka_unit_test(one_side_gives_both_scores),
      cmocka_unit_test(features_are_scaled_and_cut),
      cmocka_unit_test(labels_are_looked_up),
      cmocka_unit_test(linear_models_multiply),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
