/* test_ops_found.c - operators whose output depends on the values of constants, small examples by hand; Det,
 * n-grams, also by the kernel, and random numbers. */
#include "op_fixture.h"

#include "runtime/nms.h"
#include "runtime/tfidf.h"

static Tensor *floats(Graph *g, int rank, const int64_t *dim, float *v) {
  return new_const(g, fresh_name(g, "x"), DT_F32, rank, dim, v);
}

static void assert_ints(const Tensor *t, int n, const int64_t *want) {
  assert_int_equal(n_elements(t), n);
  assert_memory_equal(t->data, want, (size_t)n * sizeof *want);
}

static void places_are_found(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "nonzero");
  float v[] = {0, 1, 2, 0, 0, 3};
  Tensor *x = floats(g, 2, (int64_t[]){2, 3}, v);
  assert_ints(run_node(g, make_node(g, "NonZero", 1, &x)), 6, (int64_t[]){0, 0, 1, 1, 2, 2});
  free_arena(a);
}

static void unique_entries(void **state) {
  (void)state;
  static const int64_t want[2][4][4] = {{{3, 1, 2}, {0, 1, 3}, {0, 1, 0, 2}, {2, 1, 1}},
                                        {{1, 2, 3}, {1, 3, 0}, {2, 0, 2, 1}, {1, 1, 2}}};
  static const int count[4] = {3, 3, 4, 3};
  Arena *a = new_arena();
  Graph *g = new_graph(a, "unique");
  int64_t v[] = {3, 1, 3, 2};
  Tensor *x = new_const_i64(g, "x", 4, v);
  for (int sorted = 0; sorted < 2; sorted++) {
    Tensor *out[4];
    void *data[4];
    for (int i = 0; i < 4; i++) out[i] = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
    Node *n = add_node(g, -1, "Unique", "unique", 1, &x, 4, out);
    set_int(g, n, "sorted", sorted);
    infer_node(g, n);
    for (int i = 0; i < 4; i++) data[i] = out[i]->data = arena_alloc(a, tensor_bytes(out[i]) + 1);
    n->op->eval(n, (const void *const[]){x->data}, data);
    for (int i = 0; i < 4; i++) assert_ints(out[i], count[i], want[sorted][i]);
  }
  free_arena(a);
}

static void overlapping_boxes_are_left_out(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "nms");
  float boxes[] = {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 2, 2, 1, 1}, scores[] = {0.5f, 0.9f, 0.4f}, overlap = 0.5f, least = 0.3f;
  int64_t most = 3;
  Tensor *in[5] = {floats(g, 3, (int64_t[]){1, 3, 4}, boxes), floats(g, 3, (int64_t[]){1, 1, 3}, scores),
                   new_const_i64(g, "most", 1, &most), floats(g, 0, NULL, &overlap), floats(g, 0, NULL, &least)};
  assert_ints(run_node(g, make_node(g, "NonMaxSuppression", 5, in)), 6, (int64_t[]){0, 0, 1, 0, 0, 2});
  free_arena(a);
}

/* The reference and the kernel, on random boxes, with room for all. */
static void found_boxes_have_room(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int round = 0; round < 20; round++) {
    Graph *g = new_graph(a, "room");
    int64_t most = random_int(0, 4), got[2 * 4 * 3], count;
    float overlap = 0.3f, least = -1;
    Tensor *in[5] = {random_tensor(g, DT_F32, 3, (int64_t[]){1, 5, 4}), random_tensor(g, DT_F32, 3, (int64_t[]){1, 2, 5}),
                     new_const_i64(g, "most", 1, &most), floats(g, 0, NULL, &overlap), floats(g, 0, NULL, &least)};
    const void *data[5];
    for (int i = 0; i < 5; i++) data[i] = in[i]->data;
    Tensor *out[2] = {new_tensor(g, "y", DT_NONE, -1, NULL), new_tensor(g, "n", DT_NONE, -1, NULL)};
    Node *n = add_node(g, -1, "NonMaxSuppression", "nms", 5, in, 2, out);
    set_int(g, n, "capacity", 1);
    infer_node(g, n);
    assert_int_equal(out[0]->dim[0], 2 * most);
    for (int i = 0; i < 2; i++) out[i]->data = arena_alloc(a, tensor_bytes(out[i]) + 1);
    n->op->eval(n, data, (void *const[]){out[0]->data, out[1]->data});
    struct qcc_nms p = {1, 2, 5, (int32_t)most, 0, 1, (double)overlap, (double)least};
    uint8_t done[5];
    qcc_nms(&p, done, data[0], data[1], got, &count);
    assert_memory_equal(got, out[0]->data, (size_t)tensor_bytes(out[0]));
    assert_int_equal(count, *(int64_t *)out[1]->data);
  }
  free_arena(a);
}

