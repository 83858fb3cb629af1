/* test_ops_indexed.c - operators that move elements by indices, and scans along an axis: what goes there
 * and back is the same, and small examples by hand. */
#include "op_fixture.h"

static Tensor *ints(Graph *g, int rank, const int64_t *dim, const int64_t *v) {
  Tensor *t = new_const(g, fresh_name(g, "ints"), DT_I64, rank, dim, NULL);
  t->data = arena_alloc(g->arena, tensor_bytes(t) + 1);
  memcpy(t->data, v, (size_t)tensor_bytes(t));
  return t;
}

static Tensor *vector(Graph *g, int64_t n, const int64_t *v) { return ints(g, 1, &n, v); }

static void assert_ints(const Tensor *t, int n, const int64_t *want) {
  assert_int_equal(n_elements(t), n);
  for (int i = 0; i < n; i++) assert_int_equal(get_int(t->dtype, t->data, i), want[i]);
}

static void scatter_undoes_gather(void **state) {
  (void)state;
  static const int64_t dim[] = {2, 3, 4}, order[] = {1, -1, 0};
  Arena *a = new_arena();
  Graph *g = new_graph(a, "elements");
  Tensor *x = random_tensor(g, DT_I16, 3, dim), *y;
  int64_t v[24];
  for (int i = 0; i < 24; i++) v[i] = order[i / 4 % 3];
  Tensor *index = ints(g, 3, dim, v);
  Node *n = make_node(g, "GatherElements", 2, (Tensor *[]){x, index});
  set_int(g, n, "axis", 1);
  y = run_node(g, n);
  assert_int_equal(get_int(DT_I16, y->data, 0), get_int(DT_I16, x->data, 4));
  Node *back = make_node(g, "ScatterElements", 3, (Tensor *[]){random_tensor(g, DT_I16, 3, dim), index, y});
  set_int(g, back, "axis", -2);
  assert_same(run_node(g, back), x);
  /* The same by tuples. */
  Tensor *pairs = ints(g, 3, (int64_t[]){2, 3, 2}, (int64_t[]){0, 2, 0, 1, 0, 0, 1, 0, 1, -1, 1, 1});
  y = run_node(g, make_node(g, "GatherND", 2, (Tensor *[]){x, pairs}));
  assert_memory_equal(y->data, (int16_t *)x->data + 8, 8);
  back = make_node(g, "ScatterND", 3, (Tensor *[]){random_tensor(g, DT_I16, 3, dim), pairs, y});
  assert_same(run_node(g, back), x);
  free_arena(a);
}

static void scatter_reduces(void **state) {
  (void)state;
  static const char *const how[] = {"add", "mul", "min", "max"};
  static const int64_t want[4][2] = {{5 + 3 - 2, 7}, {5 * 3 * -2, 7}, {-2, 7}, {5, 7}};
  Arena *a = new_arena();
  Graph *g = new_graph(a, "reduce");
  for (int i = 0; i < 4; i++) {
    Tensor *in[3] = {vector(g, 2, (int64_t[]){5, 7}), vector(g, 2, (int64_t[]){0, -2}),
                     vector(g, 2, (int64_t[]){3, -2})};
    Node *n = make_node(g, "ScatterElements", 3, in);
    set_str(g, n, "reduction", how[i]);
    assert_ints(run_node(g, n), 2, want[i]);
  }
  free_arena(a);
}

static void caches_wrap_around(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "cache");
  Tensor *in[3] = {ints(g, 3, (int64_t[]){1, 3, 1}, (int64_t[]){1, 2, 3}),
                   ints(g, 3, (int64_t[]){1, 2, 1}, (int64_t[]){8, 9}), vector(g, 1, (int64_t[]){2})};
  Node *n = make_node(g, "TensorScatter", 3, in);
  set_str(g, n, "mode", "circular");
  assert_ints(run_node(g, n), 3, (int64_t[]){9, 2, 8});
  free_arena(a);
}

