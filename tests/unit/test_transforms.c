/* test_transforms.c - transforms before quantization leave what the float network computes as it
 * is. */
#include <math.h>
#include <string.h>

#include "ir/policy.h"
#include "passes/passes.h"
#include "tests/unit/op_fixture.h"

/* A convolution, a depthwise one, a grouped one, one that two nodes read, and a pair of Gemm. */
static Graph *chain(Arena *a) {
  Graph *g = new_graph(a, "g");
  Tensor *x = new_tensor(g, "x", DT_F32, 4, (int64_t[]){1, 6, 5, 4});
  x->layout = LAYOUT_NHWC;
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[g->n_in++] = x;
  static const int64_t shape[4][4] = {{8, 3, 3, 4}, {8, 3, 3, 1}, {6, 1, 1, 4}, {6, 1, 1, 6}};
  static const int group[4] = {1, 8, 2, 1};
  Tensor *y = x;
  for (int i = 0; i < 4; i++) {
    Tensor *w = random_tensor(g, DT_F32, 4, shape[i]);
    w->layout = LAYOUT_NHWC;
    Tensor *in[3] = {y, w, random_tensor(g, DT_F32, 1, &shape[i][0])};
    Node *n = make_node(g, "Conv", i == 1 ? 2 : 3, in);
    set_int(g, n, "group", group[i]);
    if (i == 0) set_str(g, n, "activation", "Clip"), set_float(g, n, "activation_min", 0);
    if (i == 1) set_str(g, n, "activation", "LeakyRelu"), set_float(g, n, "activation_alpha", 0.1);
    infer_node(g, n);
    y = n->out[0];
  }
  Tensor *sum = add_op(g, -1, "Add", "sum", 2, (Tensor *[]){g->node[2]->out[0], y});
  Tensor *flat = add_op(g, -1, "Flatten", "flat", 1, &sum);
  for (int i = 0; i < 2; i++) {
    int64_t dim[2] = {5, i == 0 ? flat->dim[1] : 5};
    Node *n = make_node(g, "Gemm", 2, (Tensor *[]){flat, random_tensor(g, DT_F32, 2, dim)});
    set_int(g, n, "transB", 1);
    infer_node(g, n);
    flat = n->out[0];
  }
  g->out = arena_alloc(a, sizeof *g->out);
  g->out[g->n_out++] = flat;
  return g;
}

static void run_on(const Graph *g, const float *x, float *y) {
  Interp *it = new_interp(g);
  const void *in = x;
  run_interp(it, &in, NULL, NULL);
  memcpy(y, interp_value(it, g->out[0]), (size_t)tensor_bytes(g->out[0]));
  free_interp(it);
}

static void transform(Graph *g, const char *pass) {
  Setting s = {.key = "transforms", .value = pass};
  Policy p = {.defaults = {1, &s}};
  Context cx = {.arena = g->arena, .policy = &p};
  find_pass(pass)->run(g, &cx);
  verify_graph(g);
}

/* Largest magnitude of n elements, `step` apart. */
static double largest(const float *v, int64_t n, int64_t step) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)v[i * step]));
  return most;
}

static void equalize_keeps_outputs(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = chain(a), *before = clone_graph(g);
  const Tensor *x = random_tensor(g, DT_F32, 4, g->in[0]->dim);
  float want[5], got[5];
  transform(g, "equalize");
  run_on(before, x->data, want);
  run_on(g, x->data, got);
  for (int i = 0; i < 5; i++)
    assert_true(fabs((double)want[i] - got[i]) < 1e-5 * largest(want, 5, 1));
  free_arena(a);
}

static void equalize_balances_pairs(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = chain(a), *before = clone_graph(g);
  transform(g, "equalize");
  const float *conv = g->node[0]->in[1]->data, *depthwise = g->node[1]->in[1]->data;
  const float *grouped = g->node[2]->in[1]->data;
  for (int c = 0; c < 8; c++) {
    double made = largest(conv + c * 36, 36, 1), through = largest(depthwise + c * 9, 9, 1);
    double read = largest(grouped + c / 4 * 12 + c % 4, 3, 4);
    assert_true(fabs(made / through - 1) < 0.01);
    assert_true(fabs(through / read - 1) < 0.01);
  }
  /* Two nodes read the grouped convolution, so nothing moves behind it; the Gemm pair is one. */
  assert_memory_equal(g->node[3]->in[1]->data, before->node[3]->in[1]->data, 36 * 4);
  assert_memory_not_equal(g->node[7]->in[1]->data, before->node[7]->in[1]->data, 25 * 4);
  free_arena(a);
}

/* Without the word in the policy, or where an activation does not scale, nothing happens. */
static void equalize_leaves_what_it_must(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = chain(a);
  set_float(g, g->node[0], "activation_max", 6);
  Graph *before = clone_graph(g);
  Policy p = {0};
  Context cx = {.arena = a, .policy = &p};
  find_pass("equalize")->run(g, &cx);
  for (int i = 0; i < 4; i++)
    assert_ptr_equal(g->node[i]->in[1], find_tensor(g, before->node[i]->in[1]->name));
  transform(g, "equalize");
  assert_memory_equal(g->node[0]->in[1]->data, before->node[0]->in[1]->data, 8 * 36 * 4);
  assert_memory_not_equal(g->node[1]->in[1]->data, before->node[1]->in[1]->data, 8 * 9 * 4);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equalize_keeps_outputs),
      cmocka_unit_test(equalize_balances_pairs),
      cmocka_unit_test(equalize_leaves_what_it_must),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