static void determinants(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "det");
  float v[] = {0, 2, 1, 3, 0, 0, 0, 1, 1, /* and a singular one */ 1, 2, 3, 2, 4, 6, 0, 0, 1};
  Tensor *x = floats(g, 3, (int64_t[]){2, 3, 3}, v), *y = run_node(g, make_node(g, "Det", 1, &x));
  assert_int_equal(y->rank, 1);
  assert_true(((float *)y->data)[0] == -3 && ((float *)y->data)[1] == 0);
  free_arena(a);
}

static void ngrams_are_counted(void **state) {
  (void)state;
  static const int64_t pool[] = {2, 3, 5, 4, 5, 6, 7, 8, 6, 7}, length[] = {1, 1, 1, 1, 2, 2, 2};
  Arena *a = new_arena();
  Graph *g = new_graph(a, "ngrams");
  int64_t v[] = {1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8};
  Tensor *x = new_const_i64(g, "x", 12, v);
  Node *n = make_node(g, "TfIdfVectorizer", 1, &x);
  set_ints(g, n, "pool_int64s", 10, pool);
  set_ints(g, n, "ngram_counts", 2, (int64_t[]){0, 4});
  set_ints(g, n, "ngram_indexes", 7, (int64_t[]){0, 1, 2, 3, 4, 5, 6});
  set_int(g, n, "min_gram_length", 1), set_int(g, n, "max_gram_length", 2), set_int(g, n, "max_skip_count", 5);
  const float want[] = {0, 3, 1, 0, 1, 3, 1};
  assert_memory_equal(run_node(g, n)->data, want, sizeof want);
  /* The kernel, on the same and on random numbers of both types. */
  int32_t short_length[7], place[7], short_x[12];
  for (int i = 0; i < 7; i++) short_length[i] = (int32_t)length[i], place[i] = i;
  for (int round = 0; round < 20; round++) {
    struct qcc_tfidf p = {1, 12, 7, 7, 5, 1, 1, pool, short_length, place, NULL};
    float y[7], z[7];
    for (int i = 0; i < 12; i++) short_x[i] = (int32_t)v[i];
    qcc_tfidf(&p, v, y);
    p.wide = 0;
    qcc_tfidf(&p, short_x, z);
    assert_memory_equal(y, run_node(g, n)->data, sizeof y);
    assert_memory_equal(z, y, sizeof y);
    for (int i = 0; i < 12; i++) ((int64_t *)x->data)[i] = v[i] = random_int(1, 8);
  }
  free_arena(a);
}

static void random_numbers_are_the_same_again(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "random");
  double sum = 0, squares = 0;
  for (int round = 0; round < 2; round++) {
    Node *n = make_node(g, "RandomNormal", 0, NULL), *same = make_node(g, "RandomNormal", 0, NULL);
    set_ints(g, n, "shape", 1, (int64_t[]){4000}), set_ints(g, same, "shape", 1, (int64_t[]){4000});
    set_float(g, n, "seed", round), set_float(g, same, "seed", round);
    const Tensor *y = run_node(g, n);
    assert_same(run_node(g, same), y);
    for (int i = 0; i < 4000; i++) sum += get_real(DT_F32, y->data, i), squares += get_real(DT_F32, y->data, i) * get_real(DT_F32, y->data, i);
  }
  assert_true(sum / 8000 < 0.05 && sum / 8000 > -0.05 && squares / 8000 < 1.05 && squares / 8000 > 0.95);
  float p[] = {0, 1, 0, 1};
  const uint8_t want[] = {0, 1, 0, 1};
  Tensor *x = floats(g, 1, (int64_t[]){4}, p);
  Node *n = make_node(g, "Bernoulli", 1, &x);
  set_int(g, n, "dtype", DT_BOOL);
  assert_memory_equal(run_node(g, n)->data, want, sizeof want);
  free_arena(a);
}

static void places_have_room(void **state) {
  (void)state;
  Graph *g = new_graph(new_arena(), "places");
  static int8_t v[6] = {0, 3, 0, 0, -1, 2};
  int64_t dim[2] = {2, 3};
  Tensor *x = new_const(g, "x", DT_I8, 2, dim, v), *y[2];
  for (int i = 0; i < 2; i++) y[i] = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  Node *n = add_node(g, -1, "NonZero", "places", 1, &x, 2, y);
  set_int(g, n, "capacity", 1);
  infer_node(g, n);
  assert_int_equal(y[0]->dim[0], 2);
  assert_int_equal(y[0]->dim[1], 6);
  int64_t place[12], count;
  eval_node(n, (const void *[]){v}, (void *[]){place, &count});
  const int64_t want[12] = {0, 1, 1, -1, -1, -1, 1, 1, 2, -1, -1, -1};
  assert_memory_equal(place, want, sizeof want);
  assert_int_equal(count, 3);
  free_arena(g->arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(places_have_room),
      cmocka_unit_test(places_are_found),   cmocka_unit_test(unique_entries),
      cmocka_unit_test(overlapping_boxes_are_left_out),
      cmocka_unit_test(found_boxes_have_room), cmocka_unit_test(determinants),
      cmocka_unit_test(ngrams_are_counted), cmocka_unit_test(random_numbers_are_the_same_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
