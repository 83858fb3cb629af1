/* test_ops_einsum.c - Einsum against the sum over all values of all labels, of integers, so that it is exact;
 * losses and the operators that select, by hand. */
#include "op_fixture.h"

typedef struct Term {
  const char *labels;
  const Tensor *t;
} Term;

/* The size of a label in the terms, the largest. */
static int64_t size_of(int n, const Term *term, char label) {
  int64_t size = 1;
  for (int i = 0; i < n; i++)
    for (int d = 0; term[i].labels[d]; d++)
      if (term[i].labels[d] == label && term[i].t->dim[d] > size) size = term[i].t->dim[d];
  return size;
}

/* Element of a term where labels have these values; a dimension of 1 has one for all. */
static int64_t value_at(const Term *term, const int64_t *value) {
  int64_t at = 0;
  for (int d = 0; term->labels[d]; d++)
    at = at * term->t->dim[d] + (term->t->dim[d] == 1 ? 0 : value[(int)term->labels[d]]);
  return get_int(term->t->dtype, term->t->data, at);
}

static void check_einsum(Graph *g, const char *equation, int n, const Term *term, const char *labels,
                         const char *out) {
  Tensor *in[3];
  for (int i = 0; i < n; i++) in[i] = (Tensor *)term[i].t;
  Node *node = make_node(g, "Einsum", n, in);
  set_str(g, node, "equation", equation);
  const Tensor *y = run_node(g, node);
  int64_t all = 1, size[128] = {0}, value[128] = {0}, *want = arena_alloc(g->arena, n_elements(y) * 8 + 8);
  for (int l = 0; labels[l]; l++) {
    size[(int)labels[l]] = size_of(n, term, labels[l]);
    all *= size[(int)labels[l]];
  }
  assert_int_equal(y->rank, strlen(out));
  for (int d = 0; out[d]; d++) assert_int_equal(y->dim[d], size[(int)out[d]]);
  for (int64_t k = 0; k < all; k++) {
    int64_t rest = k, product = 1, at = 0;
    for (int l = 0; labels[l]; l++) {
      value[(int)labels[l]] = rest % size[(int)labels[l]];
      rest /= size[(int)labels[l]];
    }
    for (int i = 0; i < n; i++) product *= value_at(&term[i], value);
    for (int d = 0; out[d]; d++) at = at * y->dim[d] + value[(int)out[d]];
    want[at] += product;
  }
  for (int64_t i = 0; i < n_elements(y); i++)
    if (get_int(y->dtype, y->data, i) != want[i])
      fail_msg("%s: element %lld is %lld, expected %lld", equation, (long long)i,
               (long long)get_int(y->dtype, y->data, i), (long long)want[i]);
}

static void equations_are_sums(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "einsum");
  Tensor *x = random_tensor(g, DT_I32, 3, (int64_t[]){2, 3, 4}), *y = random_tensor(g, DT_I32, 3, (int64_t[]){2, 4, 5}),
         *square = random_tensor(g, DT_I32, 3, (int64_t[]){3, 2, 3}), *row = random_tensor(g, DT_I32, 2, (int64_t[]){1, 4});
  Term product[] = {{"bij", x}, {"bjk", y}}, one[] = {{"iji", square}}, flat[] = {{"bij", x}, {"zj", row}},
       three[] = {{"bij", x}, {"bjk", y}, {"iBi", square}}, wide[] = {{"bij", x}, {"ij", row}};
  check_einsum(g, "bij,bjk->bik", 2, product, "bijk", "bik");
  check_einsum(g, " b i j , b j k ", 2, product, "bijk", "ik");
  check_einsum(g, "bij,bjk->kjib", 2, product, "bijk", "kjib");
  check_einsum(g, "...j,...jk->k...", 2, (Term[]){{"bj", random_tensor(g, DT_I32, 2, (int64_t[]){2, 4})}, {"bjk", y}},
               "bjk", "kb");
  check_einsum(g, "iji->ij", 1, one, "ij", "ij");
  check_einsum(g, "iji", 1, one, "ij", "j");
  check_einsum(g, "iji->", 1, one, "ij", "");
  check_einsum(g, "bij,zj->bz", 2, flat, "bijz", "bz");
  check_einsum(g, "b...,...->b...", 2, wide, "bij", "bij");
  check_einsum(g, "bij,bjk,iBi->kB", 3, three, "bijkB", "kB");
  free_arena(a);
}

static void floats_are_multiplied_by_matmul(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "matmul");
  Tensor *in[2] = {random_tensor(g, DT_F32, 3, (int64_t[]){2, 3, 4}), random_tensor(g, DT_F32, 3, (int64_t[]){2, 4, 5})};
  Node *n = make_node(g, "Einsum", 2, in);
  set_str(g, n, "equation", "...ij,...jk");
  assert_near(run_node(g, n), run_node(g, make_node(g, "MatMul", 2, in)), 1e-6);
  free_arena(a);
}

static void losses_leave_out_what_is_ignored(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "loss");
  float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, weight[] = {1, 2, 3};
  int64_t label[] = {2, -1, 0};
  Tensor *in[3] = {new_const(g, "x", DT_F32, 2, (int64_t[]){3, 3}, x), new_const_i64(g, "label", 3, label),
                   new_const(g, "weight", DT_F32, 1, (int64_t[]){3}, weight)};
  Node *n = make_node(g, "NegativeLogLikelihoodLoss", 3, in);
  set_int(g, n, "ignore_index", -1);
  assert_true(*(float *)run_node(g, n)->data == -(3 * 3 + 7 * 1) / 4.0f);
  set_str(g, n, "reduction", "sum");
  assert_true(*(float *)run_node(g, n)->data == -16);
  free_arena(a);
}

static void selections_follow_a_condition(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "select");
  float x[] = {1, 3, 3, 2, 5, 4}, want[] = {0, 1, 0, 0, 1, 0}, flat[] = {0, 0, 0, 0, 1, 0}, kept[] = {3, 2};
  uint8_t condition[] = {0, 0, 1, 1};
  Tensor *in[2] = {new_const(g, "x", DT_F32, 2, (int64_t[]){2, 3}, x),
                   new_const(g, "c", DT_BOOL, 1, (int64_t[]){4}, condition)};
  g->opset = 13;
  assert_memory_equal(run_node(g, make_node(g, "Hardmax", 1, in))->data, want, sizeof want);
  assert_memory_equal(run_node(g, make_node(g, "Compress", 2, in))->data, kept, sizeof kept);
  g->opset = 11;
  Node *old = make_node(g, "Hardmax", 1, in);
  set_int(g, old, "axis", 0);
  assert_memory_equal(run_node(g, old)->data, flat, sizeof flat);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equations_are_sums),
      cmocka_unit_test(floats_are_multiplied_by_matmul),
      cmocka_unit_test(losses_leave_out_what_is_ignored),
      cmocka_unit_test(selections_follow_a_condition),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