static void scans_go_both_ways(void **state) {
  (void)state;
  static const int64_t want[4][3] = {{2, 5, 9}, {0, 2, 5}, {9, 7, 4}, {7, 4, 0}};
  Arena *a = new_arena();
  Graph *g = new_graph(a, "scan");
  Tensor *in[2] = {vector(g, 3, (int64_t[]){2, 3, 4}), vector(g, 1, (int64_t[]){-1})};
  for (int i = 0; i < 4; i++) {
    Node *n = make_node(g, "CumSum", 2, in);
    set_int(g, n, "exclusive", i & 1), set_int(g, n, "reverse", i >> 1);
    assert_ints(run_node(g, n), 3, want[i]);
  }
  assert_ints(run_node(g, make_node(g, "CumProd", 2, in)), 3, (int64_t[]){2, 6, 24});
  free_arena(a);
}

static void best_come_first(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "topk");
  Tensor *in[2] = {vector(g, 5, (int64_t[]){4, 9, 9, 1, 6}), vector(g, 1, (int64_t[]){3})};
  for (int largest = 0; largest < 2; largest++) {
    Tensor *out[2] = {new_tensor(g, fresh_name(g, "v"), DT_NONE, -1, NULL),
                      new_tensor(g, fresh_name(g, "i"), DT_NONE, -1, NULL)};
    Node *n = add_node(g, -1, "TopK", "topk", 2, in, 2, out);
    set_int(g, n, "largest", largest);
    infer_node(g, n);
    for (int i = 0; i < 2; i++) out[i]->data = arena_alloc(a, tensor_bytes(out[i]));
    n->op->eval(n, (const void *const[]){in[0]->data, in[1]->data}, (void *const[]){out[0]->data, out[1]->data});
    assert_ints(out[0], 3, largest ? (int64_t[]){9, 9, 6} : (int64_t[]){1, 4, 6});
    assert_ints(out[1], 3, largest ? (int64_t[]){1, 2, 4} : (int64_t[]){3, 0, 4});
  }
  free_arena(a);
}

static void places_are_marked(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "marks");
  Tensor *in[3] = {vector(g, 3, (int64_t[]){1, -1, 5}), vector(g, 1, (int64_t[]){2}),
                   vector(g, 2, (int64_t[]){7, 8})};
  assert_ints(run_node(g, make_node(g, "OneHot", 3, in)), 6, (int64_t[]){7, 8, 7, 8, 7, 7});
  Tensor *x = ints(g, 2, (int64_t[]){2, 3}, (int64_t[]){1, 2, 3, 4, 5, 6}), *k = vector(g, 1, (int64_t[]){1});
  assert_ints(run_node(g, make_node(g, "Trilu", 2, (Tensor *[]){x, k})), 6, (int64_t[]){0, 2, 3, 0, 0, 6});
  Node *eye = make_node(g, "EyeLike", 1, &x);
  set_int(g, eye, "k", -1);
  assert_ints(run_node(g, eye), 6, (int64_t[]){0, 0, 0, 1, 0, 0});
  Node *back = make_node(g, "ReverseSequence", 2, (Tensor *[]){x, vector(g, 2, (int64_t[]){2, 3})});
  set_int(g, back, "batch_axis", 0), set_int(g, back, "time_axis", 1);
  assert_ints(run_node(g, back), 6, (int64_t[]){2, 1, 3, 6, 5, 4});
  free_arena(a);
}

static void old_slopes_are_for_channels(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "prelu");
  g->opset = 6;
  float x[] = {-1, -1, -1, -1}, slope[] = {2, 3}, want[] = {-2, -2, -3, -3};
  Tensor *in[2] = {new_const(g, "x", DT_F32, 3, (int64_t[]){1, 2, 2}, x),
                   new_const(g, "slope", DT_F32, 1, (int64_t[]){2}, slope)};
  assert_memory_equal(run_node(g, make_node(g, "PRelu", 2, in))->data, want, sizeof want);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scatter_undoes_gather), cmocka_unit_test(scatter_reduces),
      cmocka_unit_test(caches_wrap_around),    cmocka_unit_test(scans_go_both_ways),
      cmocka_unit_test(best_come_first),       cmocka_unit_test(places_are_marked),
      cmocka_unit_test(old_slopes_are_for_channels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
